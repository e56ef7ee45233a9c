// The board: the move menu, moving by keyboard and by drag, a glimpse of what moved.

// ---- a card that came into another column shows that for a moment
let was = new Map();
function places() {
  return new Map([...document.querySelectorAll("[data-column] [data-card]")].map((card) => [card.dataset.card, card.closest("[data-column]").id]));
}
document.addEventListener("keyed:before", () => { was = places(); });
document.addEventListener("keyed:after", () => {
  for (const [key, column] of places()) {
    if (was.has(key) && was.get(key) !== column) document.getElementById(`card-${key}`).classList.add("flow__card--moved");
  }
});

// ---- the menu
const menu = document.getElementById("flow-menu");
let opener = null;
document.addEventListener("htmx:beforeRequest", (event) => { if (event.target.matches("[data-menu]")) opener = event.target; });
menu.addEventListener("htmx:afterSwap", () => {
  opener = opener && document.getElementById(opener.id);  // the board may have put a new card there meanwhile
  if (!opener) return;
  menu.showPopover();
  const at = opener.getBoundingClientRect();
  const right = at.right + 4 + menu.offsetWidth < window.innerWidth;
  const left = right ? at.right + 4 : at.left - 4 - menu.offsetWidth;
  menu.style.left = `${Math.max(8, Math.min(left, window.innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(at.top, window.innerHeight - menu.offsetHeight - 8))}px`;
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
const board = document.getElementById("board");
const columns = () => [...document.querySelectorAll("[data-column]")];
function move(key, column) {
  // From the card, not from the board: what the board asks for by itself must neither delay nor replace a move.
  const source = document.getElementById(`card-${key}`);
  htmx.ajax("POST", board.dataset.moveUrl, { target: "#board", swap: "keyed", source, values: { appointment: key, column } });
}
board.addEventListener("keydown", (event) => {
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

// ---- by drag: a card is dropped on a column; the server says whether that goes
let dragged = null;
const over = (event) => dragged && event.target.closest?.("[data-column]");
function unmark() { for (const each of board.querySelectorAll(".board__column--over")) each.classList.remove("board__column--over"); }
board.addEventListener("dragstart", (event) => {
  const card = event.target.closest?.("[data-card]");
  if (!card) return;
  dragged = card;
  event.dataTransfer.setData("text/plain", card.dataset.card);
  event.dataTransfer.effectAllowed = "move";
  const at = card.getBoundingClientRect();
  event.dataTransfer.setDragImage(card, event.clientX - at.left, event.clientY - at.top);
});
board.addEventListener("dragover", (event) => {
  const column = over(event);
  if (!column) return;
  event.preventDefault();
  unmark();
  if (column !== dragged.closest("[data-column]")) column.classList.add("board__column--over");
});
board.addEventListener("drop", (event) => {
  const column = over(event);
  if (!column) return;
  event.preventDefault();
  if (column !== dragged.closest("[data-column]")) move(dragged.dataset.card, column.dataset.column);
});
board.addEventListener("dragend", () => { dragged = null; unmark(); });
