// SPDX-License-Identifier: MIT
// include/membudget/membudget.h over WebAssembly, in a browser or in Node.

const utf8 = new TextEncoder();
const text = new TextDecoder();

const STATUS = { ok: 0, needsBytes: 5 };

/** What membudget could not do: `code`, `where` and `message` of its error in JSON. */
export class PlanError extends Error {
  constructor(json) {
    let error = {};
    let needsBytes = 0;
    try {
      ({ error = {}, needs_bytes: needsBytes = 0 } = JSON.parse(json));
    } catch {
      error.message = json || "no memory is left";
    }
    super(error.message);
    Object.assign(this, { code: error.code ?? "internal", where: error.where ?? "", needsBytes, json });
  }
}

export class Core {
  #wasm;

  /** `module`: a compiled WebAssembly.Module. The core does no I/O, so it imports nearly nothing. */
  static async open(module) {
    const core = new Core();
    const imports = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (kind !== "function") throw new Error(`${from}.${name} is wanted, which is no function`);
      imports[from] ??= {};
      imports[from][name] = core.#host(name);
    }
    const instance = await WebAssembly.instantiate(module, imports);
    core.#wasm = instance.exports;
    core.#wasm._initialize?.();
    return core;
  }

  /** The system as the C library asks for it: no files, no environment, no arguments. */
  #host(name) {
    const memory = () => new DataView(this.#wasm.memory.buffer);
    switch (name) {
      case "emscripten_notify_memory_growth":
        return () => {};
      case "environ_sizes_get":
      case "args_sizes_get":
        return (count, size) => {
          memory().setUint32(count, 0, true);
          memory().setUint32(size, 0, true);
          return 0;
        };
      case "environ_get":
      case "args_get":
        return () => 0;
      case "clock_time_get":
        return (clock, precision, out) => {
          memory().setBigUint64(out, 0n, true);
          return 0;
        };
      case "proc_exit":
      case "abort":
        return () => {
          throw new Error("the planner stopped");
        };
      default:
        // WASI's "not supported": it is no file, stream or socket that a plan needs.
        return () => 58;
    }
  }

  // Views are made anew: memory that grew leaves old ones empty.
  #view() {
    return new DataView(this.#wasm.memory.buffer);
  }

  #bytes(at, size) {
    return new Uint8Array(this.#wasm.memory.buffer, at, size);
  }

  #string(at) {
    const bytes = new Uint8Array(this.#wasm.memory.buffer, at);
    return text.decode(bytes.slice(0, bytes.indexOf(0)));
  }

  /** Calls `use(pointers)` with each of the texts in memory (0 for null), and frees them. */
  #withTexts(texts, use) {
    const pointers = texts.map((each) => {
      if (each == null) return 0;
      const bytes = utf8.encode(each);
      const at = this.#wasm.malloc(bytes.length + 1);
      this.#bytes(at, bytes.length + 1).set([...bytes, 0]);
      return at;
    });
    try {
      return use(...pointers);
    } finally {
      for (const each of pointers) this.#wasm.free(each);
    }
  }

  /** A call whose last argument is a `char **`: that text when it is MEMBUDGET_OK, else its error. */
  #answer(call) {
    const out = this.#wasm.malloc(8);
    this.#view().setUint32(out, 0, true);
    const status = call(out);
    const at = this.#view().getUint32(out, true);
    this.#wasm.free(out);
    const answer = at === 0 ? "" : this.#string(at);
    this.#wasm.membudget_string_free(at);
    if (status !== STATUS.ok) throw new PlanError(answer);
    return answer;
  }

  /** The same of one that also hands out a handle, or a number of `size` bytes. */
  #made(call, read = (at) => this.#view().getUint32(at, true)) {
    const out = this.#wasm.malloc(8);
    this.#view().setBigUint64(out, 0n, true);
    try {
      this.#answer((error) => call(out, error));
      return read(out);
    } finally {
      this.#wasm.free(out);
    }
  }

  version() {
    return this.#string(this.#wasm.membudget_version());
  }

  planner() {
    return this.#made((out) => this.#wasm.membudget_planner_create(out));
  }

  /** `list KIND --json`, to the byte. */
  listJson(planner, kind) {
    return this.#withTexts([kind], (at) => this.#answer((out) => this.#wasm.membudget_list_json(planner, at, out)));
  }

  /** `plan --json`, to the byte. */
  planJson(planner, model, request) {
    return this.#withTexts([JSON.stringify(request)],
      (at) => this.#answer((out) => this.#wasm.membudget_plan_json(planner, model, at, out)));
  }

  /** The plan with all that the program says of it in words. */
  page(planner, model, request) {
    return JSON.parse(this.#withTexts([JSON.stringify(request)],
      (at) => this.#answer((out) => this.#wasm.membudget_page_json(planner, model, at, out))));
  }

  /** A model from the first bytes of a GGUF; a PlanError with `needsBytes` asks for more of them. */
  gguf(head, fileSize) {
    const at = this.#wasm.malloc(head.length || 1);
    if (at === 0) throw new PlanError("");
    this.#bytes(at, head.length).set(head);
    try {
      return this.#made((out, error) =>
        this.#wasm.membudget_model_from_gguf(at, head.length, BigInt(fileSize), out, error));
    } finally {
      this.#wasm.free(at);
    }
  }

  destroyModel(model) {
    this.#wasm.membudget_model_destroy(model);
  }

  prepare(planner, model, request) {
    return this.#withTexts([JSON.stringify(request)], (at) =>
      this.#made((out, error) => this.#wasm.membudget_prepare(planner, model, at, out, error)));
  }

  destroyPrepared(prepared) {
    this.#wasm.membudget_prepared_destroy(prepared);
  }

  /** Calls `use` with a membudget_settings in memory. */
  #withSettings({ context = 0, parallel = 0, cacheType = null, cacheTypeK = cacheType, cacheTypeV = cacheType }, use) {
    const size = 32;
    return this.#withTexts([cacheTypeK, cacheTypeV], (k, v) => {
      const at = this.#wasm.malloc(size);
      this.#view().setUint32(at, size, true);
      this.#view().setBigInt64(at + 8, BigInt(context), true);
      this.#view().setBigInt64(at + 16, BigInt(parallel), true);
      this.#view().setUint32(at + 24, k, true);
      this.#view().setUint32(at + 28, v, true);
      try {
        return use(at);
      } finally {
        this.#wasm.free(at);
      }
    });
  }

  /** A plan in numbers: membudget_figures. */
  figures(prepared, settings) {
    const names = ["context", "weights", "kvCache", "recurrentState", "compute", "output", "overhead", "gpu", "host", "total",
      "gpuLimit", "ramAvailable", "headroom"];
    const first = 16;
    const size = first + 8 * names.length;
    const out = this.#wasm.malloc(size);
    this.#view().setUint32(out, size, true);
    try {
      this.#withSettings(settings, (at) =>
        this.#answer((error) => this.#wasm.membudget_prepared_figures(prepared, at, out, error)));
      const view = this.#view();
      const figures = { verdict: view.getInt32(out + 4, true), binding: view.getInt32(out + 8, true) === 0 ? "gpu" : "ram" };
      // Below 2^53 for any memory there is.
      names.forEach((name, i) => (figures[name] = Number(view.getBigInt64(out + first + 8 * i, true))));
      return figures;
    } finally {
      this.#wasm.free(out);
    }
  }

  /** The verdict, the parts and the bar in words. */
  verdict(prepared, settings) {
    return JSON.parse(this.#withSettings(settings, (at) =>
      this.#answer((out) => this.#wasm.membudget_prepared_verdict_json(prepared, at, out))));
  }
}
