// SPDX-License-Identifier: MIT
// The form: what may be chosen comes from the profiles, what is chosen from the state.
import { combobox } from "./combobox.js";
import { byId, h, setText } from "./dom.js";
import { contextSteps } from "./sizes.js";

const CACHE_TYPES = ["f16", "q8_0", "q4_0", "bf16", "f32", "q5_1", "q5_0", "q4_1", "iq4_nl"];
// Rules of the working set change with these.
const MACOS = ["26", "15", "14", "13"];
const KV_BITS = ["0", "8", "6", "5", "4", "3", "2"];
const FORMATS = { gguf: "GGUF (llama.cpp, Ollama, LM Studio)", mlx: "MLX", mlc: "MLC", coreml: "Core ML" };
const RUNTIME_GROUPS = { "llama.cpp": "llama.cpp", mlx: "MLX" };
const LEAST_CONTEXT = 256;
// What each engine has a setting for; others refuse it, so it is not offered.
const ENGINE_FIELDS = { "cache-type": ["llama.cpp"], "cache-type-k": ["llama.cpp"], "cache-type-v": ["llama.cpp"],
  "flash-attn": ["llama.cpp"], "ubatch-size": ["llama.cpp"], "gpu-layers": ["llama.cpp"], "n-cpu-moe": ["llama.cpp"], "kv-bits": ["mlx"] };

const DEFAULTS = {
  quant: (plan) => plan.model.quantization, macos: (plan) => plan.machine.macos,
  "cache-type": ({ settings: { cache_type_k: k, cache_type_v: v } }) => (k === v ? k : `${k}, ${v}`),
  "cache-type-k": (plan) => plan.settings.cache_type_k, "cache-type-v": (plan) => plan.settings.cache_type_v,
  "flash-attn": (plan) => (plan.settings.flash_attention ? "on" : "off"), "kv-bits": (plan) => String(plan.settings.kv_bits ?? ""),
};
const PLACEHOLDERS = {
  parallel: (plan) => plan.settings.parallel, "ubatch-size": (plan) => plan.settings.ubatch, "gpu-layers": (plan) => plan.settings.gpu_layers,
  depth: (plan) => plan.speed?.depth, "prompt-tokens": (plan) => plan.speed?.prompt_tokens,
};

const billions = (count) => (count >= 1e9 ? `${(count / 1e9).toFixed(count >= 1e11 ? 0 : 1)} B` : `${Math.round(count / 1e6)} M`);

function modelOption(model) {
  const value = model.ollama?.[0] ?? model.aliases?.[0] ?? model.id;
  const active = model.active_parameters ? `, ${billions(model.active_parameters)} active` : "";
  const names = [model.id, model.name, model.family, model.architecture, model.hf, model.modality, ...(model.aliases ?? []), ...(model.ollama ?? [])];
  return { value, title: model.name ?? model.id, detail: `${value} · ${billions(model.parameters)}${active} · ${model.metadata?.context_length ?? "?"} tokens`,
    search: names.filter(Boolean).join(" ").toLowerCase(), size: model.parameters };
}

function fill(select, options, groups) {
  const made = options.map(([value, label, group]) => [group, h("option", { value }, label)]);
  const named = new Map();
  select.replaceChildren();
  for (const [group, option] of made) {
    if (group === undefined) {
      select.append(option);
      continue;
    }
    if (!named.has(group)) {
      named.set(group, h("optgroup", { label: groups?.[group] ?? group }));
      select.append(named.get(group));
    }
    named.get(group).append(option);
  }
}

/** What an address says is shown even where the list does not have it: the core says what is wrong. */
function setSelect(select, value) {
  if (![...select.options].some((option) => option.value === value)) select.append(h("option", { value }, value));
  select.value = value;
}

export class Controls {
  #lists;
  #steps = [LEAST_CONTEXT];
  #model;
  #trained = 0;

