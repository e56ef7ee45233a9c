// What every page needs: toasts that leave by themselves, dialogs, the search box. No page's own subject belongs here.

const STAY_MS = 8000;

function watch(toast) {
  let left = window.setTimeout(() => toast.remove(), STAY_MS);
  const hold = () => window.clearTimeout(left);
  const go = () => { hold(); left = window.setTimeout(() => toast.remove(), STAY_MS); };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("pointerleave", go);
  toast.addEventListener("focusout", go);
}

const toasts = document.getElementById("toasts");
if (toasts) {
  for (const toast of toasts.children) watch(toast);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) watch(node);
    while (toasts.children.length > 3) toasts.firstElementChild.remove();
  }).observe(toasts, { childList: true });
}

document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-close], [data-open], [data-copy]");
  if (!at) return;
  if (at.dataset.close === "toast") at.closest(".toast").remove();
  if (at.dataset.close === "dialog") at.closest("dialog").close();
  if (at.dataset.open) document.getElementById(at.dataset.open).showModal();
  if (at.dataset.copy) {
    navigator.clipboard.writeText(document.getElementById(at.dataset.copy).textContent.trim());
    at.querySelector("span").textContent = at.dataset.done;
  }
});

// A dialog that comes with an answer opens itself; what must not be missed comes into sight.
function show() {
  for (const dialog of document.querySelectorAll("dialog[data-opens]:not([open])")) dialog.showModal();
  const look = document.querySelector("[data-look]");
  if (look) {
    look.removeAttribute("data-look");
    look.scrollIntoView({ block: "center" });
  }
}
document.addEventListener("htmx:afterSettle", show);
show();

// A form that is sent before htmx has brought it to life is not sent by the browser itself, which would leave the page.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !form.matches("[hx-post]")) return;
  event.preventDefault();
  if (form["htmx-internal-data"]) return;
  htmx.process(form);
  htmx.trigger(form, "submit");
});

// An answer that is no success still tells why: the server sends the sentence as a toast.
// A 503 may also be of a proxy in between, whose page is none of ours: ours says how it is to be put in.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { status } = event.detail.xhr;
  if ([400, 403, 409, 422].includes(status) || (status === 503 && event.detail.xhr.getResponseHeader("HX-Reswap"))) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
// What was pressed may have gone from the page before its answer comes, since the page moves by itself. htmx looks up from there
// how to put the answer in, so it is given a place until that is done.
document.addEventListener("htmx:beforeSwap", (event) => {
  const pressed = event.detail.requestConfig.elt;
  if (pressed.isConnected) return;
  pressed.removeAttribute("id");
  pressed.hidden = true;
  document.body.append(pressed);
  queueMicrotask(() => pressed.remove());
});
document.addEventListener("htmx:sendError", () => say("gone"));
document.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status >= 500) say("broken"); });

function say(what) {
  const template = document.getElementById(`say-${what}`);
  if (template && toasts) toasts.append(template.content.cloneNode(true));
}

// The search box: arrows walk through the results, Escape or leaving closes them, "/" goes to it.
const search = document.getElementById("patient-search");
if (search) {
  const box = search.querySelector("input[type=search]");
  const results = document.getElementById("search-results");
  const links = () => [...results.querySelectorAll("a")];
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]")) {
      event.preventDefault();
      box.focus();
    }
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { results.replaceChildren(); box.focus(); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const all = links();
    if (!all.length) return;
    event.preventDefault();
    const next = all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    (all[next] ?? (next < 0 ? box : all[0])).focus();
  });
  search.addEventListener("focusout", (event) => {
    if (!search.contains(event.relatedTarget)) window.setTimeout(() => { if (!search.contains(document.activeElement)) results.replaceChildren(); }, 150);
  });
}

// Fields that are only shown while another one has a certain value: data-shown-when="name=value".
function disclose(form) {
  for (const part of form.querySelectorAll("[data-shown-when]")) {
    const shown = part.dataset.shownWhen.split(";").every((rule) => {
      const [name, value] = rule.split("=");
      const field = form.elements[name];
      if (!field) return false;
      const now = field.type === "checkbox" ? (field.checked ? "true" : "false") : field.value;
      return value.split("|").includes(now);
    });
    part.hidden = !shown;
    for (const input of part.querySelectorAll("input, select, textarea")) input.disabled = !shown;
  }
}
function discloseAll() {
  for (const form of document.querySelectorAll("form[data-discloses]")) disclose(form);
}
document.addEventListener("input", (event) => { if (event.target.form?.dataset.discloses !== undefined) disclose(event.target.form); });
document.addEventListener("htmx:afterSettle", discloseAll);
discloseAll();

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.matches?.("[data-undo]")) event.target.closest(".toast")?.remove();
});

// A row that opens: the button names what it shows.
document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-expands]");
  if (!at) return;
  const part = document.getElementById(at.dataset.expands);
  part.hidden = !part.hidden;
  at.setAttribute("aria-expanded", String(!part.hidden));
});

// On phones the settings' pages are a strip: bring the present one into sight.
const strip = document.querySelector(".settings__nav");
const here = strip?.querySelector("[aria-current]");
if (here && strip.scrollWidth > strip.clientWidth) strip.scrollLeft = here.offsetLeft - 16;

// What is folded away is printed too.
window.addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll(".writes__one details")) each.open = true;
});

// A button that prints the page.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
