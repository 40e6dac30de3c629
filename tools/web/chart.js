// SPDX-License-Identifier: MIT
// Memory against context: one line for each cache type, the limit and where safety ends. Lines differ
// by dashes and end in their names, so that the chart reads without colour.
import { h, svg } from "./dom.js";
import { GIB, sizeText, tokensText } from "./sizes.js";

const HEIGHT = 300;
const MARGIN = { top: 18, right: 64, bottom: 40, left: 52 };
const LABEL_GAP = 14;
// A limit far above all lines is named at the top instead of pressing the lines to the ground.
const FARTHEST_LIMIT = 3;

/** Some four to eight round steps from 0 to `most`, in GiB. */
function ticks(most) {
  const rough = most / GIB / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Number((power * [1, 2, 2.5, 5, 10].find((each) => each * power >= rough)).toPrecision(3));
  const out = [];
  for (let i = 0; i * step * GIB <= most; ++i) out.push(i * step);
  return { values: out, digits: (String(step).split(".")[1] ?? "").length };
}

/** Heights of labels that stand at least a line apart, in the order given. */
function apart(wanted, least, most) {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  for (let n = 1; n < order.length; ++n) order[n].y = Math.max(order[n].y, order[n - 1].y + LABEL_GAP);
  let floor = most;
  for (let n = order.length - 1; n >= 0; --n) {
    order[n].y = Math.max(least, Math.min(order[n].y, floor));
    floor = order[n].y - LABEL_GAP;
  }
  const out = [];
  for (const { y, i } of order) out[i] = y;
  return out;
}

/**
 * `curves`: [{name, points: [{context, bytes}]}], `words`: the plan's words, `context`: where it is on
 * the axis, which is the option's and not that of all slots.
 */
export function drawChart(figure, { curves, words, context }) {
  const drawn = curves.filter((curve) => curve.points.length > 0);
  if (drawn.length === 0) return figure.replaceChildren();
  const width = Math.max(320, Math.round(figure.clientWidth || 720));
  const inner = { right: width - MARGIN.right, bottom: HEIGHT - MARGIN.bottom };
  const contexts = drawn.flatMap((curve) => curve.points.map((point) => point.context)).concat(context);
  const [least, most] = [Math.min(...contexts), Math.max(...contexts)];
  const { limit, limit_bytes: limitBytes, safe_bytes: safeBytes, used_bytes: used } = words.bar;
  const highest = Math.max(used, ...drawn.flatMap((curve) => curve.points.map((point) => point.bytes)));
  const shown = limitBytes <= highest * FARTHEST_LIMIT;
  const top = Math.max(highest, shown ? limitBytes : 0) * 1.06;

  const span = Math.log2(most / least) || 1;
  const x = (tokens) => MARGIN.left + (Math.log2(tokens / least) / span) * (inner.right - MARGIN.left);
  const y = (bytes) => inner.bottom - (bytes / top) * (inner.bottom - MARGIN.top);
  const at = (value) => value.toFixed(1);

  const grid = [];
  const { values, digits } = ticks(top);
  for (const value of values) {
    const height = at(y(value * GIB));
    grid.push(svg("line", { class: "grid", x1: MARGIN.left, x2: inner.right, y1: height, y2: height }),
      svg("text", { class: "axis", x: MARGIN.left - 7, y: height, dy: "0.32em", "text-anchor": "end" }, value.toFixed(digits)));
  }
  let last = -Infinity;
  for (let tokens = 2 ** Math.ceil(Math.log2(least)); tokens <= most; tokens *= 2) {
    const place = x(tokens);
    if (place - last < 40) continue;
    last = place;
    grid.push(svg("line", { class: "grid", x1: at(place), x2: at(place), y1: inner.bottom, y2: inner.bottom + 4 }),
      svg("text", { class: "axis", x: at(place), y: inner.bottom + 17, "text-anchor": "middle" }, tokensText(tokens)));
  }

  const rule = (bytes, name) => svg("line", { class: `rule ${name}`, x1: MARGIN.left, x2: inner.right, y1: at(y(bytes)), y2: at(y(bytes)) });
  const label = (height, name, text) => svg("text", { class: `rule-label ${name}`, x: MARGIN.left + 6, y: at(height) }, text);
  const limitText = `${limit} ${sizeText(limitBytes)}`;
  const rules = shown
    ? [svg("rect", { class: "beyond", x: MARGIN.left, y: MARGIN.top, width: inner.right - MARGIN.left, height: at(Math.max(0, y(limitBytes) - MARGIN.top)) }),
      rule(limitBytes, "limit"), rule(safeBytes, "safe")]
    : [];
  const labels = shown
    ? [label(y(limitBytes) - 5, "limit", limitText), label(y(safeBytes) + 14, "safe", `safe up to ${sizeText(safeBytes)}`)]
    : [label(MARGIN.top - 4, "limit", `↑ ${limitText}, far above`)];

  const ends = apart(drawn.map((curve) => y(curve.points.at(-1).bytes)), MARGIN.top, inner.bottom);
  const lines = drawn.flatMap((curve, i) => [
    svg("polyline", { class: `curve curve-${i}`, points: curve.points.map((point) => `${at(x(point.context))},${at(y(point.bytes))}`).join(" ") }),
    svg("text", { class: `curve-label curve-${i}`, x: at(x(curve.points.at(-1).context) + 7), y: at(ends[i]), dy: "0.32em" }, curve.name),
  ]);

  const here = [
    svg("line", { class: "here", x1: at(x(context)), x2: at(x(context)), y1: MARGIN.top, y2: inner.bottom }),
    svg("circle", { class: "here-point", cx: at(x(context)), cy: at(y(used)), r: 5.5 }),
  ];
  figure.replaceChildren(
    svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img",
      "aria-label": `Memory against context: ${drawn.map((curve) => `${curve.name} from ${sizeText(curve.points[0].bytes)} to ${sizeText(curve.points.at(-1).bytes)}`).join(", ")}; ${limitText}; this plan ${sizeText(used)} at ${context} tokens` },
      ...rules, ...grid,
      svg("line", { class: "base", x1: MARGIN.left, x2: inner.right, y1: inner.bottom, y2: inner.bottom }),
      ...lines, ...labels, ...here,
      svg("text", { class: "axis title", x: MARGIN.left - 44, y: 10 }, "GiB"),
      svg("text", { class: "axis title", x: inner.right, y: HEIGHT - 5, "text-anchor": "end" }, "context, tokens")));
}

/** The same figures for those who do not see the chart, or want the bytes. */
export function tabulate(table, curves) {
  const contexts = [...new Set(curves.flatMap((curve) => curve.points.map((point) => point.context)))].sort((a, b) => a - b);
  const of = (curve, tokens) => curve.points.find((point) => point.context === tokens);
  table.replaceChildren(
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Tokens"),
      curves.map((curve) => h("th", { scope: "col", class: "number" }, curve.name)))),
    h("tbody", {}, contexts.map((tokens) => h("tr", {}, h("th", { scope: "row" }, String(tokens)),
      curves.map((curve) => {
        const point = of(curve, tokens);
        return h("td", { class: "number", "data-bytes": point?.bytes }, point ? sizeText(point.bytes) : "–");
      })))));
}
