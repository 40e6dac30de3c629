// SPDX-License-Identifier: MIT
// The plan on the page. Every sentence and figure is the core's own.
import { drawBar, mark } from "./bar.js";
import { byId, entries, h, setText } from "./dom.js";
import { toCommand } from "./state.js";

const MARKS = { comfortable: "✓", tight: "!", crawls: "≈", "does-not-fit": "×" };
const ANNOUNCE_AFTER_MS = 500;
const COMMANDS = [["ollama", "Ollama"], ["modelfile", "Modelfile"], ["llama-server", "llama-server"], ["lmstudio", "LM Studio"],
  ["mlx", "MLX"], ["sysctl", "GPU limit"], ["membudget", "membudget"]];

let announcing;

/** For screen readers, once it stands still: a slider would say every step. */
function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => setText(byId("announced"), text), ANNOUNCE_AFTER_MS);
}

export function showVerdict(words) {
  const verdict = byId("verdict");
  verdict.dataset.verdict = words.verdict;
  setText(verdict.querySelector(".mark"), MARKS[words.verdict] ?? "");
  byId("sentence-text").replaceChildren(h("strong", {}, words.verdict_words), `: ${words.verdict_detail}`);
  const glance = byId("glance");
  glance.dataset.verdict = words.verdict;
  glance.replaceChildren(h("strong", {}, words.verdict_words), `: ${words.verdict_detail}`);
  setText(byId("headline"), words.headline);
  setText(byId("settings-line"), words.settings);
  announce(`${words.verdict_words}: ${words.verdict_detail}`);
  document.title = `${words.verdict_words}: ${words.headline}`;

  drawBar(byId("bar"), words);
  byId("parts").tBodies[0].replaceChildren(...words.parts.map((part) => h("tr", { "data-part": `${part.name} ${part.place}`, "data-bytes": part.bytes },
    h("td", { class: "mark-cell" }, mark(part)), h("th", { scope: "row" }, part.title), h("td", {}, part.place),
    h("td", { class: "number" }, part.size), h("td", { class: `basis-${part.basis}` }, part.basis), h("td", { class: "what" }, part.note))));
  const sum = (name, place, size) => h("tr", {}, h("td"), h("th", { scope: "row" }, name), h("td", {}, place), h("td", { class: "number" }, size), h("td", { colspan: 2 }));
  byId("parts").tFoot.replaceChildren(sum("sum", "GPU", words.sum_size), sum("total", "", words.total_size));
  entries(byId("limits"), words.limits.filter((limit) => limit.label !== "buffer" || limit.binds)
    .map(({ label, text, binds }) => ({ label: `${label} limit`, text: binds ? `${text} (binds)` : text, binds })));
}

function step(row, apply) {
  return h("li", {},
    h("div", { class: "step-words" }, h("p", {}, row.label), row.text ? h("p", { class: "note" }, row.text) : null,
      row.sources?.length ? h("p", { class: "note source" }, `source: ${row.sources.join("; ")}`) : null),
    apply ? h("button", { type: "button", class: "button small", onclick: apply, "aria-label": `Apply: ${row.label}` }, "Apply") : null);
}

/** The label of a row of largest contexts as the plan's JSON has it. */
const CACHE_OF = { "16 bits": ["kv-bits", "0"], "8 bits": ["kv-bits", "8"], "4 bits": ["kv-bits", "4"] };

