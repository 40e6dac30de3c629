#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Picks a representative part of the measured engine sizes for llamacpp_test.cpp.

usage: compact_rows.py <folder with the llamacpp_*.jsonl files> <output.jsonl> [rows per model and file]

Of each model and file, rows are taken that show settings not shown before; among equals the order
is that of a hash, so that the choice does not change from run to run.
"""
import hashlib
import json
import pathlib
import sys

FILES = [f"{more}llamacpp_{kind}" for more in ("", "more_")
         for kind in ("metal_b10587", "metal_b10488", "cpu_b10587")]
SETTINGS = ["ctx", "batch", "ubatch", "flash_attn", "cache_type_k", "cache_type_v", "parallel",
            "kv_unified", "swa_full", "outputs", "quant"]
LEFT_OUT = ("output_mib", "caches", "n_tensors")


def shows(row):
    single = {(k, row[k]) for k in SETTINGS}
    pairs = {("flash+type", row["flash_attn"], row["cache_type_k"], row["cache_type_v"]),
             ("slots+type", row["parallel"], row["kv_unified"], row["cache_type_k"]),
             ("ubatch+outputs", row["ubatch"], row["outputs"] == 0)}
    return single | pairs


def main(folder, output, wanted):
    with open(output, "w") as out:
        for name in FILES:
            models = {}
            for line in open(folder / f"{name}.jsonl"):
                row = json.loads(line)
                if "error" not in row:
                    models.setdefault(row["model"], []).append(row)
            for rows in models.values():
                rows.sort(key=lambda r: hashlib.sha256(json.dumps(r, sort_keys=True).encode()).digest())
                seen = set()
                for _ in range(min(wanted, len(rows))):
                    best = max(rows, key=lambda r: len(shows(r) - seen))
                    rows.remove(best)
                    seen |= shows(best)
                    kept = {k: v for k, v in best.items() if k not in LEFT_OUT}
                    out.write(json.dumps(kept, separators=(",", ":")) + "\n")


main(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 6)
