#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keeps of collected logs what their lines said: tests/measured/data/engine_logs.jsonl.

    compact_engine_logs.py metal_logs.jsonl other_logs.jsonl > data/engine_logs.jsonl

A record stays when a size of a buffer, of a memory breakdown, of --fit, of Ollama's estimate or
MLX's peak was in the log; notes and measurements of other programs go.
"""
import json
import re
import sys

DEVICES = ("MTL0", "MTL0_Mapped", "Metal", "Metal_Mapped", "CPU", "CPU_Mapped", "CPU_REPACK", "CUDA0",
           "CUDA_Host", "ROCm0", "RPC0", "Host")


def sizes(buffers):
    """Sizes by device: what was summed up or named otherwise by the collector is left out."""
    out = {}
    for name, size in (buffers or {}).items():
        words = name.split()
        kind = ""
        device = words[-1]
        if name.startswith("recurrent_"):
            kind, device = "recurrent ", name[len("recurrent_"):]
        elif name.startswith(("non-SWA ", "SWA ")):
            kind = words[0] + " "
        elif len(words) > 1:
            continue
        if device in DEVICES and isinstance(size, (int, float)):
            out[kind + device] = f"{size:.2f}"
    return out


def breakdown(rows):
    """"MTL0 (Apple M5): 18186 = 11633 + (5619 = 2368 + 2734 + 517) + 933" to its numbers."""
    out = []
    for row in rows or []:
        device, _, rest = row.partition(":")
        numbers = re.findall(r"-?\d+", rest)
        device = device.split(" ")[0]
        if "(" in rest and len(numbers) in (6, 7):
            out.append({"device": device, "numbers": numbers[:6] + (numbers[6:] or ["0"])})
        elif "(" not in rest and len(numbers) == 4:
            out.append({"device": device, "numbers": numbers})
    return out


def row(record):
    out = {"source": record["source_url"], "date": record["date"], "engine": record["engine"],
           "version": record["engine_version"]}
    # Of the collector's notes only what Metal says itself.
    if re.fullmatch(r"Apple M\d+( (Pro|Max|Ultra))?", record.get("chip") or ""):
        out["chip"] = record["chip"]
    for key in ("model", "arch", "quant", "n_layer", "n_head", "n_head_kv", "n_ctx_train",
                "n_ctx", "n_batch", "n_ubatch", "n_seq_max", "kv_type_k", "kv_type_v",
                "layers_offloaded", "prompt_tokens", "generated_tokens", "kv_unified", "n_rs_seq"):
        if isinstance(record.get(key), (str, int, float, bool)):
            out[key] = record[key]
    if record.get("recommended_max_working_set_mb") and record.get("ws_unit") == "MB=1e6" and \
            record.get("ws_origin") == "printed":
        out["working_set_mb"] = f"{record['recommended_max_working_set_mb']:.2f}"
    for key, name in (("model_buffers_mib", "weights"), ("kv_buffers_mib", "kv"),
                      ("compute_buffers_mib", "compute")):
        if found := sizes(record.get(key)):
            out[name] = found
    if isinstance(record.get("output_buffer_mib"), (int, float)):
        out["output"] = f"{record['output_buffer_mib']:.2f}"
    if rows := breakdown(record.get("memory_breakdown_mib")):
        out["breakdown"] = rows
    if record.get("llama_fit_projected_mib"):
        out["fit"] = [record["llama_fit_projected_mib"], record.get("llama_fit_free_mib") or
                      record.get("device_free_mib") or 0]
    estimate = {key: value for key, value in (record.get("ollama_predicted") or {}).items()
                if key in ("required_full_gib", "partial_gib", "kv_gib", "kv_mib",
                           "weights_total_gib", "graph_full_mib", "ollama_ps_gb")}
    if estimate:
        out["estimate"] = estimate
    mlx = "mlx-lm" in record["engine"] or record["engine"] == "mlx"
    if mlx and record.get("peak_memory_gb"):
        out["peak_gb"] = f"{record['peak_memory_gb']:.3f}"
        for key in ("tokens_per_s_gen", "tokens_per_s_prompt"):
            if record.get(key):
                out[key] = record[key]
    return out


def main():
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as lines:
            for line in lines:
                out = row(json.loads(line))
                if {"weights", "kv", "compute", "output", "breakdown", "fit", "estimate",
                        "peak_gb"} & out.keys():
                    print(json.dumps(out, separators=(",", ":"), ensure_ascii=False))


main()
