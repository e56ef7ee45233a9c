// hx-swap="keyed": what has the same id and the same content stays as it is, so nothing flickers, closes or loses focus.
// Give children an id; an element with data-keyed is kept and its children are compared in their turn.

function put(held, fresh) {
  const before = new Map([...held.children].filter((each) => each.id).map((each) => [each.id, each]));
  const next = [...fresh.children].map((each) => {
    const old = before.get(each.id);
    if (!old) return each;
    if ("keyed" in each.dataset && "keyed" in old.dataset) { put(old, each); return old; }
    keepParts(old, each);
    keepOpen(old, each);
    keepEntered(old, each);
    return old.outerHTML === each.outerHTML ? old : each;
  });
  const stays = new Set(next);
  for (const child of [...held.childNodes]) if (!stays.has(child)) child.remove();
  next.forEach((each, index) => { if (held.children[index] !== each) held.insertBefore(each, held.children[index] ?? null); });
}
function keepOpen(old, each) {
  for (const part of [old, ...old.querySelectorAll("details[open][id]")]) {
    if (part.tagName !== "DETAILS" || !part.open) continue;
    const same = part.id === each.id ? each : each.querySelector(`#${CSS.escape(part.id)}`);
    same?.setAttribute("open", "");
  }
}

// What was fetched into a part with data-kept stays there.
function keepParts(old, each) {
  for (const part of old.querySelectorAll("details[open][data-kept]")) each.querySelector(`#${CSS.escape(part.id)}`)?.replaceWith(part);
}
// What somebody has begun to choose or to type stays theirs while the page moves under it.
function keepEntered(old, each) {
  for (const field of old.querySelectorAll("select[id], input[id]")) {
    const fresh = each.querySelector(`#${CSS.escape(field.id)}`);
    if (!fresh || !changed(field)) continue;
    if (fresh.tagName !== "SELECT" || [...fresh.options].some((option) => option.value === field.value)) fresh.value = field.value;
  }
}
function changed(field) {
  if (field.tagName === "SELECT") return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue;
}
// Where the row that was worked on has gone, the work goes on at the next one.
function neighbours(target) {
  const row = document.activeElement?.closest("li[id]");
  if (!row || !target.contains(row)) return [];
  const ids = [...target.querySelectorAll("li[id]")].map((each) => each.id);
  const at = ids.indexOf(row.id);
  return [...ids.slice(at), ...ids.slice(0, at).reverse()];
}
function focusOn(ids, target) {
  const row = ids.map((id) => document.getElementById(id)).find(Boolean);
  const next = row?.querySelector("button, a, summary");
  if (next) next.focus({ preventScroll: true });
  else { target.tabIndex = -1; target.focus({ preventScroll: true }); }
}

htmx.defineExtension("keyed", {
  isInlineSwap: (style) => style === "keyed",
  handleSwap(style, target, fragment) {
    if (style !== "keyed") return false;
    const focused = document.activeElement?.id;
    const inside = target.contains(document.activeElement);
    const next = neighbours(target);
    document.dispatchEvent(new CustomEvent("keyed:before"));
    put(target, fragment);
    document.dispatchEvent(new CustomEvent("keyed:after"));
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (inside && !target.contains(document.activeElement)) focusOn(next, target);
    return [...target.querySelectorAll("[hx-get], [hx-post]")].filter((each) => !each["htmx-internal-data"]);
  },
});
document.body.setAttribute("hx-ext", "keyed");
