// SPDX-License-Identifier: MIT
import { Answers } from "./answers.js";
import { partPatterns } from "./bar.js";
import { drawChart, tabulate } from "./chart.js";
import { Controls } from "./controls.js";
import { byId } from "./dom.js";
import { readHeader } from "./gguf_file.js";
import { latest, Remote } from "./remote.js";
import { showError, showPlan, showVerdict, wireCommands } from "./results.js";
import { contextSteps } from "./sizes.js";
import { fromHash, START, toHash, toRequest, withChanges } from "./state.js";

// A plan with its searches is made when a slider has rested for so long.
const REST_MS = 120;
const LEAST_CHARTED = 1024;
const CHARTED_TYPES = ["f16", "q8_0", "q4_0"];

const quick = new Answers();
const whole = new Remote();
const controls = new Controls(change, slide);

let state = fromHash(location.hash);
let loadedFile = null;
let words = null;
let curves = [];
let charted = "";
let trained = 0;
let resting;
let answered;

const asking = (of) => ({ request: toRequest(of), file: of.file !== undefined });
const perSlot = () => controls.runtimeOf(state)?.id.includes("ollama") ?? false;
const optionContext = (of) => (perSlot() ? of.context / of.parallel : of.context);

// The state.

function navigate(next, { push = true } = {}) {
  const given = Object.fromEntries(Object.entries(next).filter(([, value]) => value !== "" && value !== undefined));
  // A slider says at the end what it said while it moved.
  if (toHash(given) !== toHash(state)) state = given;
  const hash = toHash(state);
  if (hash !== location.hash) history[push ? "pushState" : "replaceState"](null, "", hash);
  controls.show(state);
  update();
}

function change(key, value) {
  const next = { ...state, [key]: value };
  if (key === "model") {
    if (state.file && value === state.file) return;
    delete next.file;
    // What one model can do another may not; its own usual quantization is the better guess.
    if (value !== state.model) delete next.quant;
  }
  if (key === "runtime") {
    for (const refused of controls.refusedBy(controls.runtimeOf(next))) delete next[refused];
    delete next.quant;
  }
  if (key === "cache-type") {
    delete next["cache-type-k"];
    delete next["cache-type-v"];
  }
  navigate(next);
}

function slide(tokens) {
  const since = performance.now();
  state = { ...state, "ctx-size": String(tokens) };
  controls.showContext(tokens, state);
  byId("ctx-size").value = String(tokens);
  answer();
  performance.measure("slide", { start: since, end: performance.now() });
  clearTimeout(resting);
  resting = setTimeout(() => plan(state), REST_MS);
}

addEventListener("popstate", () => {
  state = fromHash(location.hash);
  controls.show(state);
  update();
});

// The answers.

function update() {
  clearTimeout(resting);
  byId("results").setAttribute("aria-busy", "true");
  if (state.file && loadedFile?.name !== state.file) return fileMissing();
  if (answered !== state) answer();
  plan(state);
}

/** The verdict, at once: what a move of a slider changes is in the next picture. */
function answer() {
  answered = state;
  try {
    words = quick.verdict(asking(state));
    showError(null);
    controls.showFault("");
    showVerdict(words);
    controls.showContext(optionContext(words), state);
    draw();
  } catch (error) {
    fail(error);
  }
}

/** Everything else. */
const plan = latest(async (asked) => {
  byId("results").dataset.whole = "pending";
  try {
    const found = await whole.call("page", asking(asked));
    if (asked !== state) return;
    trained = found.plan.model.trained_context;
    words = found.words;
    controls.showDefaults(found.plan, state);
    controls.showContext(optionContext(words), state);
    showError(null);
    showVerdict(words);
    showPlan(found, state, {
      perSlot: perSlot(),
      fixedCache: !["llama.cpp", "mlx"].includes(controls.runtimeOf(state)?.engine),
      assign: (changes) => navigate({ ...state, ...changes }),
      replace: navigate,
      changed: (changes, of) => withChanges(state, changes, of.settings, perSlot()),
    });
    byId("results").setAttribute("aria-busy", "false");
    byId("results").dataset.whole = "shown";
    chart();
  } catch (error) {
    if (asked === state) fail(error);
  }
});

