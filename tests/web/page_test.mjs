// SPDX-License-Identifier: MIT
// The page in headless Chromium, beside the program.
//   MEMBUDGET=... WEB=build/web node --test page_test.mjs
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { after, before, describe, it } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { smallLlama } from "./gguf.mjs";

const { MEMBUDGET: program, WEB: web, NODE_MODULES: modules, CHROMIUM = "/usr/bin/chromium", SCREENSHOTS: screenshots } = process.env;
const { chromium } = createRequire(join(modules, "..", "package.json"))("playwright-core");

const MIME = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json" };
const SLIDE_MS = 16;
const LOAD_BYTES = 3e6;
const AA = 4.5;

function serve() {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://host").pathname).replace(/\/$/, "/index.html");
    try {
      const body = readFileSync(join(web, path));
      response.writeHead(200, { "content-type": MIME[extname(path)] ?? "application/octet-stream" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const run = (...words) => spawnSync(program, words, { encoding: "utf8", maxBuffer: 1 << 26 }).stdout;
const plan = (model, ...options) => JSON.parse(run("plan", model, "--json", "--no-calibration", ...options));
const words = (model, ...options) => run("plan", model, "--no-calibration", ...options).replace(/\s+/g, " ");
const hash = (request) => "#" + Object.entries(request).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
const options = ({ model, ...rest }) => [model, ...Object.entries(rest).flatMap(([key, value]) => [`--${key}`, value])];

let server;
let origin;
let browser;
const requests = [];

before(async () => {
  server = await serve();
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  server?.close();
});

async function open(request, settings = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...settings });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  const page = await context.newPage();
  page.on("request", (each) => requests.push(each.url()));
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
  await page.goto(`${origin}/${request ? hash(request) : ""}`);
  await settled(page);
  return page;
}

/** The whole plan of what the address says is shown, or why there is none. */
async function settled(page) {
  await page.waitForFunction(() => {
    const results = document.getElementById("results");
    return results.getAttribute("aria-busy") === "false" && ["shown", "failed"].includes(results.dataset.whole);
  }, null, { timeout: 120_000 });
}

const chartDrawn = (page) => page.waitForSelector("#chart polyline", { timeout: 120_000 });

const shown = (page) => page.evaluate(() => ({
  sentence: document.getElementById("sentence-text").textContent,
  headline: document.getElementById("headline").textContent,
  settings: document.getElementById("settings-line").textContent,
  parts: [...document.querySelectorAll("#parts tbody tr")].map((row) => [row.dataset.part, Number(row.dataset.bytes), row.children[3].textContent, row.children[4].textContent]),
  contexts: Object.fromEntries([...document.querySelectorAll("#contexts tbody tr")].map((row) => [row.dataset.cache, row.children[1].textContent])),
  speed: [...document.querySelectorAll("#speed dd")].map((each) => each.textContent),
  advice: [...document.querySelectorAll("#advice li .step-words > p:first-child")].map((each) => each.textContent),
  why: [...document.querySelectorAll("#why li")].map((each) => each.textContent),
}));

/** Exact, a half to the even digit. */
function size(bytes) {
  for (const [exponent, name, digits] of [[30n, "GiB", 2], [20n, "MiB", 1], [10n, "KiB", 1]]) {
    const unit = 1n << exponent;
    if (BigInt(bytes) < unit) continue;
    const scaled = BigInt(bytes) * 10n ** BigInt(digits);
    const twice = 2n * (scaled % unit);
    const down = scaled / unit;
    const rounded = String(down + (twice > unit || (twice === unit && down % 2n === 1n) ? 1n : 0n));
    return `${rounded.slice(0, -digits)}.${rounded.slice(-digits)} ${name}`;
  }
  return `${bytes} B`;
}
const PLACES = { gpu: "GPU", host: "host" };

/** Everything on the page beside plan's JSON and text of the same request. */
async function assertSame(page, argumentsOfPlan) {
  const expected = plan(...argumentsOfPlan);
  const text = words(...argumentsOfPlan);
  const got = await shown(page);
  assert.deepEqual(got.parts, expected.memory.parts.map((part) => [`${part.name} ${PLACES[part.where]}`, part.bytes, size(part.bytes), part.basis]));
  for (const sentence of [got.headline, got.settings, got.sentence, ...got.speed, ...got.advice, ...expected.reasons]) assert.ok(text.includes(sentence), `the program does not say: ${sentence}`);
  assert.ok(expected.reasons.every((reason) => got.why.includes(reason)));
  for (const [cache, tokens] of Object.entries(expected.max_context.by_cache_type)) {
    if (got.contexts[cache] !== undefined) assert.equal(got.contexts[cache].replace(/, all.*/, ""), tokens === 0 ? "none fits" : String(tokens));
  }
  return expected;
}

const CASES = [
  { model: "qwen2.5-coder:32b", chip: "m1-max-32gb" },
  { model: "qwen2.5-coder:0.5b", chip: "m1-16gb", "ctx-size": "2048" },
  { model: "deepseek-r1:671b", chip: "m3-ultra-512gb", "ctx-size": "16k" },
  { model: "llama3.1:70b", chip: "m4-max-36gb", "ctx-size": "8k" },
  { model: "gpt-oss:120b", chip: "m4-max-128gb", "cache-type": "q8_0" },
  { model: "llama3.1:8b", chip: "m1-16gb", runtime: "ollama", parallel: "2", "ctx-size": "8k" },
  { model: "qwen3:8b", chip: "m4-pro-48gb", runtime: "mlx", "ctx-size": "32k" },
  { model: "gemma3:12b", chip: "m2-24gb", macos: "15", "ctx-size": "max" },
];

describe("the page", { timeout: 900_000 }, () => {
  for (const request of CASES) {
    it(`shows what the program prints: ${options(request).join(" ")}`, async () => {
      const page = await open(request);
      await assertSame(page, options(request));
      await page.context().close();
    });
  }

  it("draws the curves of plan --json, from 0.5B to 671B", async () => {
    for (const request of [CASES[0], CASES[1], CASES[2]]) {
      const page = await open(request);
      await chartDrawn(page);
      await page.click("#chart-values > summary");
      await page.waitForSelector("#chart-table tbody tr");
      const { types, rows } = await page.evaluate(() => ({
        types: [...document.querySelectorAll("#chart-table thead th")].slice(1).map((each) => each.textContent),
        rows: [...document.querySelectorAll("#chart-table tbody tr")].map((row) => [row.children[0].textContent, [...row.children].slice(1).map((cell) => Number(cell.dataset.bytes))]),
      }));
      assert.deepEqual(types, ["f16", "q8_0", "q4_0"]);
      for (const [tokens, bytes] of [rows[0], rows[rows.length >> 1], rows.at(-1)]) {
        for (const [i, type] of types.entries()) {
          const { memory, budget } = plan(request.model, "--chip", request.chip, "-c", tokens, "--cache-type", type);
          assert.equal(bytes[i], budget.binding === "gpu" ? memory.gpu_bytes : memory.total_bytes, `${tokens} ${type}`);
        }
      }
      // Axes: gigabytes from 0 up, contexts in powers of two.
      const axis = await page.$$eval("#chart text.axis:not(.title)", (all) => all.map((each) => each.textContent));
      assert.ok(axis.includes("0") || axis.includes("0.0") || axis.includes("0.00"));
      assert.ok(axis.some((each) => /^\d+k$/.test(each)));
      await page.context().close();
    }
  });

  it("lets a model and a Mac be chosen with the keyboard, and the address follow", async () => {
    const page = await open(null);
    assert.match(page.url(), /#model=qwen2\.5-coder:32b&chip=m1-max-32gb$/);
    await page.focus("#model");
    await page.keyboard.type("llama 3.1 8b");
    assert.equal(await page.getAttribute("#model", "aria-expanded"), "true");
    const active = await page.getAttribute("#model", "aria-activedescendant");
    assert.match(await page.textContent(`#${active}`), /Llama-3\.1-8B/i);
    await page.keyboard.press("Enter");
    await settled(page);
    const chosen = await page.inputValue("#model");
    await page.selectOption("#chip", "m4-max-36gb");
    await page.selectOption("#quant", "Q8_0");
    await page.selectOption("#runtime", "ollama");
    await settled(page);
    // Another runtime starts from its own usual quantization.
    await assertSame(page, [chosen, "--chip", "m4-max-36gb", "--runtime", "ollama"]);
    await page.selectOption("#quant", "Q8_0");
    await page.selectOption("#cache-type", "q8_0");
    await settled(page);
    await assertSame(page, [chosen, "--chip", "m4-max-36gb", "--runtime", "ollama", "--quant", "Q8_0", "--cache-type", "q8_0"]);
    assert.equal(page.url().split("#")[1], `model=${chosen}&chip=m4-max-36gb&runtime=ollama&quant=Q8_0&cache-type=q8_0`);
    await page.goBack();
    await settled(page);
    assert.equal(await page.inputValue("#cache-type"), "");
    await page.goForward();
    await page.reload();
    await settled(page);
    await assertSame(page, [chosen, "--chip", "m4-max-36gb", "--runtime", "ollama", "--quant", "Q8_0", "--cache-type", "q8_0"]);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  it(`answers each move of the slider in under ${SLIDE_MS} ms`, async (test) => {
    for (const request of [CASES[0], CASES[2], CASES[4]]) {
      const page = await open(request);
      await chartDrawn(page);
      await page.evaluate(() => performance.clearMeasures());
      await page.focus("#ctx-slider");
      await page.keyboard.press("Home");
      for (let i = 0; i < 20; ++i) {
        const before = await page.evaluate(() => performance.getEntriesByName("slide").length);
        await page.keyboard.press("ArrowRight");
        await page.waitForFunction((count) => performance.getEntriesByName("slide").length > count, before);
      }
      const times = (await page.evaluate(() => performance.getEntriesByName("slide").map((each) => each.duration))).sort((a, b) => a - b);
      const median = times[times.length >> 1];
      test.diagnostic(`${request.model}: ${times.length} moves, median ${median.toFixed(1)} ms, 90 % within ${times[Math.floor(times.length * 0.9)].toFixed(1)} ms, longest ${times.at(-1).toFixed(1)} ms`);
      assert.ok(median < SLIDE_MS, `${request.model}: ${median} ms`);
      await settled(page);
      const tokens = await page.inputValue("#ctx-size");
      await assertSame(page, [request.model, "--chip", request.chip, ...(request["cache-type"] ? ["--cache-type", request["cache-type"]] : []), "-c", tokens]);
      await page.context().close();
    }
  });

  it("reads a file's header, in pieces, and nothing else of it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "membudget-web-"));
    const path = join(folder, "small llama.gguf");
    const { file, header } = smallLlama();
    writeFileSync(path, file);
    assert.ok(header > 1 << 20 && header < file.length / 4);
    const page = await open({ model: "qwen3:8b", chip: "m1-16gb", "ctx-size": "4096" });
    await page.evaluate(() => {
      window.slices = [];
      const slice = Blob.prototype.slice;
      Blob.prototype.slice = function (from, to, ...rest) {
        window.slices.push([from, to]);
        return slice.call(this, from, to, ...rest);
      };
    });
    // Dropped, as a person would.
    const transfer = await page.evaluateHandle(({ bytes, name }) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
      return transfer;
    }, { bytes: file.toString("base64"), name: "small llama.gguf" });
    await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
    await page.waitForFunction(() => location.hash.includes("file="));
    await settled(page);
    await assertSame(page, [path, "--chip", "m1-16gb", "-c", "4096"]);
    const slices = await page.evaluate(() => window.slices);
    assert.ok(slices.length > 1 && slices.every(([, to]) => to < file.length / 2), JSON.stringify(slices));
    assert.equal(page.url().split("#")[1], "file=small%20llama.gguf&chip=m1-16gb&ctx-size=4096");

    // The address alone cannot bring it back, and says so; the button can.
    await page.reload();
    await settled(page);
    assert.match(await page.textContent("#error"), /small llama\.gguf.*choose or drop it again/);
    await page.setInputFiles("#file", path);
    await page.waitForSelector("#verdict:not([hidden])");
    await settled(page);
    await assertSame(page, [path, "--chip", "m1-16gb", "-c", "4096"]);

    // A file that is none, and one cut in its header.
    for (const [name, bytes] of [["notes.gguf", Buffer.from("not a model at all, but long enough to hold a header of one")], ["cut.gguf", file.subarray(0, header / 2)]]) {
      writeFileSync(join(folder, name), bytes);
      await page.setInputFiles("#file", join(folder, name));
      await page.waitForFunction((text) => document.getElementById("error").textContent.includes(text), name);
    }
    await page.context().close();
  });

  it("copies the settings that plan --json has", async () => {
    const request = CASES[0];
    const page = await open(request);
    const { recommendation } = plan(...options(request));
    for (const [key, value] of Object.entries(recommendation.commands)) {
      await page.click(`#tab-${key}`);
      assert.equal(await page.getAttribute(`#tab-${key}`, "aria-selected"), "true");
      await page.click("#copy");
      await page.waitForFunction(() => document.getElementById("copy").textContent === "Copied");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), Array.isArray(value) ? value.join("\n") : value);
      await page.waitForFunction(() => document.getElementById("copy").textContent === "Copy");
    }
    await page.focus("#tab-sysctl");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate(() => document.activeElement.id), "tab-membudget");
    assert.equal(await page.textContent("#command"), "membudget plan qwen2.5-coder:32b --chip m1-max-32gb");
    await page.context().close();
  });

  it("applies an advice: the plan is then what the step promised", async () => {
    for (const request of [CASES[0], { model: "llama3.1:8b", chip: "m1-16gb", runtime: "ollama", "ctx-size": "64k", parallel: "2" }]) {
      const page = await open(request);
      const before = plan(...options(request)).recommendation.steps[0];
      await page.click("#advice li:first-child button");
      await page.waitForFunction((verdict) => document.getElementById("verdict").dataset.verdict === verdict, before.verdict);
      await settled(page);
      const state = Object.fromEntries(new URLSearchParams(page.url().split("#")[1]));
      const now = await assertSame(page, options(state));
      assert.equal(now.budget.headroom_bytes, before.headroom_bytes);
      await page.context().close();
    }
  });

  it("says what is wrong, where, and leads out of it", async () => {
    const page = await open({ model: "qwen3:8b", chip: "m9-ultra" });
    const { error } = JSON.parse(run("plan", "qwen3:8b", "--chip", "m9-ultra", "--json"));
    assert.match(await page.textContent("#error"), new RegExp(error.message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
    assert.equal(await page.getAttribute("#chip", "aria-invalid"), "true");
    assert.ok(await page.isHidden("#plan"));
    await page.selectOption("#chip", "m4-16gb");
    await settled(page);
    await assertSame(page, ["qwen3:8b", "--chip", "m4-16gb"]);
    assert.equal(await page.getAttribute("#chip", "aria-invalid"), null);
    await page.fill("#model", "no such model");
    await page.keyboard.press("Escape");
    await page.fill("#ctx-size", "many");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#error:not([hidden])");
    assert.match(await page.textContent("#error"), /--ctx-size: 'many'/);
    await page.context().close();
  });

  it("can be used by ear: names, a status that waits, a way past the form", async () => {
    const page = await open(CASES[0]);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll("input, select, button, summary, [role=tabpanel]")]
      .filter((each) => !each.closest("[hidden]"))
      .filter((each) => !(each.labels?.length || each.getAttribute("aria-label") || each.getAttribute("aria-labelledby") || each.textContent.trim()))
      .map((each) => each.outerHTML));
    assert.deepEqual(unnamed, []);
    const snapshot = await page.locator("main").ariaSnapshot();
    for (const heading of ["Verdict", "Memory", "Memory against context", "Largest context that fits", "Speed", "Settings to copy", "Why"]) assert.ok(snapshot.includes(`heading "${heading}"`), heading);
    await page.waitForFunction(() => document.getElementById("announced").textContent !== "");
    const said = await page.textContent("#announced");
    assert.equal(said, await page.textContent("#sentence-text"));
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "results");
    const { context } = plan(...options(CASES[0])).settings;
    assert.equal(await page.getAttribute("#ctx-slider", "aria-valuetext"), `${context} tokens`);
    await page.context().close();
  });

  for (const colorScheme of ["light", "dark"]) {
    it(`has a contrast of at least ${AA} to 1 (${colorScheme})`, async () => {
      for (const request of [CASES[0], CASES[1], { model: "qwen3:8b", chip: "none" }]) {
        const page = await open(request, { colorScheme });
        const low = await page.evaluate((least) => {
          const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const rgba = (colour) => {
            canvas.clearRect(0, 0, 1, 1);
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data];
          };
          const light = ([r, g, b]) => [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const behind = (element) => {
            for (let each = element; each; each = each.parentElement) {
              const colour = rgba(getComputedStyle(each).backgroundColor);
              if (colour[3] === 255) return colour;
            }
            return rgba("white");
          };
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const out = [];
          while (walker.nextNode()) {
            const element = walker.currentNode.parentElement;
            if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest(".visually-hidden, noscript, title, option, [aria-disabled], .skip")) continue;
            const style = getComputedStyle(element);
            const [front, back] = [rgba(element instanceof SVGElement ? style.fill : style.color), behind(element)].map(light);
            const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
            if (ratio < least) out.push([element.className?.baseVal ?? element.className, element.textContent.slice(0, 40), ratio.toFixed(2)]);
          }
          return out;
        }, AA);
        assert.deepEqual(low, []);
        await page.context().close();
      }
    });
  }

  it("fits a phone", async () => {
    for (const request of [CASES[0], CASES[5], { model: "qwen3:8b", chip: "none" }]) {
      const page = await open(request, { viewport: { width: 390, height: 844 } });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await page.context().close();
    }
  });

  it("works offline once it was there, and asks nobody else", async () => {
    const page = await open(CASES[0]);
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      while (!(await caches.match("membudget.wasm"))) await new Promise((resolve) => setTimeout(resolve, 50));
    });
    const port = server.address().port;
    await page.context().setOffline(true);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await page.reload();
    await settled(page);
    await assertSame(page, options(CASES[0]));
    await page.selectOption("#chip", "m4-max-128gb");
    await settled(page);
    await assertSame(page, [CASES[0].model, "--chip", "m4-max-128gb"]);
    await page.context().close();
    server = await serve();
    assert.deepEqual([...new Set(requests.map((url) => new URL(url).origin))], [`http://127.0.0.1:${port}`]);
    origin = `http://127.0.0.1:${server.address().port}`;
  });

  it("loads under 3 MB compressed", (test) => {
    const files = readdirSync(web).map((name) => readFileSync(join(web, name)));
    const sum = (compress) => files.reduce((bytes, file) => bytes + compress(file).length, 0);
    const [gzip, brotli] = [sum((file) => gzipSync(file, { level: 9 })), sum(brotliCompressSync)];
    test.diagnostic(`${files.length} files: ${gzip} bytes with gzip, ${brotli} with brotli`);
    assert.ok(gzip < LOAD_BYTES);
  });

  it("makes pictures to look at", { skip: !screenshots }, async () => {
    mkdirSync(screenshots, { recursive: true });
    const phone = { viewport: { width: 390, height: 844 } };
    for (const [name, request, settings] of [["light", CASES[0], {}], ["dark", CASES[0], { colorScheme: "dark" }], ["phone", CASES[0], phone], ["phone-dark", CASES[4], { ...phone, colorScheme: "dark" }],
      ["small", CASES[1], {}], ["large", CASES[2], {}], ["mlx", CASES[6], { colorScheme: "dark" }], ["error", { model: "qwen3:8b", chip: "m9-ultra" }, {}]]) {
      const page = await open(request, settings);
      if (name !== "error") await chartDrawn(page);
      await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
      await page.context().close();
    }
  });
});
