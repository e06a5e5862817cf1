// Live fragments: one EventSource for the tab tells names of what changed; each fragment is read again at its own
// address. At most one request of a fragment is in flight and one in 500 ms; the last event wins. Without a stream
// fragments are read every 10 s (data-poll says otherwise), with data-every also beside one. Relative times tick here.

const SPACING = 500, PATIENCE = 3000, HIDDEN = 60000, BACK_OFF = [1, 2, 4, 8, 15];
const body = document.body;
const fragments = new Map(); // id → { busy, again, timer, last, told (of which change), polled, asked (its address then) }
const skew = body.dataset.now ? Date.parse(body.dataset.now) - Date.now() : 0;
let source = null, topics = "", attempt = 0, lost = false, failing = false, retryAt = 0, retryTimer = 0, lostTimer = 0, hiddenTimer = 0, over = false;

const all = () => [...document.querySelectorAll("[data-live]")];
const topicsOf = (element) => element.dataset.live.split(/\s+/).filter(Boolean);

// Reading fragments

function state(id) {
  if (!fragments.has(id)) fragments.set(id, { busy: false, again: false, timer: 0, last: 0, told: 0, polled: performance.now() });
  return fragments.get(id);
}

function refresh(element, sequence = 0) {
  const fragment = state(element.id);
  fragment.told = sequence;
  if (fragment.busy) fragment.again = true;
  else if (!fragment.timer) fragment.timer = setTimeout(read, Math.max(0, fragment.last + SPACING - performance.now()), element.id);
}

const refreshAll = () => all().forEach((element) => refresh(element));

async function read(id) {
  const fragment = state(id), element = document.getElementById(id), address = element?.getAttribute("hx-get");
  fragment.timer = 0;
  if (over || !element?.dataset.live) return;
  if (writing(element)) return hold(element);
  release(element);
  fragment.busy = true;
  fragment.last = fragment.polled = performance.now();
  try {
    const headers = fragment.told ? { "Live-Sequence": fragment.told } : {};
    fragment.asked = address;
    await htmx.ajax("GET", address, { source: element, target: element, swap: "morph", headers });
  } catch { /* said by htmx:sendError below */ }
  fragment.busy = false;
  if (document.getElementById(id)?.dataset.title && !document.getElementById(id).dataset.live) recount();
  if (fragment.again) {
    fragment.again = false;
    refresh(element, fragment.told);
  }
}

// What has ended is no longer counted beside its page's name.
const recount = () => htmx.ajax("GET", location.pathname + location.search, { target: "#navigation", select: "#navigation", swap: "morph" }).catch(() => {});

// A fragment that holds the field somebody writes in waits.
function writing(element) {
  const field = document.activeElement;
  return element.contains(field) && field.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

function hold(element) {
  if (element.hasAttribute("data-held")) return;
  element.setAttribute("data-held", "");
  const bar = document.createElement("p");
  bar.className = "held";
  const show = document.createElement("button");
  show.type = "button";
  show.className = "button quiet small";
  show.textContent = "Show";
  show.addEventListener("click", () => refresh(element));
  bar.append("Changed.", show);
  element.prepend(bar);
}

function release(element) {
  element.removeAttribute("data-held");
  element.querySelector(":scope > .held")?.remove();
}

document.addEventListener("focusout", (event) => {
  const held = event.target.closest?.("[data-held]");
  if (held) setTimeout(() => writing(held) || refresh(held));
});

body.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL || location.href).pathname !== body.dataset.login) return;
  event.detail.shouldSwap = false;
  signedOut();
});
// What was asked for before somebody searched or chose something else comes too late: it is read again where it is now.
body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const element = detail.requestConfig.elt, fragment = element.dataset?.live && fragments.get(element.id);
  if (!fragment?.busy || element !== detail.target || element.getAttribute("hx-get") === fragment.asked) return;
  detail.shouldSwap = false;
  fragment.again = true;
});
body.addEventListener("htmx:afterRequest", (event) => {
  if (!event.target.dataset?.live) return;
  failing = !event.detail.successful;
  say();
});
body.addEventListener("htmx:afterSwap", times); // before anybody sees what the server wrote in its own zone
body.addEventListener("htmx:afterSettle", () => { listen(); tick(); });

// The stream

function listen() {
  const wanted = [...new Set(all().flatMap(topicsOf))].sort().join(",");
  if (over || !body.dataset.events || wanted === topics) return;
  topics = wanted;
  source?.close();
  source = null;
  if (wanted) open();
  say();
}

function open() {
  clearTimeout(retryTimer);
  source?.close();
  const stream = source = new EventSource(`${body.dataset.events}?topics=${encodeURIComponent(topics)}`);
  stream.onopen = () => {
    const missed = lost || attempt > 0;
    clearTimeout(lostTimer);
    lostTimer = attempt = 0;
    lost = failing = false;
    if (missed) refreshAll();
    say();
  };
  stream.addEventListener("change", (event) => {
    const { topic, sequence } = JSON.parse(event.data);
    all().filter((element) => topicsOf(element).includes(topic)).forEach((element) => refresh(element, sequence));
  });
  stream.addEventListener("resync", refreshAll);
  stream.addEventListener("signed_out", signedOut);
  stream.onerror = () => stream === source && reopen();
}

function reopen() {
  source?.close();
  source = null;
  const seconds = BACK_OFF[Math.min(attempt++, BACK_OFF.length - 1)] * (0.8 + Math.random() * 0.4);
  retryAt = Date.now() + seconds * 1000;
  clearTimeout(retryTimer);
  retryTimer = setTimeout(open, seconds * 1000);
  lostTimer ||= setTimeout(() => { lost = true; say(); }, PATIENCE);
}

