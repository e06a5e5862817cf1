// The swap style "morph" for htmx: an element of the page becomes like the new one and stays itself.
// Focus, selection, scroll, typed text and what people folded open or shut are kept.

const served = new WeakMap(); // details → the last `open` that the server said
const LEFT_ALONE = new Set(["data-done", "data-held", "data-whole"]);

const keyOf = (node) => node.nodeType === 1 ? node.id || node.dataset?.key || "" : "";
const moment = (time) => time.dateTime && [time.dateTime, ...Object.keys(time.dataset)].join(" ");
const alike = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

export function morph(old, fresh) {
  if (old.isEqualNode(fresh) && !old.querySelector?.("details")) return;
  if (old.nodeName === "TIME" && moment(old) === moment(fresh)) return; // live.js keeps its words
  if (old.nodeType !== 1) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  const before = old.hasAttribute("data-flash") ? old.textContent : null;
  attributes(old, fresh);
  if (old.nodeName === "TEXTAREA") {
    if (old.value === old.defaultValue && old.defaultValue !== fresh.defaultValue) old.value = fresh.defaultValue;
    old.defaultValue = fresh.defaultValue;
    return;
  }
  children(old, fresh);
  if (before !== null && before !== old.textContent) flash(old);
}

function attributes(old, fresh) {
  const folds = old.nodeName === "DETAILS" || old.nodeName === "DIALOG";
  if (folds) fold(old, fresh);
  for (const { name, value } of fresh.attributes) {
    if (folds && name === "open") continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if ((folds && name === "open") || LEFT_ALONE.has(name) || fresh.hasAttribute(name)) continue;
    old.removeAttribute(name);
  }
}

// Follow the server's wish only while nobody has decided otherwise.
function fold(old, fresh) {
  if (old.nodeName === "DIALOG") return;
  const last = served.has(old) ? served.get(old) : fresh.open;
  if (old.open === last && old.open !== fresh.open) old.open = fresh.open;
  served.set(old, fresh.open);
}

function children(old, fresh) {
  const wanted = new Set([...fresh.childNodes].map(keyOf).filter(Boolean));
  for (const child of [...old.childNodes]) {
    const key = keyOf(child);
    if (key && !wanted.has(key)) child.remove();
  }
  const keyed = new Map([...old.childNodes].filter(keyOf).map((child) => [keyOf(child), child]));
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const found = match(next, place, keyed);
    if (!found) {
      old.insertBefore(next.cloneNode(true), place);
      continue;
    }
    if (found !== place) move(old, found, place);
    else place = place.nextSibling;
    morph(found, next);
  }
  while (place) {
    const rest = place.nextSibling;
    place.remove();
    place = rest;
  }
}

function match(next, place, keyed) {
  const key = keyOf(next);
  if (key) {
    const same = keyed.get(key);
    return same && same.nodeName === next.nodeName ? same : null;
  }
  for (let node = place, steps = 0; node && steps < 8; node = node.nextSibling, steps++) {
    if (alike(node, next)) return node;
  }
  return null;
}

function move(parent, node, place) {
  if (parent.moveBefore && node.isConnected) parent.moveBefore(node, place);
  else parent.insertBefore(node, place);
}

function flash(element) {
  element.classList.remove("is-changed");
  requestAnimationFrame(() => element.classList.add("is-changed"));
  element.addEventListener("animationend", () => element.classList.remove("is-changed"), { once: true });
}

function swap(target, fragment) {
  const fresh = fragment.querySelector(`#${CSS.escape(target.id)}`) ?? fragment.firstElementChild;
  if (!fresh) return [target];
  const focused = target.contains(document.activeElement) ? document.activeElement : null;
  const panel = focused?.closest("section") ?? target;
  const followed = [...target.querySelectorAll("[data-follow]")].filter((log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 4);
  morph(target, fresh);
  for (const log of followed) log.scrollTop = log.scrollHeight;
  if (focused && !focused.isConnected) (panel.isConnected ? panel : target).querySelector("h2, h3")?.focus();
  return [target];
}

for (const fold of document.querySelectorAll("details")) served.set(fold, fold.open);

window.htmx?.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap: (style, target, fragment) => style === "morph" && swap(target, fragment),
});
