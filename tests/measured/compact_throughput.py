#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns published benchmarks into the rows that throughput_test.cpp predicts.

usage: compact_throughput.py <throughput.jsonl> <catalog.json> <output.jsonl>

The first line lists the sources; each further one is a measurement. `depth` is the mean depth of
the generated tokens, `prompt` the number of prompted ones. Set aside, with the reason, are rows of
which not even the file or the engine is known.
"""
import json
import re
import sys

# Names under which the catalog does not list a model.
NAMES = {"DeepSeek-Coder-V2-Lite": "deepseek-coder-v2-lite", "GLM-4-9B": "glm-4-9b-0414",
         "Ministral-8B": "ministral-8b-2410", "Mistral-7B": "mistral-7b-v0.3",
         "Mistral-Small-24B": "mistral-small-24b-2501", "Phi-3-medium": "phi-3-medium-14b",
         "Phi-4-reasoning-plus": "phi-4-14b"}
# Unsloth's XL mixes are close to K_M; MLX's 4 and 8 bits take as many bits as Q4_0 and Q8_0.
TYPES = {"4bit": "Q4_0", "8bit": "Q8_0", "NVFP4": "Q4_0", "Q4_K_XL": "Q4_K_M", "MXFP4": "MXFP4_MOE",
         "MXFP4-Q4": "MXFP4_MOE", "MXFP4-Q8": "MXFP4_MOE"}
# Where a source names the chip but not its bin: the bin with most cores.
MOST_CORES = {"M1 Max": 32, "M2 Pro": 19, "M3 Pro": 18, "M4 Max": 40}


def model_of(name, ids):
    model = NAMES.get(name, name.lower())
    if model not in ids:
        raise SystemExit(f"{name} is not in the catalog")
    return model


def runtime_of(row):
    if row["engine"] in ("mlx", "ollama(mlx)"):
        return "mlx"
    return row["engine"]


def aside(row):
    if row["engine"] == "ds4":
        return "an engine of its own for one model"
    if row["quant"].startswith("mlx (ollama"):
        return "the file's quantization is not known, and it may draft tokens"
    return None


def mean_depth(row):
    depth = row["n_depth"] or 0
    test = re.match(r"tg(\d+)", row["tg_test"] or "")
    if test and row["kind"] == "llama-bench" and "mean KV depth" not in (row["note"] or ""):
        depth += int(test.group(1)) / 2
    return depth


def prompt_of(row):
    test = row["pp_test"] or ""
    if "short" in test or not row["pp_tps"]:
        return None
    if test.startswith("prompt eval"):
        return 380  # 265 to 494 tokens
    return int(re.search(r"\d+", test).group())


def compact(row, ids, sources):
    chip = row["chip"].removeprefix("Apple ")
    note = row["note"] or ""
    set_aside = aside(row)
    runtime = runtime_of(row)
    wide = "n_ubatch 2048" in note or "discussions/15396" in row["source"] or runtime == "mlx"
    result = {"chip": row["chip"], "gpu_cores": row["gpu_cores"] or MOST_CORES[chip],
              "runtime": runtime, "model": None if set_aside else model_of(row["model"], ids),
              "quant": TYPES.get(row["quant"], row["quant"]), "published_quant": row["quant"],
              "flash_attention": row["flash_attn"] is not False, "ubatch": 2048 if wide else 512,
              "source": sources.setdefault(row["source"], len(sources))}
    if row["tg_tps"]:
        result |= {"depth": mean_depth(row), "generation_tps": row["tg_tps"]}
    prompt = prompt_of(row)
    if prompt:
        begins = (row["n_depth"] or 0) if row["kind"] == "llama-bench" else 0
        result |= {"prompt": prompt, "prompt_depth": begins, "prompt_tps": row["pp_tps"]}
    if set_aside:
        result["aside"] = set_aside
    return result


def main(rows, catalog, output):
    with open(catalog) as stream:
        ids = {entry["id"] for entry in json.load(stream)}
    sources = {}
    with open(rows) as stream:
        result = [compact(json.loads(line), ids, sources) for line in stream]
    with open(output, "w") as stream:
        stream.write(json.dumps({"sources": list(sources)}, separators=(",", ":")) + "\n")
        for row in result:
            stream.write(json.dumps(row, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
