// hx-swap="keyed": what has the same id and the same content stays as it is, so nothing flickers, closes or loses focus.
// Give children an id; an element with data-keyed is kept and its children are compared in their turn.

function put(held, fresh) {
  const before = new Map([...held.children].filter((each) => each.id).map((each) => [each.id, each]));
  const next = [...fresh.children].map((each) => {
    const old = before.get(each.id);
    if (!old) return each;
    if ("keyed" in each.dataset && "keyed" in old.dataset) { put(old, each); return old; }
    keepOpen(old, each);
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

htmx.defineExtension("keyed", {
  isInlineSwap: (style) => style === "keyed",
  handleSwap(style, target, fragment) {
    if (style !== "keyed") return false;
    const focused = document.activeElement?.id;
    document.dispatchEvent(new CustomEvent("keyed:before"));
    put(target, fragment);
    document.dispatchEvent(new CustomEvent("keyed:after"));
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
    return [...target.querySelectorAll("[hx-get], [hx-post]")].filter((each) => !each["htmx-internal-data"]);
  },
});
document.body.setAttribute("hx-ext", "keyed");
