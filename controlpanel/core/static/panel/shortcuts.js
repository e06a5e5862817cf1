// Keyboard shortcuts: never while somebody writes, never with a modifier, never over an open dialog, and never an act:
// what changes something only gets the focus or opens its confirmation. Can be switched off in the account menu.

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const off = () => localStorage.getItem("shortcuts") === "off";
const LEADER = 1500;
let leader = -LEADER;

const shown = (element) => element.getClientRects().length > 0;
const row = (element) => element?.closest("tbody > tr, [data-rows] > li");

function rows(step) {
  const all = $$("main tbody > tr, main [data-rows] > li").filter((one) => $("a[href], summary", one) && shown(one));
  const here = all.indexOf(row(document.activeElement));
  $("a[href], summary", all[here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step] ?? document)?.focus();
}

function diffs(step) {
  const all = $$("details[data-diff]"), here = all.indexOf(document.activeElement?.closest("details[data-diff]"));
  const next = all[here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step];
  if (!next) return;
  next.open = true;
  $("summary", next).focus();
}

function reach(letter) {
  const target = $(`[data-key-shortcut="${letter}"]`);
  if (!target) return;
  if (target.matches("a[data-dialog], a[href]") && target.getAttribute("aria-disabled") !== "true") target.click();
  else target.focus();
}

// The form's primary button, or the only one that sends it: never an override or an emergency that stands beside a disabled one.
function mainOf(form) {
  const buttons = [...form.elements].filter((one) => one.matches("button"));
  const sends = buttons.filter((one) => one.type === "submit" && !one.disabled);
  return buttons.find((one) => one.matches(".primary")) ?? (sends.length === 1 ? sends[0] : null);
}

const ACTS = {
  "/": () => ($$("#search, main form[role=search] input").find(shown))?.focus(),
  "?": () => $("#shortcuts")?.showModal(),
  j: () => rows(1),
  k: () => rows(-1),
  n: () => diffs(1),
  N: () => diffs(-1),
  "[": () => reach("["),
  "]": () => reach("]"),
  r: () => reach("r"),
  b: () => reach("b"),
};

document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (field && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const button = field.form && mainOf(field.form);
    if (button?.type === "submit" && button.getAttribute("aria-disabled") !== "true") field.form.requestSubmit(button);
  }
  if (field || off() || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  const follows = event.timeStamp - leader < LEADER;
  leader = event.key === "g" ? event.timeStamp : -LEADER;
  if (follows && /^[a-z]$/.test(event.key)) return $(`[data-go="${event.key}"]`)?.click();
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

function say() {
  const button = $("[data-shortcuts-switch]");
  if (!button) return;
  button.setAttribute("aria-pressed", String(!off()));
  button.textContent = off() ? "Shortcuts off" : "Shortcuts on";
}
$("[data-shortcuts]")?.addEventListener("click", () => $("#shortcuts").showModal());
$("[data-shortcuts-switch]")?.addEventListener("click", () => { localStorage.setItem("shortcuts", off() ? "on" : "off"); say(); });
say();
