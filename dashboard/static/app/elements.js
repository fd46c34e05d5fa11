// Turns tag names, properties and children into elements, in HTML and in SVG.

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. Functions become listeners (`click`), `true` an empty attribute; null and false leave it out. */
export const h = (tag, properties, ...children) => filled(document.createElement(tag), properties, children);

/** The same in SVG. */
export const s = (tag, properties, ...children) => filled(document.createElementNS(SVG, tag), properties, children);

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) setProperty(element, name, value);
  element.append(...shown(children));
  return element;
}

function setProperty(element, name, value) {
  if (value == null || value === false) return;
  if (typeof value === 'function') element.addEventListener(name, value);
  else element.setAttribute(name, value === true ? '' : value);
}

const shown = (children) => children.flat(Infinity).filter((child) => child != null && child !== false);

/** Puts other children into an element. */
export const fill = (element, ...children) => element.replaceChildren(...shown(children));

/** Writes text only where it differs, so that a screen reader is not told the same again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Calls `then` with an element's width in pixels now and whenever it changes; answers a function that stops it. */
export function onWidth(element, then) {
  let last = 0;
  const observer = new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width && width !== last) then((last = width));
  });
  observer.observe(element);
  return () => observer.disconnect();
}

/** A function that collects what it is called with, and hands the set of it to `then` with the next frame. */
export function batched(then) {
  let waiting = null;
  return (item) => {
    if (!waiting) requestAnimationFrame(() => then([waiting, (waiting = null)][0]));
    (waiting ??= new Set()).add(item);
  };
}
