// SPDX-License-Identifier: MIT
// What the page asks of the core. The page itself answers each move of a slider with one, before the
// next picture; a worker makes whole plans and curves with another.
import { Core, PlanError } from "./core.js";

const CURVE_SLICE_MS = 5;

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

const yieldToMessages = () => new Promise((resolve) => setTimeout(resolve, 0));

export class Answers {
  #core;
  #planner;
  #model = 0;
  #models = 0;
  #prepared = { key: "", handle: 0 };
  #curve = 0;

  async open({ module }) {
    this.#core = await Core.open(module);
    this.#planner = this.#core.planner();
    return this.#core.version();
  }

  lists() {
    return Object.fromEntries(["models", "chips", "quants", "runtimes"]
      .map((kind) => [kind, JSON.parse(this.#core.listJson(this.#planner, kind)).profiles]));
  }

  gguf({ head, fileSize }) {
    const made = this.#core.gguf(head, fileSize);
    this.#core.destroyModel(this.#model);
    this.#model = made;
    ++this.#models;
  }

  page({ request, file }) {
    return this.#core.page(this.#planner, this.#modelFor(file), request);
  }

  verdict({ request, file }) {
    const { rest, settings } = split(request);
    return this.#core.verdict(this.#prepare(rest, file), settings);
  }

  /** Bytes over contexts for each cache type (null: as asked for). Works in slices; a newer one ends it. */
  async curve({ request, file, contexts, types }) {
    const mine = ++this.#curve;
    const { rest, settings } = split(request);
    const handle = this.#core.prepare(this.#planner, this.#modelFor(file), rest);
    const series = [];
    try {
      let until = performance.now() + CURVE_SLICE_MS;
      for (const type of types) {
        const points = [];
        for (const context of contexts) {
          const asked = type === null ? settings : { ...settings, cacheTypeK: type, cacheTypeV: type };
          try {
            const { gpu, total } = this.#core.figures(handle, { ...asked, context });
            points.push({ context, gpu, total });
          } catch (error) {
            // A context or type that this engine refuses leaves a gap.
            if (!(error instanceof PlanError)) throw error;
          }
          if (performance.now() < until) continue;
          await yieldToMessages();
          if (mine !== this.#curve) return null;
          until = performance.now() + CURVE_SLICE_MS;
        }
        series.push({ type, points });
      }
    } finally {
      this.#core.destroyPrepared(handle);
    }
    return series;
  }

  /** The model from a file, for a request that is about it. */
  #modelFor(file) {
    return file ? this.#model : 0;
  }

  #prepare(rest, file) {
    const key = JSON.stringify([rest, file && this.#models]);
    if (this.#prepared.key !== key || this.#prepared.handle === 0) {
      this.#core.destroyPrepared(this.#prepared.handle);
      this.#prepared = { key: "", handle: 0 };
      this.#prepared = { key, handle: this.#core.prepare(this.#planner, this.#modelFor(file), rest) };
    }
    return this.#prepared.handle;
  }
}
