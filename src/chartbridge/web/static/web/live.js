// Live parts: listens to what moved and asks for the parts of the page that show it. No patient data comes this way.
// <div data-live="appointments writebacks" [data-live-key="4711"] [data-live-gap="2000"] hx-get="…" hx-trigger="live">
// A part that can bring itself up to a notice takes its "live:moved" (preventDefault); "live:ask" from it asks for all of it.

const address = document.querySelector("meta[name=live]")?.content;
const POLL_MS = 15000;
const GAP_MS = 250; // between two askings of one part; the first of a burst goes at once
const asked = new WeakMap();
let source = null;
let poll = null;
let last = "";     // the newest notice that came
let lost = false;  // the line was cut: what moved meanwhile may have been too much to be told again

function ask(part) {
  const held = asked.get(part);
  if (held?.later) return;
  const wait = held ? held.at + (Number(part.dataset.liveGap) || GAP_MS) - performance.now() : 0;
  if (wait > 0) held.later = window.setTimeout(() => { held.later = 0; go(part); }, wait);
  else go(part);
}
function go(part) {
  if (!part.isConnected) { // the answer to an earlier asking has put another in its place, which may not know of this yet
    const heir = part.id ? document.getElementById(part.id) : null;
    if (heir) ask(heir); else askAll();
    return;
  }
  asked.set(part, { at: performance.now(), later: 0 });
  htmx.trigger(part, "live");
}
function askAll() {
  for (const part of document.querySelectorAll("[data-live]")) ask(part);
}
document.addEventListener("live:ask", (event) => ask(event.target));
function hear(event) {
  const moved = JSON.parse(event.data);
  last = event.lastEventId;
  for (const part of document.querySelectorAll("[data-live]")) {
    if (!part.dataset.live.split(" ").includes(moved.topic)) continue;
    const key = part.dataset.liveKey;
    if (key && moved.keys.length && !moved.keys.includes(key)) continue;
    if (part.dispatchEvent(new CustomEvent("live:moved", { detail: moved, cancelable: true }))) ask(part);
  }
}
function from() {
  const line = new URL(address, window.location.href);
  if (last) line.searchParams.set("from", last);
  return line;
}
function open() {
  if (source || !address) return;
  source = new EventSource(from());
  source.onmessage = hear;
  source.onopen = () => {
    document.documentElement.dataset.liveState = "on";
    window.clearInterval(poll);
    poll = null;
    if (lost) askAll();
    lost = false;
  };
  source.onerror = () => {
    lost = true;
    document.documentElement.dataset.liveState = "off";
    poll ??= window.setInterval(askAll, POLL_MS);
  };
  source.addEventListener("bye", () => window.location.reload());
}
function close() {
  source?.close();
  source = null;
  window.clearInterval(poll);
  poll = null;
}

// A hidden page lets go of its line (a browser has six per address) and catches up when it is seen again.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else { open(); askAll(); }
});
window.addEventListener("pagehide", close);
if (!document.hidden) open();

// A picture that can't be had leaves the initials.
document.addEventListener("error", (event) => { if (event.target.matches?.("img[data-photo]")) event.target.remove(); }, true);
for (const photo of document.querySelectorAll("img[data-photo]")) if (photo.complete && !photo.naturalWidth) photo.remove();
