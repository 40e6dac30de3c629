// SPDX-License-Identifier: MIT
// Makes whole plans, with all their searches, beside the page.
import { Answers } from "./answers.js";

const answers = new Answers();

self.onmessage = async ({ data: { id, method, args } }) => {
  try {
    self.postMessage({ id, result: await answers[method](args ?? {}) });
  } catch (error) {
    const { code = "internal", where = "", message, needsBytes = 0 } = error;
    self.postMessage({ id, error: { code, where, message, needsBytes } });
  }
};
