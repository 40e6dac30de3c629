// SPDX-License-Identifier: MIT
// The plan that is asked for, as the address holds it: after the '#', which no server is sent, the
// options of `membudget plan` by their long names. `file` stands for `model` where a file was given.

const FLAGS = new Set(["swa-full", "kv-unified", "no-mmap", "cpu-moe", "no-kv-offload", "no-repack", "no-op-offload", "embeddings"]);

export const START = Object.freeze({ model: "qwen2.5-coder:32b", chip: "m1-max-32gb" });

// What model names are made of reads better as it is.
const escape = (text) => encodeURIComponent(text).replace(/%3A/g, ":").replace(/%2F/g, "/").replace(/%40/g, "@");

export function toHash(state) {
  return "#" + Object.entries(state).filter(([, value]) => value !== "")
    .map(([key, value]) => `${escape(key)}=${escape(value)}`).join("&");
}

export function fromHash(hash) {
  const state = {};
  for (const [key, value] of new URLSearchParams(hash.replace(/^#/, "").replace(/\+/g, "%2B"))) {
    if (value !== "") state[key] = value;
  }
  return Object.keys(state).length === 0 ? { ...START } : state;
}

/** What the core is asked: flags are true rather than words, and a file is no option. */
export function toRequest(state) {
  const request = {};
  for (const [key, value] of Object.entries(state)) {
    if (key === "file") continue;
    request[key] = FLAGS.has(key) ? value !== "false" : value;
  }
  if (state.file) request.model = state.file;
  return request;
}

const quoted = (text) => (/^[\w.,:@/+=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

/** The same plan on the command line. */
export function toCommand(state) {
  const words = ["membudget", "plan", state.file ? `./${state.file}` : state.model ?? ""];
  for (const [key, value] of Object.entries(state)) {
    if (key === "model" || key === "file") continue;
    if (!FLAGS.has(key)) words.push(`--${key}`, value);
    else if (value !== "false") words.push(`--${key}`);
  }
  return words.map(quoted).join(" ");
}

// A change's setting by the option that makes it.
const OPTIONS = {
  cache_type: "cache-type", context: "ctx-size", quantization: "quant", parallel: "parallel", ubatch: "ubatch-size",
  prefill_step: "prefill-step-size", wired_limit_mb: "wired-limit-mb", n_cpu_moe: "n-cpu-moe", gpu_layers: "gpu-layers",
  model: "model", kv_bits: "kv-bits",
};

/** The state after the changes of one step of advice; undefined where one is no option here. */
export function withChanges(state, changes, settings, perSlot) {
  const out = { ...state };
  // What the runtime chose before stays: a change is the difference to this plan, not to another's defaults.
  const slots = () => {
    const change = changes.find((each) => each.setting === "parallel");
    return Number(change?.to ?? settings.parallel);
  };
  // Where memory grows with use, the context asked for is what is in use.
  if (settings.prompt_tokens === undefined) out["ctx-size"] = String(perSlot ? settings.context / settings.parallel : settings.context);
  for (const { setting, to } of changes) {
    if (setting === "flash_attention") out["flash-attn"] = "on";
    else if (setting === "swa_full") delete out["swa-full"];
    else if (setting === "context") out["ctx-size"] = String(perSlot ? Number(to) / slots() : Number(to));
    else if (setting === "cache_type") {
      delete out["cache-type-k"];
      delete out["cache-type-v"];
      out["cache-type"] = to;
    } else if (setting === "model" && state.file) return undefined;
    else if (OPTIONS[setting]) out[OPTIONS[setting]] = to;
    else return undefined;
  }
  return out;
}