export function showPlan({ plan, words }, state, actions) {
  const perSlot = actions.perSlot ? plan.settings.parallel : 1;
  byId("contexts").tBodies[0].replaceChildren(...words.contexts.map(({ label, text }) => {
    const tokens = Number.parseInt(text, 10);
    const [key, value] = CACHE_OF[label] ?? ["cache-type", label];
    const use = Number.isInteger(tokens) && (!label.includes(" ") || label in CACHE_OF)
      ? h("button", { type: "button", class: "button small", "aria-label": `Use ${tokens} tokens, ${label} cache`,
        onclick: () => actions.assign({ "cache-type-k": "", "cache-type-v": "", [key]: actions.fixedCache ? "" : value, "ctx-size": String(tokens / perSlot) }) }, "Use")
      : null;
    return h("tr", { "data-cache": label }, h("th", { scope: "row" }, label), h("td", {}, text), h("td", {}, use));
  }));
  setText(byId("rope"), words.rope);

  entries(byId("speed"), words.speed.length > 0 ? words.speed : [{ label: "speed", text: "not known for this machine or runtime" }]);
  setText(byId("speed-basis"), plan.speed ? `Basis: ${plan.speed.basis}. ${words.speed_formulas.map(({ label, text }) => `${label}: ${text}`).join(". ")}` : "");

  byId("advice-section").hidden = words.advice.length === 0;
  setText(byId("advice-title"), words.advice_title || "What to change");
  const applied = (row) => {
    const next = actions.changed(row.changes, plan);
    return next ? () => actions.replace(next) : null;
  };
  byId("advice").replaceChildren(...words.advice.map((row, i) => step(row, applied(words.steps[i]))));
  byId("ladder-details").hidden = words.steps.length <= words.advice.length;
  byId("ladder").replaceChildren(...words.steps.map((row) => step(row, applied(row))));

  byId("why").replaceChildren(...plan.reasons.concat(words.notes).map((reason) => h("li", {}, reason)));
  showCommands({ ...plan.recommendation.commands, membudget: toCommand(state) }, plan.runtime.id);
}

let commands = {};
let chosen;

function showCommand() {
  const text = commands[chosen];
  setText(byId("command"), Array.isArray(text) ? text.join("\n") : text ?? "");
  for (const tab of byId("tabs").children) {
    const on = tab.dataset.command === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
  }
  byId("tab-panel").setAttribute("aria-labelledby", `tab-${chosen}`);
}

function showCommands(all, runtime) {
  commands = all;
  if (!chosen || !(chosen in all)) {
    chosen = runtime.startsWith("lmstudio") ? "lmstudio" : runtime.includes("ollama") ? "ollama" : runtime === "mlx" ? "mlx" : "llama-server";
  }
  showCommand();
}

/** The tabs and the copy button, once. */
export function wireCommands() {
  const tabs = byId("tabs");
  tabs.replaceChildren(...COMMANDS.map(([key, name]) => h("button", { type: "button", role: "tab", id: `tab-${key}`, "data-command": key,
    "aria-controls": "tab-panel", tabindex: -1, onclick: () => choose(key) }, name)));
  const choose = (key) => {
    chosen = key;
    showCommand();
  };
  tabs.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const at = COMMANDS.findIndex(([key]) => key === chosen);
    const to = Number.isFinite(moves[event.key]) ? (at + moves[event.key] + COMMANDS.length) % COMMANDS.length : moves[event.key] < 0 ? 0 : COMMANDS.length - 1;
    choose(COMMANDS[to][0]);
    tabs.children[to].focus();
  });
  byId("copy").addEventListener("click", async () => {
    const text = byId("command").textContent;
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a clipboard the text is at least selected.
      getSelection().selectAllChildren(byId("command"));
      copied = false;
    }
    setText(byId("copy"), copied ? "Copied" : "Selected");
    setText(byId("copied"), copied ? "Copied" : "Selected; copy it with the keyboard");
    setTimeout(() => {
      setText(byId("copy"), "Copy");
      setText(byId("copied"), "");
    }, 1500);
  });
}

/** `fault`: {option, message}, or null. */
export function showError(fault, actions) {
  const box = byId("error");
  box.hidden = fault === null;
  byId("plan").hidden = fault !== null;
  if (fault !== null) delete byId("glance").dataset.verdict;
  byId("verdict").hidden = fault !== null;
  if (fault === null) return;
  clearTimeout(announcing);
  document.title = "membudget";
  box.replaceChildren(h("p", { class: "sentence" }, h("span", { class: "mark", "aria-hidden": "true" }, "×"), h("span", {}, h("strong", {}, fault.title), `: ${fault.message}`)),
    h("p", {}, ...(actions ?? []).map(([label, act]) => h("button", { type: "button", class: "button", onclick: act }, label))));
}
