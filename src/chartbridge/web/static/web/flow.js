// The board: puts a new answer in place card by card, opens the move menu, moves by keyboard and by drag.

// ---- hx-swap="keyed": what has the same id and the same content stays as it is, so nothing flickers or loses focus.
function put(held, fresh) {
  const before = new Map([...held.children].filter((each) => each.id).map((each) => [each.id, each]));
  const next = [...fresh.children].map((each) => {
    const old = before.get(each.id);
    if (!old) return each;
    if ("keyed" in each.dataset && "keyed" in old.dataset) { put(old, each); return old; }
    if (old.tagName === "DETAILS" && old.open) each.open = true;
    return old.outerHTML === each.outerHTML ? old : each;
  });
  const stays = new Set(next);
  for (const child of [...held.childNodes]) if (!stays.has(child)) child.remove();
  next.forEach((each, index) => { if (held.children[index] !== each) held.insertBefore(each, held.children[index] ?? null); });
}
function places() {
  return new Map([...document.querySelectorAll("[data-column] [data-card]")].map((card) => [card.dataset.card, card.closest("[data-column]").id]));
}
htmx.defineExtension("keyed", {
  isInlineSwap: (style) => style === "keyed",
  handleSwap(style, target, fragment) {
    if (style !== "keyed") return false;
    const was = places();
    const focused = document.activeElement?.id;
    put(target, fragment);
    for (const [key, column] of places()) {
      if (was.has(key) && was.get(key) !== column) document.getElementById(`card-${key}`).classList.add("flow__card--moved");
    }
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
    return [...target.querySelectorAll("[hx-get], [hx-post]")].filter((each) => !each["htmx-internal-data"]);
  },
});

// ---- the menu
const menu = document.getElementById("flow-menu");
let opener = null;
document.addEventListener("htmx:beforeRequest", (event) => { if (event.target.matches("[data-menu]")) opener = event.target; });
menu.addEventListener("htmx:afterSwap", () => {
  if (!opener?.isConnected) return;
  menu.showPopover();
  const at = opener.getBoundingClientRect();
  const left = Math.min(at.right - menu.offsetWidth, window.innerWidth - menu.offsetWidth - 8);
  const below = at.bottom + 4 + menu.offsetHeight < window.innerHeight;
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - menu.offsetHeight)}px`;
  menu.querySelector("button")?.focus();
});
menu.addEventListener("toggle", (event) => {
  if (event.newState === "closed" && opener && (document.activeElement === document.body || menu.contains(document.activeElement))) {
    document.getElementById(opener.id)?.focus({ preventScroll: true });
  }
});
menu.addEventListener("click", (event) => { if (event.target.closest("[data-move]")) menu.hidePopover(); });
menu.addEventListener("keydown", (event) => {
  const items = [...menu.querySelectorAll("button, a")];
  const at = items.indexOf(document.activeElement);
  if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
  else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
  else return;
  event.preventDefault();
});

// ---- by keyboard: on a card 1 to 6 move it into that column, the arrows go from card to card
const columns = () => [...document.querySelectorAll("[data-column]")];
function move(key, column) {
  htmx.ajax("POST", document.body.dataset.flowMove, { target: "#board", swap: "keyed", source: "#board", values: { appointment: key, column } });
}
document.getElementById("board").addEventListener("keydown", (event) => {
  const card = event.target.closest("[data-card]");
  if (!card || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea")) return;
  const wanted = columns()[Number(event.key) - 1];
  if (wanted && card.querySelector("[data-menu]")) { event.preventDefault(); move(card.dataset.card, wanted.dataset.column); return; }
  const step = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] }[event.key];
  const column = card.closest("[data-column]");
  if (!step || !column) return;
  const all = columns().map((each) => [...each.querySelectorAll("[data-card]")]);
  let x = columns().indexOf(column);
  let y = all[x].indexOf(card) + step[1];
  if (step[0]) { do x += step[0]; while (all[x] && !all[x].length); }
  const next = all[x]?.[Math.min(Math.max(y, 0), all[x].length - 1)];
  if (!next) return;
  event.preventDefault();
  (next.querySelector("[data-menu]") ?? next.querySelector("a")).focus();
});
