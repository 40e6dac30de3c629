// SPDX-License-Identifier: MIT
// Plans beside the page, so that it never waits. Two of these run: one answers each move of a slider,
// one makes whole plans with all their searches.
import { Core, PlanError } from "./core.js";

const CURVE_SLICE_MS = 5;

let core;
let planner;
let model = 0;
let models = 0;
let prepared = { key: "", handle: 0 };
let curve = 0;

/** The request and what may vary of it without preparing anew. */
function split(request) {
  const { "ctx-size": context, parallel, "cache-type": both, "cache-type-k": k = both, "cache-type-v": v = both, ...rest } = request;
  const settings = {};
  const keep = (name, value, set) => {
    if (value === undefined) return;
    if (/^\d{1,9}$/.test(value) && Number(value) > 0) settings[set] = Number(value);
    else rest[name] = value;
  };
  keep("ctx-size", context, "context");
  keep("parallel", parallel, "parallel");
  if (k) settings.cacheTypeK = k;
  if (v) settings.cacheTypeV = v;
  return { rest, settings };
}

/** The model from a file, for a request that is about it. */
const modelFor = (file) => (file ? model : 0);

function prepare(rest, file) {
  const key = JSON.stringify([rest, file && models]);
  if (prepared.key !== key || prepared.handle === 0) {
    core.destroyPrepared(prepared.handle);
    prepared = { key: "", handle: 0 };
    prepared = { key, handle: core.prepare(planner, modelFor(file), rest) };
  }
  return prepared.handle;
}

const yieldToMessages = () => new Promise((resolve) => setTimeout(resolve, 0));

const methods = {
  async open({ module }) {
    core = await Core.open(module);
    planner = core.planner();
    return core.version();
  },

  lists() {
    return Object.fromEntries(["models", "chips", "quants", "runtimes"]
      .map((kind) => [kind, JSON.parse(core.listJson(planner, kind)).profiles]));
  },

  gguf({ head, fileSize }) {
    const made = core.gguf(head, fileSize);
    core.destroyModel(model);
    model = made;
    ++models;
  },

  page({ request, file }) {
    return core.page(planner, modelFor(file), request);
  },

  verdict({ request, file }) {
    const { rest, settings } = split(request);
    return core.verdict(prepare(rest, file), settings);
  },

  /** Bytes over contexts for each cache type (null: as asked for). Works in slices; a newer one ends it. */
  async curve({ request, file, contexts, types }) {
    const mine = ++curve;
    const { rest, settings } = split(request);
    const handle = core.prepare(planner, modelFor(file), rest);
    const series = [];
    try {
      let until = performance.now() + CURVE_SLICE_MS;
      for (const type of types) {
        const points = [];
        for (const context of contexts) {
          const asked = type === null ? settings : { ...settings, cacheTypeK: type, cacheTypeV: type };
          try {
            const { gpu, total } = core.figures(handle, { ...asked, context });
            points.push({ context, gpu, total });
          } catch (error) {
            // A context or type that this engine refuses leaves a gap.
            if (!(error instanceof PlanError)) throw error;
          }
          if (performance.now() < until) continue;
          await yieldToMessages();
          if (mine !== curve) return null;
          until = performance.now() + CURVE_SLICE_MS;
        }
        series.push({ type, points });
      }
    } finally {
      core.destroyPrepared(handle);
    }
    return series;
  },
};

self.onmessage = async ({ data: { id, method, args } }) => {
  try {
    self.postMessage({ id, result: await methods[method](args ?? {}) });
  } catch (error) {
    const { code = "internal", where = "", message, needsBytes = 0 } = error;
    self.postMessage({ id, error: { code, where, message, needsBytes } });
  }
};
