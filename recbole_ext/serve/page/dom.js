// Elements without markup in strings: titles and tokens are always text.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

export const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

// Tells people who listen to the page what changed.
export function say(sentence) {
  byId("said").textContent = sentence;
}

export function debounced(action, milliseconds) {
  let waiting;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => action(...given), milliseconds);
  };
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Runs a change of a list, then lets each child move from where it was to where it is.
export function moving(list, change) {
  const before = new Map([...list.children].map((one) => [one, one.getBoundingClientRect().top]));
  change();
  if (calm()) return;
  for (const one of list.children) {
    const from = before.get(one);
    const by = from === undefined ? null : from - one.getBoundingClientRect().top;
    const timing = { duration: 260, easing: "cubic-bezier(.2,.7,.3,1)" };
    if (by === null) one.animate([{ opacity: 0 }, { opacity: 1 }], timing);
    else if (by) one.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], timing);
  }
}

export const problem = (error) => h("p", { class: "note alarm", role: "alert" }, error.sentence ?? String(error));
