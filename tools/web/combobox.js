// SPDX-License-Identifier: MIT
// A text field that searches a list (WAI-ARIA's combobox with list autocomplete).
import { h } from "./dom.js";

const MOST_SHOWN = 80;

/**
 * `options`: [{value, title, detail, search}]; `choose(value)` is called with an option's value, or with
 * what was typed where nothing in the list was taken.
 */
export function combobox(input, list, choose) {
  let options = [];
  let shown = [];
  let active = -1;
  let current = "";

  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const activate = (index) => {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = index;
    const element = list.children[active];
    if (!element) return input.removeAttribute("aria-activedescendant");
    element.setAttribute("aria-selected", "true");
    element.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", element.id);
  };

  const open = (query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = options.filter((option) => words.every((word) => option.search.includes(word)));
    shown = found.slice(0, MOST_SHOWN);
    list.replaceChildren(...shown.map((option, i) =>
      h("li", { role: "option", id: `${list.id}-${i}`, "aria-selected": "false", "data-value": option.value },
        h("span", { class: "title" }, option.title), h("span", { class: "detail" }, option.detail))));
    if (found.length > shown.length) {
      list.append(h("li", { class: "more", role: "presentation" }, `${found.length - shown.length} more; type to narrow`));
    }
    if (shown.length === 0) list.append(h("li", { class: "more", role: "presentation" }, "None in the catalog; a .gguf file works too"));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    activate(words.length > 0 && shown.length > 0 ? 0 : shown.findIndex((option) => option.value === current));
  };

  const take = (value) => {
    close();
    current = value;
    input.value = value;
    choose(value);
  };

  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => list.hidden && open(""));
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("blur", () => {
    close();
    if (input.value.trim() === "") input.value = current;
    else if (input.value !== current) take(input.value.trim());
  });
  input.addEventListener("keydown", (event) => {
    const keys = {
      ArrowDown: () => (list.hidden ? open("") : activate(Math.min(active + 1, shown.length - 1))),
      ArrowUp: () => (list.hidden ? open("") : activate(Math.max(active - 1, 0))),
      Enter: () => {
        if (!list.hidden && shown[active]) take(shown[active].value);
        else if (input.value.trim() !== "") take(input.value.trim());
      },
      Escape: () => {
        input.value = current;
        close();
      },
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  // Before the field loses focus.
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const value = event.target.closest("[data-value]")?.dataset.value;
    if (value !== undefined) take(value);
  });

  return {
    fill(all) {
      options = all;
    },
    show(value) {
      current = value;
      if (document.activeElement !== input || list.hidden) input.value = value;
    },
  };
}
