// The board: the cards that changed put in place, the move menu, moving by keyboard and by drag, a glimpse of what moved.

const board = document.getElementById("board");
let dragged = null;

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
board.addEventListener("animationend", (event) => event.target.classList.remove("flow__card--moved"));

// ---- only the cards of the visits that moved are asked for, each is put where it belongs, and no other is touched
const FEW = 10;      // of so many, or of this share of the board, the cards alone are asked for; of more the whole board
const SHARE = 0.3;
const waiting = new Set();
let asking = false;
let boards = 0;      // whole boards that are on their way
let swaps = 0;       // whole boards that came
let owed = false;    // one that was held back, so that what is being dragged stays
const held = (key) => document.getElementById(`card-${key}`);
const all = () => [...board.querySelectorAll("[data-card]")];

board.addEventListener("live:moved", (event) => {
  const { topic, keys } = event.detail;
  if (topic === "settings" || !keys.length || !document.getElementById("flow-state")) return;
  event.preventDefault();
  const visits = topic === "patients" ? all().filter((card) => keys.includes(card.dataset.patient)).map((card) => card.dataset.card) : keys;
  for (const key of visits) waiting.add(key);
  askCards();
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (dragged && event.target === board) { owed = true; event.preventDefault(); }
});
document.addEventListener("htmx:beforeSend", (event) => {
  if (event.detail.target !== board) return;
  boards += 1;
  event.detail.xhr.addEventListener("loadend", () => { boards -= 1; askCards(); });
});
document.addEventListener("keyed:after", () => { swaps += 1; });

function askBoard() {
  waiting.clear();
  owed = false;
  board.dispatchEvent(new CustomEvent("live:ask", { bubbles: true }));
}
async function askCards() {
  if (asking || boards || dragged || !waiting.size) return;
  if (waiting.size > Math.max(FEW, all().length * SHARE)) { askBoard(); return; }
  const keys = [...waiting];
  const before = swaps;
  waiting.clear();
  asking = true;
  const answer = await cardsOf(keys);
  asking = false;
  if (boards || dragged || before !== swaps) for (const key of keys) waiting.add(key);  // which of the two is newer?
  else if (!answer || !fits(keys, answer)) askBoard();
  else putCards(keys, answer);
  askCards();
}
async function cardsOf(keys) {
  try {
    const answer = await fetch(`${board.dataset.cardsUrl}?keys=${keys.map(encodeURIComponent).join(",")}`);
    return answer.ok && !answer.redirected ? await answer.json() : null;
  } catch {
    return null;
  }
}
// Another day, another choice of what is shown, or cards outside of the columns: that takes the whole board.
function fits(keys, answer) {
  const shown = document.getElementById("flow-state")?.dataset;
  if (!shown || answer.whole || answer.day !== shown.day || String(answer.whole_day) !== shown.wholeDay) return false;
  return keys.every((key) => !held(key) || held(key).closest("[data-column]"));
}
function putCards(keys, answer) {
  const drawn = new Map(answer.cards.map((each) => [each.key, each]));
  for (const key of keys) {
    const back = keepFocus(held(key));
    if (drawn.has(key)) putCard(held(key), drawn.get(key));
    else held(key)?.remove();
    back();
  }
  count();
  const later = document.getElementById("flow-state").dataset.later.split(" ");
  if (keys.some((key) => later.includes(key) !== answer.later.includes(key))) askBoard();  // how many come later is said in words
  else if (!all().length) askBoard();
}
function putCard(old, { column, html }) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector("[data-card]");
  const from = old?.closest("[data-column]");
  const into = document.getElementById(`column-${column}`);
  old?.classList.remove("flow__card--moved");
  const same = old?.outerHTML === fresh.outerHTML;
  if (same && from === into) return;
  const card = same ? old : fresh;
  old?.remove();
  const others = [...into.querySelectorAll("[data-card]")];
  into.insertBefore(card, others.find((each) => each.dataset.order > card.dataset.order) ?? into.querySelector(".flow__none"));
  if (from && from !== into) card.classList.add("flow__card--moved");
  if (!same) htmx.process(card);
}
// Whoever is on a card goes with it; where it has gone, on to the next one.
function keepFocus(card) {
  const id = document.activeElement?.id;
  if (!card?.contains(document.activeElement)) return () => {};
  const next = [card.nextElementSibling, card.previousElementSibling].find((each) => each?.matches("[data-card]"));
  return () => {
    const there = document.getElementById(id) ?? next?.querySelector("[data-menu]") ?? next?.querySelector("a");
    if (!there) board.tabIndex = -1;
    (there ?? board).focus({ preventScroll: true });
  };
}
function count() {
  for (const column of document.querySelectorAll("[data-column]")) {
    const name = column.dataset.column;
    const cards = column.querySelectorAll("[data-card]").length;
    column.querySelector(".count").textContent = cards;
    document.querySelector(`#jump-${name} .count`).textContent = cards;
    document.getElementById(`none-${name}`).hidden = cards > 0;
  }
}

// ---- the menu
const menu = document.getElementById("flow-menu");
let opener = "";  // the id of its button, in whose place the board may put another
document.addEventListener("htmx:beforeRequest", (event) => { if (event.target.matches("[data-menu]")) opener = event.target.id; });
menu.addEventListener("htmx:afterSwap", () => {
  const button = document.getElementById(opener);
  if (!button) return;
  menu.showPopover();
  const at = button.getBoundingClientRect();
  const right = at.right + 4 + menu.offsetWidth < window.innerWidth;
  const left = right ? at.right + 4 : at.left - 4 - menu.offsetWidth;
  menu.style.left = `${Math.max(8, Math.min(left, window.innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(at.top, window.innerHeight - menu.offsetHeight - 8))}px`;
  menu.querySelector("button")?.focus();
});
menu.addEventListener("toggle", (event) => {
  if (event.newState === "closed" && opener && (document.activeElement === document.body || menu.contains(document.activeElement))) {
    document.getElementById(opener)?.focus({ preventScroll: true });
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
  const rows = columns().map((each) => [...each.querySelectorAll("[data-card]")]);
  let x = columns().indexOf(column);
  let y = rows[x].indexOf(card) + step[1];
  if (step[0]) { do x += step[0]; while (rows[x] && !rows[x].length); }
  const next = rows[x]?.[Math.min(Math.max(y, 0), rows[x].length - 1)];
  if (!next) return;
  event.preventDefault();
  (next.querySelector("[data-menu]") ?? next.querySelector("a")).focus();
});

// ---- by drag: a card is dropped on a column; the server says whether that goes
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
board.addEventListener("dragend", () => {
  dragged = null;
  unmark();
  if (owed) askBoard();
  askCards();
});
