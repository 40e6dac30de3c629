// SPDX-License-Identifier: MIT
// Requests drawn over the whole catalog: the same ones on every machine.

/** mulberry32, so that a case can be drawn again. */
function drawing(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { one: (list) => list[Math.floor(next() * list.length)], chance: (share) => next() < share };
}

const CONTEXTS = ["512", "2048", "4k", "8192", "12345", "16k", "32768", "64k", "128k", "262144", "max"];
const CACHE_TYPES = ["f16", "q8_0", "q4_0", "bf16", "f32", "q5_1", "q5_0", "q4_1", "iq4_nl"];

/** Without end. `lists`: the profiles of `list models|chips|quants|runtimes --json`. */
export function* drawCases(lists, seed = 13) {
  const { one, chance } = drawing(seed);
  const quants = { "llama.cpp": lists.quants.filter((quant) => quant.format === "gguf"), mlx: lists.quants.filter((quant) => quant.format === "mlx") };
  for (;;) {
    const runtime = one(lists.runtimes);
    const request = { model: one(lists.models).id, chip: one(lists.chips).id, runtime: runtime.id };
    if (chance(0.8)) request["ctx-size"] = one(CONTEXTS);
    if (runtime.engine === "llama.cpp") {
      if (chance(0.6)) request["cache-type"] = one(CACHE_TYPES);
      if (chance(0.15)) request["cache-type-v"] = one(CACHE_TYPES);
      if (chance(0.15)) request["flash-attn"] = one(["on", "off", "auto"]);
      if (chance(0.15)) request["ubatch-size"] = one(["128", "1024", "2048"]);
      if (chance(0.1)) request["gpu-layers"] = one(["0", "7", "20"]);
    }
    if (runtime.engine === "mlx" && chance(0.4)) request["kv-bits"] = one(["8", "4", "3"]);
    if (quants[runtime.engine] && chance(0.4)) request.quant = one(quants[runtime.engine]).name;
    if (chance(0.3)) request.parallel = one(["1", "2", "4", "9"]);
    if (chance(0.3)) request.macos = one(["13", "14", "15", "26"]);
    if (chance(0.1)) request["wired-limit-mb"] = one(["8192", "24576", "60000"]);
    if (chance(0.2)) request["prompt-tokens"] = one(["1", "4096"]);
    yield request;
  }
}

/** The arguments of the program for a request. */
export function argumentsOf({ model, ...options }) {
  return ["plan", model, "--json", "--no-calibration", ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, value])];
}
