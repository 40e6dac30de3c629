// SPDX-License-Identifier: MIT
// COUNT plans of membudget.wasm beside those of the program, byte for byte, and what both refuse while
// these are drawn.
//   node compare_plans.mjs MEMBUDGET BUILD_WEB [COUNT]
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";
import { argumentsOf, drawCases } from "./cases.mjs";

const [program, web, count = "500"] = process.argv.slice(2);
const { Core } = await import(pathToFileURL(join(resolve(web), "core.js")).href);
const core = await Core.open(await WebAssembly.compile(readFileSync(join(web, "membudget.wasm"))));
const planner = core.planner();

const native = (words) => spawnSync(program, words, { encoding: "utf8", maxBuffer: 1 << 26 }).stdout;

const lists = {};
for (const kind of ["models", "chips", "quants", "runtimes"]) {
  const mine = core.listJson(planner, kind);
  if (mine !== native(["list", kind, "--json"])) {
    console.error(`list ${kind}: the bytes differ`);
    process.exit(1);
  }
  lists[kind] = JSON.parse(mine).profiles;
}

let plans = 0;
let refusals = 0;
let spent = 0;
const differing = [];
for (const request of drawCases(lists)) {
  if (plans === Number(count) || refusals > 2 * Number(count)) break;
  const words = argumentsOf(request);
  const expected = native(words);
  let got;
  const before = performance.now();
  try {
    got = core.planJson(planner, 0, request);
    ++plans;
  } catch (error) {
    // The program names an option where the request has a key.
    got = error.json?.replace(/"where": "\/([a-z-]+)"/, '"where": "--$1"') ?? String(error.stack);
    ++refusals;
  }
  spent += performance.now() - before;
  if (got !== expected) differing.push({ words: words.join(" "), got, expected });
}

for (const { words, got, expected } of differing.slice(0, 10)) {
  const [mine, theirs] = [got.split("\n"), expected.split("\n")];
  const line = mine.findIndex((text, i) => text !== theirs[i]);
  console.error(`membudget ${words}\n  line ${line + 1}: wasm   ${mine[line]}\n  ${" ".repeat(String(line + 1).length + 6)}native ${theirs[line]}`);
}
console.log(`${plans} plans and ${refusals} refusals, ${differing.length} differ; ${(spent / (plans + refusals)).toFixed(1)} ms each in WebAssembly`);
process.exit(differing.length === 0 && plans === Number(count) ? 0 : 1);
