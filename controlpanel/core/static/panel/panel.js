// What a page gains by script: copy, dialogs, menus, toasts, typed confirmation, title and favicon.
// Nothing here is needed: every action works without it.

const root = document.documentElement, body = document.body;
const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const announce = (text, loud) => { const place = $(loud ? "#alarm" : "#announcer"); if (place && text) place.textContent = text; };

// Buttons

document.addEventListener("click", (event) => {
  const held = event.target.closest("[aria-disabled=true]");
  if (!held) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const reason = document.getElementById(held.getAttribute("aria-describedby"));
  if (reason) announce(reason.textContent.trim());
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter ?? $("button[type=submit]", form);
  if (form.dataset.working) return event.preventDefault();
  if (event.defaultPrevented || form.method === "get" || !button) return;
  form.dataset.working = "1";
  sessionStorage.setItem("sent", "1");
  // Later: a disabled button would not send its own name and value.
  setTimeout(() => work(button));
});

function work(button) {
  const label = $(".label", button);
  if (!label) return;
  button.style.minWidth = `${button.offsetWidth}px`;
  button.dataset.label = label.textContent;
  button.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true");
  label.textContent = "Working…";
}

function rest() {
  for (const form of $$("form[data-working]")) delete form.dataset.working;
  for (const button of $$(".button[aria-busy]")) {
    button.removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
    $(".label", button).textContent = button.dataset.label;
  }
  confirmations();
}
addEventListener("pageshow", (event) => event.persisted && rest());
body.addEventListener("htmx:afterRequest", (event) => { if (!event.target.dataset.live) rest(); });

// Typed confirmation

function confirmations() {
  for (const button of $$("[data-confirms]")) {
    const field = document.getElementById(button.dataset.confirms), reason = document.getElementById(`${button.id}-reason`);
    if (!field || button.hasAttribute("aria-busy")) continue;
    const ready = field.value.trim() === field.dataset.expected;
    button.toggleAttribute("aria-disabled", !ready);
    if (!ready) button.setAttribute("aria-disabled", "true");
    if (reason) {
      reason.hidden = ready;
      if (ready) button.removeAttribute("aria-describedby");
      else button.setAttribute("aria-describedby", reason.id);
    }
  }
}
document.addEventListener("input", confirmations);

// Filters submit themselves

document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-filter] select")) event.target.form.requestSubmit();
});
document.addEventListener("formdata", (event) => { // an address to pass on names only what narrows
  if (!event.target.matches("form[data-filter]")) return;
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});

// Copy

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const said = await copy(button.dataset.copy) ? "Copied" : "Not copied: the browser refused";
  button.toggleAttribute("data-done", said === "Copied");
  announce(said);
  setTimeout(() => button.removeAttribute("data-done"), 2000);
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text, className: "visually-hidden" });
    body.append(field);
    field.select();
    const done = document.execCommand("copy"); // where the clipboard needs https
    field.remove();
    return done;
  }
}

// Dialogs and menus

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]"), closer = event.target.closest("[data-close]");
  const dialog = opener ? document.getElementById(opener.dataset.dialog) : closer?.closest("dialog");
  if (dialog?.showModal) {
    event.preventDefault();
    if (opener) dialog.showModal(); else dialog.close();
  }
  for (const menu of $$("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = $("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  $("summary", menu).focus();
});

// Toasts

function toast(element) {
  if (element.dataset.seen) return;
  element.dataset.seen = "1";
  const rows = $$("#toasts > .toast");
  rows.slice(0, Math.max(0, rows.length - 3)).forEach((old) => old.remove());
  if (element.hasAttribute("data-stays")) return;
  let timer = 0;
  const start = () => { timer = setTimeout(() => element.remove(), 6000); };
  for (const name of ["mouseenter", "focusin"]) element.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["mouseleave", "focusout"]) element.addEventListener(name, start);
  start();
}
document.addEventListener("click", (event) => { if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]").remove(); });
const toasts = $("#toasts");
if (toasts) new MutationObserver(() => $$("[data-toast]", toasts).forEach(toast)).observe(toasts, { childList: true });
body.addEventListener("htmx:responseError", (event) => {
  if (!event.target.dataset.live) announce(`That did not work (${event.detail.xhr.status}). Reload the page and try again.`, true);
});

// Title, favicon and announcements follow the page's state

let said = null, alarmed = null;
function follow() {
  const titled = $("[data-title]"), icon = titled?.dataset.icon, link = $("link[data-favicon]");
  if (titled) document.title = titled.dataset.title;
  if (link && icon !== undefined) {
    const wanted = `${link.dataset.favicon}favicon${icon ? `-${icon}` : ""}.svg`;
    if (link.getAttribute("href") !== wanted) link.setAttribute("href", wanted);
  }
  const words = $("[data-announce]")?.dataset.announce ?? "", alarm = $("[data-alarm]")?.dataset.alarm ?? "";
  if (said !== null && words !== said) announce(words);
  if (alarmed !== null && alarm !== alarmed) announce(alarm, true);
  said = words;
  alarmed = alarm;
}
body.addEventListener("htmx:afterSettle", () => { follow(); confirmations(); });

// A link to a line of the diff opens the resource that holds it

function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target?.closest("details:not([open])");
  if (folded) folded.open = true;
  if (target && target.closest("[data-diff]")) target.scrollIntoView({ block: "center" });
}
addEventListener("hashchange", unfold);

root.dataset.ready = "";
confirmations();
follow();
unfold();
$$("[data-toast]", toasts ?? body).forEach(toast);
// After a form the page that it led to is read from its title, after an error from the summary.
($("[data-focus]") ?? (sessionStorage.getItem("sent") && $("#title")))?.focus();
sessionStorage.removeItem("sent");