/** Curves follow everything but the context; they are computed once for each such choice. */
async function chart() {
  const { "ctx-size": ignored, ...request } = toRequest(state);
  const types = controls.runtimeOf(state)?.engine === "llama.cpp" ? CHARTED_TYPES : [null];
  const most = Math.max(trained, LEAST_CHARTED);
  const key = JSON.stringify([request, most, loadedFile?.name]);
  if (key === charted) return draw();
  charted = key;
  byId("chart").toggleAttribute("data-stale", true);
  try {
    // Two steps to an octave draw the same lines as four.
    const contexts = contextSteps(Math.min(LEAST_CHARTED, most / 2), most).filter((tokens, i, all) => i % 2 === 0 || i === all.length - 1);
    const found = await whole.call("curve", { ...asking(state), request, contexts, types });
    if (found === null || key !== charted) return;
    curves = found;
  } catch {
    // The verdict says what is wrong.
    curves = [];
  }
  byId("chart").toggleAttribute("data-stale", false);
  draw();
}

function draw() {
  if (words === null) return;
  const counted = words.bar.limit === "GPU limit" ? "gpu" : "total";
  const named = curves.map(({ type, points }) => ({ name: type ?? "memory", points: points.map((point) => ({ context: point.context, bytes: point[counted] })) }));
  drawChart(byId("chart"), { curves: named, words, context: optionContext(words) });
  if (byId("chart-values").open) tabulate(byId("chart-table"), named);
}

byId("chart-values").addEventListener("toggle", draw);
new ResizeObserver(() => requestAnimationFrame(draw)).observe(byId("chart"));

function fail(error, ways = [["Start anew", () => navigate({ ...START })]]) {
  byId("results").setAttribute("aria-busy", "false");
  byId("results").dataset.whole = "failed";
  const option = error.where?.startsWith("/") ? error.where.slice(1) : "";
  controls.showFault(option || (error.code === "unknown_name" ? "model" : ""));
  const message = option && option !== "model" ? `--${option}: ${error.message}` : error.message;
  showError({ title: "Cannot plan this", message }, ways);
}

// Files.

function fileMissing() {
  byId("results").setAttribute("aria-busy", "false");
  byId("results").dataset.whole = "failed";
  showError({ title: "The file is not here", message: `this plan is for ${state.file}, and an address holds no file; choose or drop it again` },
    [["Choose the file", () => byId("file").click()], ["Start anew", () => navigate({ ...START })]]);
}

function back() {
  answered = null;
  update();
}

async function load(file) {
  try {
    await readHeader(file, async (head) => {
      quick.gguf({ head, fileSize: file.size });
      await whole.call("gguf", { head, fileSize: file.size });
    });
    loadedFile = file;
    charted = "";
    answered = null;
    const { model, quant, ...rest } = state;
    navigate({ file: file.name, ...rest });
  } catch (error) {
    fail({ message: `${file.name}: ${error.message}` }, [["Back to the plan", back]]);
  }
}

byId("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) load(file);
});

const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  byId("drop-veil").hidden = false;
});
addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) byId("drop-veil").hidden = true;
});
addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  byId("drop-veil").hidden = true;
  const [file] = event.dataTransfer.files;
  if (file) load(file);
});

byId("skip").addEventListener("click", (event) => {
  // An address with '#results' would be another plan.
  event.preventDefault();
  byId("results").focus();
});

// The start.

async function start() {
  document.body.prepend(partPatterns());
  wireCommands();
  try {
    // Not compileStreaming(): servers that know no application/wasm serve the page too.
    const response = await fetch(new URL("membudget.wasm", import.meta.url));
    if (!response.ok) throw new Error(`the planner is not there (${response.status})`);
    const module = await WebAssembly.compile(await response.arrayBuffer());
    const [version] = await Promise.all([quick.open({ module }), whole.call("open", { module })]);
    byId("version").textContent = `membudget ${version}.`;
    controls.fillLists(quick.lists());
  } catch (error) {
    return fail({ message: `the planner did not start: ${error.message}` });
  }
  navigate(state, { push: false });
  // Above or below: only a form in between hides the verdict.
  new IntersectionObserver(([{ isIntersecting, boundingClientRect }]) => {
    byId("glance").hidden = isIntersecting || boundingClientRect.bottom < 0;
  }).observe(byId("verdict"));
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {});
}

start();
