#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes data/file_sizes.jsonl: what published GGUF files weigh, one file a line.

    compact_file_sizes.py known_file_sizes.jsonl > data/file_sizes.jsonl

The input holds facts of Ollama's manifests, Hugging Face's metadata and catalogs, each with its
precision. A line of the output is [model, file, quantization, bytes, plus_minus, with_layers]:
`file` is an Ollama tag or a repository, `plus_minus` how far a rounded figure may be off (0: exact),
`with_layers` 1 where the figure counts everything an Ollama tag holds (licence, template, projector).
Facts about other parts of a model, and those marked suspect, are left out, and so are names that
llama-quantize does not know (UD-Q4_K_XL, Q4_K_L): mixes of their publishers.
"""
import json
import re
import sys


OWN_MIX = re.compile(r"^(UD|QAT)-|_K_X?L$|^(MXFP8|NVFP4|INT\d)$")
KNOWN_L = {"Q3_K_L"}


def plus_minus(fact):
    precision, size = fact["precision"], fact["size_bytes"]
    if precision == "exact-bytes":
        return 0
    stated = re.search(r"\+-([\d.]+) GB", precision)
    if stated:
        return int(float(stated[1]) * 1e9)
    if precision == "rounded-0.1-GiB":
        return 2**30 // 20
    if precision == "rounded-0.1-MiB":
        return 2**20 // 20
    if precision == "rounded-3-digits-GB":
        return 5 * 10 ** (len(str(size)) - 4)
    return None


for line in open(sys.argv[1], encoding="utf-8"):
    fact = json.loads(line)
    layers = fact["component"] == "all layers of the tag"
    if not fact.get("model_id") or not fact.get("quant") or fact.get("suspect"):
        continue
    if fact["component"] != "model" and not layers:
        continue
    allowed = plus_minus(fact)
    file = fact.get("ollama_tag") or fact.get("repo") or fact["model"]
    if allowed is None or "mlx" in file or (OWN_MIX.search(fact["quant"]) and fact["quant"] not in KNOWN_L):
        continue
    row = [fact["model_id"], file, fact["quant"], fact["size_bytes"], allowed, int(layers)]
    print(json.dumps(row, separators=(",", ":")))
