#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rows of published MLX peaks as tests/measured/data/mlx_peaks.jsonl keeps them.

usage: compact_mlx_peaks.py ROWS.jsonl > tests/measured/data/mlx_peaks.jsonl

ROWS has one measurement per line as collected: model, arch, bits, group_size, prompt_tokens,
gen_tokens, prefill_step, kv_bits, peak_gb, unit, chip, engine, url, note. The first line of the
result lists the sources; a row that cannot be predicted says why.
"""
import json
import sys

CATALOG = {
    "qwen3-coder-next": "qwen3-coder-next-80b-a3b",
    "mistral-7b": "mistral-7b-v0.3",
}
# Rows whose architecture was left open, by what their model's name begins with.
OTHERS = {
    "DeepSeek-V3": "deepseek-v3-671b",
    "granite-4.0-tiny": "granite-4.0-h-tiny",
    "granite-4.0-h-small": "granite-4.0-h-small",
}
ASIDE = {
    "K-EXAONE": "the model is not in the catalog",
    "Mistral-Small-4": "the prompt's length was not published",
    "granite-4.0-h-small-4bit (pre)": "before mlx-lm computed Mamba-2 in chunks (pull 525)",
    "Meta-Llama-3.1-8B-Instruct-4bit": "mlx-lm of November 2024: attention was not fused, "
                                       "steps of 512",
}


def catalog_id(row):
    if row["arch"]:
        if "Qwen3.8-27B" in row["model"]:
            return "qwen3.8-27b"
        if row["model"].startswith("mlx-community/gemma-4-26b-a4b"):
            return row["model"]  # The catalog knows of this upload's own types.
        return CATALOG.get(row["arch"], row["arch"])
    return next((OTHERS[name] for name in OTHERS if row["model"].startswith(name)), None)


def aside(row):
    if row["arch"]:
        return None
    names = sorted(ASIDE, key=len, reverse=True)
    return next((ASIDE[name] for name in names if row["model"].startswith(name)), None)


def compact(row, sources):
    group = row["group_size"]
    unit = 2**30 if row["unit"].startswith("GiB") else 10**9
    out = {
        "model": catalog_id(row),
        "published": row["model"],
        "quant": f"{row['bits']}bit" + ("" if group == 64 else f"-g{group}"),
        "prompt": row["prompt_tokens"],
        "generate": row["gen_tokens"],
        "step": row["prefill_step"],
        "chip": row["chip"] if row["chip"].startswith("Apple") else "",
        "peak_bytes": round(row["peak_gb"] * unit),
        "source": sources.setdefault(row["url"], len(sources)),
    }
    if row.get("kv_bits"):
        out["kv_bits"] = row["kv_bits"]
    if unit != 10**9:
        out["note"] = "the unit was not stated; GiB fits the weights that are named beside it"
    if reason := aside(row):
        out["aside"] = reason
    return {key: value for key, value in out.items() if value not in (None, "")}


def main():
    sources = {}
    with open(sys.argv[1], encoding="utf-8") as rows:
        lines = [compact(json.loads(row), sources) for row in rows]
    print(json.dumps({"sources": list(sources)}, separators=(",", ":")))
    for line in lines:
        print(json.dumps(line, separators=(",", ":")))


main()
