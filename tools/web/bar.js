// SPDX-License-Identifier: MIT
// What a plan takes against the limit that binds. Parts differ by pattern and not only by colour.
import { h, svg } from "./dom.js";
import { sizeText } from "./sizes.js";

const HEIGHT = 34;

/** Patterns of the parts, once in the page, for the bar and the marks beside the table. */
export function partPatterns() {
  const tile = (name, size, ...marks) =>
    svg("pattern", { id: `part-${name}`, width: size, height: size, patternUnits: "userSpaceOnUse" },
      svg("rect", { class: `fill-${name}`, width: size, height: size }), ...marks);
  const line = (d) => svg("path", { class: "on-fill", d, "stroke-width": 1.4 });
  const dot = (cx, cy, r) => svg("circle", { class: "dot-on-fill", cx, cy, r });
  return svg("svg", { width: 0, height: 0, "aria-hidden": "true", focusable: "false", class: "patterns" }, svg("defs", {},
    tile("weights", 8),
    tile("kv_cache", 7, line("M-1 8 L8 -1 M-1 1 L1 -1 M6 8 L8 6")),
    tile("recurrent_state", 8, line("M0 0 L8 8 M8 0 L0 8")),
    tile("compute", 6, dot(1.5, 1.5, 1), dot(4.5, 4.5, 1)),
    tile("output", 6, line("M0 3 H6")),
    tile("projector", 6, line("M3 0 V6")),
    tile("adapter", 8, line("M0 4 H8 M4 0 V8")),
    tile("draft", 7, line("M-1 -1 L8 8 M6 -1 L8 1 M-1 6 L1 8")),
    tile("prompt_cache", 8, dot(4, 4, 2)),
    tile("runtime", 4, line("M0 2 H4"))));
}

export function mark(part) {
  return part.in_bar
    ? svg("svg", { class: "swatch", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" },
      svg("rect", { width: 14, height: 14, fill: `url(#part-${part.name})` }))
    : null;
}

export function drawBar(figure, words) {
  const { limit, used_bytes: used, limit_bytes: most, safe_bytes: safe } = words.bar;
  const whole = Math.max(used, most) || 1;
  const percent = (bytes) => `${((100 * bytes) / whole).toFixed(3)}%`;
  let at = 0;
  const parts = words.parts.filter((part) => part.in_bar && part.bytes > 0).map((part) => {
    const rect = svg("rect", { x: percent(at), width: percent(part.bytes), y: 0, height: HEIGHT, fill: `url(#part-${part.name})` },
      svg("title", {}, `${part.title} ${part.size}`));
    at += part.bytes;
    return rect;
  });
  const tick = (bytes, name) =>
    svg("line", { class: `tick ${name}`, x1: percent(bytes), x2: percent(bytes), y1: name === "limit" ? -4 : 0, y2: name === "limit" ? HEIGHT : HEIGHT + 4 });
  const label = (bytes, name, text) => {
    const right = bytes / whole > 0.5;
    const element = h("span", { class: `bar-label ${name} ${right ? "right" : "left"}` }, text);
    element.style.setProperty("--at", percent(right ? whole - bytes : bytes));
    return element;
  };
  figure.replaceChildren(
    label(most, "limit", `${limit} ${sizeText(most)}`),
    svg("svg", { class: "bar-parts", width: "100%", height: HEIGHT, role: "img",
      "aria-label": `${sizeText(used)} used; ${limit} ${sizeText(most)}, safe up to ${sizeText(safe)}` },
      svg("rect", { class: "bar-free", x: 0, y: 0, width: "100%", height: HEIGHT }),
      svg("rect", { class: "bar-margin", x: percent(safe), y: 0, width: percent(most - safe), height: HEIGHT }),
      ...parts,
      used > most ? svg("rect", { class: "bar-over", x: percent(most), y: HEIGHT - 4, width: percent(used - most), height: 4 }) : null,
      tick(safe, "safe"), tick(most, "limit")),
    label(safe, "safe", `safe up to ${sizeText(safe)}`));
}