function pause() {
  clearTimeout(retryTimer);
  clearTimeout(lostTimer);
  lostTimer = 0;
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => document.querySelector("[data-notify][data-done]") || pause(), HIDDEN);
  else if (!source && topics && !over) { refreshAll(); open(); }
});
addEventListener("pagehide", pause);
addEventListener("pageshow", (event) => { if (event.persisted && topics && !over) { refreshAll(); open(); } });

// Saying how live the page is

function say() {
  const indicator = document.getElementById("indicator");
  if (!indicator) return;
  const now = over || (lost && failing) ? "paused" : !topics ? "idle" : lost ? "polling" : "live";
  if (indicator.dataset.state === now) return;
  indicator.dataset.state = now;
  indicator.textContent = { idle: "", live: "Live", polling: "Polling", paused: "Paused" }[now];
  if (!over) banner(lost ? "Live updates paused." : "", "", "Reconnect", () => { attempt = 0; open(); });
}

function banner(title, text, label, action) {
  const place = document.getElementById("connection");
  place.replaceChildren();
  place.hidden = !title;
  if (!title) return;
  const box = document.createElement("div");
  box.className = "banner tone-mute";
  box.append(document.getElementById("plug").content.cloneNode(true));
  const words = Object.assign(document.createElement("div"), { className: "banner-text" });
  words.append(Object.assign(document.createElement("strong"), { textContent: title }), " ", Object.assign(document.createElement("span"), { textContent: text, id: "connection-text" }));
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: label });
  button.addEventListener("click", action);
  box.append(words, button);
  place.append(box);
  countdown();
}

function countdown() {
  const text = document.getElementById("connection-text");
  if (!text || over) return;
  const left = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)), every = Math.min(...all().map(pollOf), 10);
  const said = `${left ? `Reconnecting in ${left} s` : "Reconnecting now"}; the page refreshes every ${every} s meanwhile.`;
  if (text.textContent !== said) text.textContent = said;
}

function signedOut() {
  over = true;
  pause();
  say();
  const back = `${body.dataset.login}?next=${encodeURIComponent(location.pathname + location.search)}`;
  banner("You were signed out.", "Sign in to continue; nothing you typed is lost.", "Sign in", () => window.open(back, "_blank", "noopener"));
  document.getElementById("alarm").textContent = "You were signed out.";
}

// Signed in again in another tab: the forms of this one get the new token, and it goes on. Somebody else's page starts anew.
let asking = false;
async function signedIn() {
  if (!over || asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(location.href), fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    if (answer.ok && new URL(answer.url).pathname !== body.dataset.login) goOn(fresh);
  } catch { /* asked again when the page is seen again */ }
  asking = false;
}

function goOn(fresh) {
  if (fresh.dataset.account !== body.dataset.account) return location.reload();
  const headers = fresh.getAttribute("hx-headers"), token = JSON.parse(headers)["X-CSRFToken"];
  body.setAttribute("hx-headers", headers);
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = token;
  over = lost = failing = false;
  topics = document.getElementById("alarm").textContent = "";
  listen();
  say();
  refreshAll();
}
addEventListener("focus", signedIn);
document.addEventListener("visibilitychange", signedIn);

// Ticking

const pollOf = (element) => Number(element.dataset.poll) || 10;
const rounded = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
const two = (n) => String(n).padStart(2, "0");

export function ago(seconds) {
  const s = Math.trunc(Math.abs(seconds));
  if (s > 7 * 86400) return "";
  if (s < 1) return "now";
  return seconds < 0 ? `in ${rounded(s)}` : `${rounded(s)} ago`;
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

// Moments are written in the zone of who looks. All of them are exact where the account menu says so.
const EXACT = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
const MONTH = new Intl.DateTimeFormat("en", { month: "short" });
const isExact = () => localStorage.getItem("times") === "exact";

function clock(date, now) {
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === now.toDateString()) return `${minutes}:${two(date.getSeconds())}`;
  return `${date.getDate()} ${MONTH.format(date)}${date.getFullYear() === now.getFullYear() ? "" : ` ${date.getFullYear()}`} ${minutes}`;
}

function times() {
  const now = new Date(Date.now() + skew), exact = isExact();
  for (const time of document.querySelectorAll("time[data-ago], time[data-elapsed], time[data-clock]")) {
    const date = new Date(time.dateTime), { ago: relative, elapsed } = time.dataset;
    const seconds = (now - date) / 1000;
    const title = elapsed === undefined ? EXACT.format(date).replaceAll(",", "") : "";
    const text = elapsed !== undefined ? span(seconds) : exact ? title : relative !== undefined && ago(seconds) || clock(date, now);
    if (title && time.title !== title) time.title = title;
    if (time.textContent !== text) time.textContent = text;
  }
}

document.querySelector("[data-times-switch]")?.addEventListener("click", (event) => {
  localStorage.setItem("times", isExact() ? "" : "exact");
  event.target.setAttribute("aria-pressed", String(isExact()));
  times();
});
document.querySelector("[data-times-switch]")?.setAttribute("aria-pressed", String(isExact()));

function tick() {
  if (document.hidden) return;
  times();
  countdown();
  if (over) return;
  for (const element of all()) {
    const every = lost ? pollOf(element) : Number(element.dataset.every);
    if (every && performance.now() - state(element.id).polled >= every * 1000) refresh(element);
  }
}

listen();
say();
tick();
setInterval(tick, 1000);