  /** `change(key, value)` for what was chosen; `slide(tokens)` while the slider moves. */
  constructor(change, slide) {
    this.change = change;
    this.slide = slide;
    this.#model = combobox(byId("model"), byId("model-list"), (value) => change("model", value));
    for (const field of document.querySelectorAll("#controls select, #controls .field input:not(#model):not(#ctx-slider):not([type=file])")) {
      field.addEventListener("change", () => change(field.id, field.value.trim()));
    }
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
    const slider = byId("ctx-slider");
    slider.addEventListener("input", () => slide(this.#steps[slider.value]));
    slider.addEventListener("change", () => change("ctx-size", String(this.#steps[slider.value])));
    for (const [id, direction] of [["ctx-less", -1], ["ctx-more", 1]]) {
      byId(id).addEventListener("click", () => {
        const tokens = this.#neighbour(direction);
        if (tokens !== undefined) change("ctx-size", String(tokens));
      });
    }
    byId("ctx-default").addEventListener("click", () => {
      change("ctx-size", "");
      byId("ctx-size").focus();
    });
  }

  fillLists(lists) {
    this.#lists = lists;
    this.#model.fill(lists.models.map(modelOption).sort((a, b) => a.title.localeCompare(b.title, "en", { numeric: true })));
    const bin = (chip) => `${chip.ram_gib} GB, ${chip.gpu_cores} GPU cores`;
    const chips = [...lists.chips].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || a.ram_gib - b.ram_gib || b.gpu_cores - a.gpu_cores);
    fill(byId("chip"), chips.map((chip) => [chip.id, `${chip.name.replace(/^Apple /, "")}, ${bin(chip)}`, chip.name]));
    fill(byId("macos"), [["", "Default"], ...MACOS.map((each) => [each, each])]);
    fill(byId("quant"), [["", "Default"], ...lists.quants.map((quant) => [quant.name, quant.name, quant.format])], FORMATS);
    fill(byId("runtime"), [...lists.runtimes].sort((a, b) => this.#rank(a) - this.#rank(b) || a.id.localeCompare(b.id))
      .map((runtime) => [runtime.id, runtime.name, runtime.engine in RUNTIME_GROUPS ? runtime.engine : "other"]), { ...RUNTIME_GROUPS, other: "Others" });
    for (const id of ["cache-type", "cache-type-k", "cache-type-v"]) fill(byId(id), [["", "Default"], ...CACHE_TYPES.map((type) => [type, type])]);
    fill(byId("flash-attn"), [["", "Default"], ["on", "on"], ["off", "off"], ["auto", "auto"]]);
    fill(byId("kv-bits"), [["", "Default"], ...KV_BITS.map((bits) => [bits, bits === "0" ? "16, as computed" : bits])]);
  }

  #rank(runtime) {
    return runtime.id === "llama.cpp" ? 0 : runtime.engine === "llama.cpp" ? 1 : runtime.engine === "mlx" ? 2 : 3;
  }

  runtimeOf(state) {
    const id = (state.runtime ?? "llama.cpp").replace(/@.*/, "");
    return this.#lists.runtimes.find((runtime) => runtime.id === id);
  }

  /** What the runtime has no setting for, which leaves the state when another one is chosen. */
  refusedBy(runtime) {
    return Object.keys(ENGINE_FIELDS).filter((key) => !ENGINE_FIELDS[key].includes(runtime?.engine));
  }

  #neighbour(direction) {
    const now = Number(byId("ctx-slider").dataset.tokens);
    return direction > 0 ? this.#steps.find((step) => step > now) : this.#steps.findLast((step) => step < now);
  }

  show(state) {
    this.#model.show(state.file ?? state.model ?? "");
    const chip = this.#lists.chips.find((each) => each.id === state.chip);
    setText(byId("chip-note"), chip ? `${chip.bandwidth_gbs} GB/s${chip.machines?.length ? `; ${chip.machines.map((each) => each.name).join(", ")}` : ""}` : "");
    const runtime = this.runtimeOf(state);
    setText(byId("runtime-note"), runtime?.summary ?? "");
    for (const field of document.querySelectorAll("#controls select")) {
      setSelect(field, field.id === "runtime" ? state.runtime ?? "llama.cpp" : state[field.id] ?? "");
    }
    for (const field of document.querySelectorAll("#controls input:not(#model):not(#ctx-slider):not([type=file])")) {
      if (document.activeElement !== field || field.type === "number") field.value = state[field.id] ?? "";
    }
    const refused = this.refusedBy(runtime);
    for (const key of Object.keys(ENGINE_FIELDS)) {
      // One that the address sets all the same is shown, for the core refuses it.
      document.querySelector(`.field[data-key="${key}"]`).hidden = refused.includes(key) && state[key] === undefined;
    }
    const quant = byId("quant");
    quant.disabled = state.file !== undefined;
    byId("ctx-default").hidden = state["ctx-size"] === undefined;
    setText(byId("ctx-label"), runtime?.id.includes("ollama") ? "Context of a slot, tokens" : "Context, tokens");
  }

  /** Where the slider stands: `tokens` as the option counts them. */
  showContext(tokens, state) {
    const slider = byId("ctx-slider");
    const steps = contextSteps(LEAST_CONTEXT, Math.max(this.#trained || 131072, tokens, LEAST_CONTEXT));
    if (steps.length !== this.#steps.length || steps.at(-1) !== this.#steps.at(-1)) {
      this.#steps = steps;
      slider.max = String(steps.length - 1);
    }
    const nearest = steps.reduce((best, step, i) => (Math.abs(step - tokens) < Math.abs(steps[best] - tokens) ? i : best), 0);
    if (document.activeElement !== slider || steps[slider.value] !== tokens) slider.value = String(nearest);
    slider.dataset.tokens = String(tokens);
    slider.setAttribute("aria-valuetext", `${tokens} tokens`);
    const field = byId("ctx-size");
    if (document.activeElement !== field) field.value = state["ctx-size"] ?? "";
    field.placeholder = String(tokens);
  }

  /** What the plan chose where nothing was asked for. */
  showDefaults(plan, state) {
    this.#trained = plan.model.trained_context;
    for (const [id, of] of Object.entries(DEFAULTS)) {
      const first = byId(id).options[0];
      if (first.value === "") setText(first, state[id] === undefined && !(id.startsWith("cache-type-") && state["cache-type"]) ? `${of(plan)}, default` : "Default");
    }
    for (const [id, of] of Object.entries(PLACEHOLDERS)) byId(id).placeholder = String(of(plan) ?? "");
    byId("wired-limit-mb").placeholder = "0, macOS decides";
    byId("reserve").placeholder = `${plan.budget.reserve_bytes / 2 ** 30}GiB`;
    const { model } = plan;
    setText(byId("model-note"), `${model.architecture}, ${billions(model.parameters)} parameters${model.active_parameters !== model.parameters ? `, ${billions(model.active_parameters)} active` : ""}, trained for ${model.trained_context} tokens${state.file ? `, ${model.quantization}` : ""}`);
    setText(byId("ctx-note"), state["ctx-size"] === undefined ? `${plan.runtime.id}'s default here` : `trained for ${model.trained_context}`);
  }

  /** Marks the field that an error names by its option; true when there is one. */
  showFault(option) {
    for (const field of document.querySelectorAll("#controls [aria-invalid]")) field.removeAttribute("aria-invalid");
    const field = option && byId(option);
    if (!field || !byId("controls").contains(field)) return false;
    field.setAttribute("aria-invalid", "true");
    field.closest("details")?.setAttribute("open", "");
    return true;
  }
}
