// Comforts: an unsent reason is kept for an hour, the same component lights up elsewhere, "Notify me" for what is
// followed, and a log that was scrolled up says how many lines came meanwhile.

const HOUR = 3600000, UNSENT = "unsent ";
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const body = document.body;

// Unsent text: `data-keep` names whose it is and for what. It is gone when it is sent, after an hour, or at signing out.

const kept = () => Object.keys(localStorage).filter((key) => key.startsWith(UNSENT));
const age = (key) => { try { return Date.now() - JSON.parse(localStorage[key]).at; } catch { return Infinity; } };
kept().filter((key) => !(age(key) < HOUR)).forEach((key) => localStorage.removeItem(key));

for (const field of $$("[data-keep]")) {
  const key = UNSENT + field.dataset.keep;
  if (localStorage[key] && !field.value) {
    field.value = JSON.parse(localStorage[key]).text;
    const note = Object.assign(document.createElement("span"), { className: "hint", textContent: "Kept from before; it was never sent." });
    field.after(note);
    field.addEventListener("input", () => note.remove(), { once: true });
  }
  field.addEventListener("input", () => {
    if (field.value.trim()) localStorage[key] = JSON.stringify({ text: field.value, at: Date.now() });
    else localStorage.removeItem(key);
  });
  field.form?.addEventListener("submit", (event) => { if (!event.defaultPrevented) localStorage.removeItem(key); });
}
document.addEventListener("submit", (event) => { if (event.target.action.endsWith("/logout")) kept().forEach((key) => localStorage.removeItem(key)); });

// The same component elsewhere

let lit = "";
const light = () => { for (const one of $$("[data-component]")) one.classList.toggle("is-lit", !!lit && one.dataset.component === lit); };
function look(event) {
  const name = event.target.closest?.("[data-component]")?.dataset.component ?? "";
  if (name === lit) return;
  lit = name;
  light();
}
for (const name of ["mouseover", "focusin"]) document.addEventListener(name, look);

// Notify me: asked for by a click, told once. While it is on, the stream stays open in a hidden tab (live.js).

const asked = () => $$("[data-notify]").filter((button) => sessionStorage.getItem(`notify ${button.dataset.notify}`));
const mark = () => asked().forEach((button) => { button.dataset.done = ""; });

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-notify]");
  if (!button || button.hasAttribute("data-done")) return;
  const answer = "Notification" in window ? await Notification.requestPermission() : "denied";
  if (answer === "granted") sessionStorage.setItem(`notify ${button.dataset.notify}`, "1");
  document.getElementById("announcer").textContent = answer === "granted" ? "You will be told when it ends or needs somebody." : "Not turned on: this browser does not allow notifications here.";
  mark();
});

function tell() {
  const followed = document.querySelector("[data-title][data-tells]"), name = followed?.dataset.tells;
  if (!name || followed.dataset.icon === "run" || !sessionStorage.getItem(`notify ${name}`)) return;
  sessionStorage.removeItem(`notify ${name}`);
  const note = new Notification(followed.dataset.title, { body: followed.dataset.alarm || followed.dataset.announce, tag: name });
  note.addEventListener("click", () => window.focus());
}

// A log that was scrolled up: "Follow (12 new)"

const last = new WeakMap(); // log → its last line that was at the end
const isAtEnd = (log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
const lines = (log) => log.textContent.trimEnd().split("\n");

function count(log) {
  const all = lines(log), button = log.parentElement.querySelector(":scope > .follow");
  if (!last.has(log) || isAtEnd(log)) {
    last.set(log, all.at(-1));
    return button?.remove();
  }
  const fresh = all.length - 1 - all.lastIndexOf(last.get(log));
  if (!fresh) return;
  const label = `Follow (${fresh} new)`;
  if (button) button.textContent = label;
  else {
    const more = Object.assign(document.createElement("button"), { type: "button", className: "button small follow", textContent: label });
    more.addEventListener("click", () => { log.scrollTop = log.scrollHeight; log.focus(); });
    log.after(more);
  }
}
const counted = () => $$("[data-follow]").forEach(count);
document.addEventListener("scroll", (event) => event.target.matches?.("[data-follow]") && count(event.target), true);

body.addEventListener("htmx:afterSettle", () => { mark(); tell(); counted(); if (lit) light(); }); // a morph brings the server's classes back
mark();
for (const log of $$("[data-follow]")) log.scrollTop = log.scrollHeight;
counted();
