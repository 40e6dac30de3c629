// SPDX-License-Identifier: MIT
// Elements without markup in strings: what comes from files and addresses is only ever text.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export const h = (name, attributes, ...children) => build(document.createElement(name), attributes, children);
export const svg = (name, attributes, ...children) => build(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);

/** Sets text only where it differs, so that a screen reader hears no repetition. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Term and description for each row. */
export function entries(list, rows) {
  list.replaceChildren(...rows.map(({ label, text, binds }) =>
    h("div", { class: binds ? "binds" : null }, h("dt", {}, label), h("dd", {}, text))));
}
