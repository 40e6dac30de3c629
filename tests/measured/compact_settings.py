#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Picks a representative part of the engine's sizes under unusual settings for settings_test.cpp.

usage: compact_settings.py <settings_metal.jsonl> <.../settings.jsonl> [most bytes]

Of each section and model, rows are taken in turn that show settings not shown before; among equals
the order is that of a hash. The first line holds the commonest settings; the others only what
departs from them. Rows of projectors, all of them, go to projectors.jsonl beside it.
"""
import collections
import hashlib
import json
import sys

KEPT = ("model", "arch", "quant", "section", "metal_variant", "b10488_same", "flash_attn_effective",
        "n_rs_seq_effective", "output_bytes", "splits", "error", "lora_buffers", "state")
NESTED = ("lora_files", "target")


def shows(row):
    settings = row["settings"]
    single = {(k, v) for k, v in settings.items() if not isinstance(v, (list, dict))}
    single |= {(k, json.dumps(settings[k])) for k in NESTED if k in settings}
    return single | {("types", settings["type_k"], settings["type_v"], settings["flash_attn"]),
                     ("slots", settings["n_seq_max"], settings["kv_unified"]),
                     ("refused", "error" in row), ("build", row["metal_variant"])}


def compact(row, defaults):
    result = {k: row[k] for k in KEPT if k in row}
    result["settings"] = {k: v for k, v in row["settings"].items() if v != defaults.get(k)}
    if not row.get("n_rs_seq_effective"):
        result.pop("n_rs_seq_effective", None)
    if "buffers" in row:
        result["buffers"] = {name: {k: v for k, v in sizes.items() if k != "host" and v}
                             for name, sizes in row["buffers"].items()}
    if "target_bytes" in row:
        result["target_bytes"] = [{k: v for k, v in sizes.items() if v}
                                  for sizes in row["target_bytes"]]
    return json.dumps(result, separators=(",", ":"))


def main(source, output, most):
    projectors = []
    groups = {}
    seen = {}
    values = collections.defaultdict(collections.Counter)
    for line in open(source):
        row = json.loads(line)
        settings = row["settings"]
        if "n_ctx" not in settings:
            projectors.append(compact(row, {}))
            continue
        for key, value in settings.items():
            if not isinstance(value, (list, dict)):
                values[key][value] += 1
        row["settings"] = {k: v for k, v in settings.items()
                           if not isinstance(v, (list, dict)) or k in NESTED}
        groups.setdefault((row["section"], row["model"]), []).append(row)
    every = max(sum(counts.values()) for counts in values.values())
    defaults = {k: c.most_common(1)[0][0] for k, c in values.items() if sum(c.values()) == every}
    for rows in groups.values():
        rows.sort(key=lambda r: hashlib.sha256(json.dumps(r, sort_keys=True).encode()).digest())

    lines = [json.dumps({"defaults": defaults}, separators=(",", ":"))]
    size = len(lines[0]) + 1
    while any(groups.values()):
        for key, rows in groups.items():
            if not rows:
                continue
            known = seen.setdefault(key[1], set())
            best = max(rows, key=lambda r: len(shows(r) - known))
            rows.remove(best)
            known |= shows(best)
            line = compact(best, defaults)
            if size + len(line) + 1 > most:
                groups = {}
                break
            size += len(line) + 1
            lines.append(line)
    with open(output, "w") as out:
        out.write("\n".join(lines) + "\n")
    with open(output.replace("settings", "projectors"), "w") as out:
        out.write("\n".join(projectors) + "\n")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 360_000)
