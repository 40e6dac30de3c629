// SPDX-License-Identifier: MIT
// A worker as an object whose calls give promises.

export class Remote {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #next = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(Object.assign(new Error(error.message), error));
      else resolve(result);
    };
    this.#worker.onerror = (event) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(event.message || "the planner could not start"));
      this.#waiting.clear();
    };
  }

  call(method, args) {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }
}

/** `work` for the newest arguments only: while one is under way, those in between are left out. */
export function latest(work) {
  let running = false;
  let waiting;
  return async function ask(args) {
    waiting = { args };
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const { args: newest } = waiting;
        waiting = undefined;
        await work(newest);
      }
    } finally {
      running = false;
    }
  };
}
