#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes data/ollama_flags.jsonl: the flags that Ollama 0.33 gives llama-server by default.

Written from Ollama's source (ollama/ollama at fb30760996871fa9460115c753afd2c60d4ab0f7), not from
ours: what it needs are sizes of published files (data/file_sizes.jsonl), keys of the models'
metadata and the limits of machines under profiles/. Run from tests/measured.

  context  server/routes.go:2043-2057, server/sched.go:170-177, llm/server.go:113-117
  slots    server/sched.go:499-513
  batch    server/routes.go:150, server/sched.go:797-915, llm/llama_server.go:552-590, 2678-2700
  mmap     server/sched.go:1158-1177
"""
import json

GIB = 1 << 30
MIB = 1 << 20
PROFILES = "../../profiles"

# Tags of Ollama's library where the size of its file is known, else the catalog's name and the file
# of an upload at Hugging Face. Rounded sizes will do where both ends of what they may mean give the
# same flags.
NAMES = """
llama3.1:8b llama3.2:1b llama3.2:3b llama3.3:70b qwen2.5:7b qwen2.5:32b qwen2.5-coder:1.5b
qwen2.5-coder-32b qwen3-0.6b qwen3-4b qwen3:8b qwen3:14b qwen3:32b qwen3:30b qwen3-next-80b-a3b
qwen3.5-9b qwen3.5-27b qwen3-vl-8b qwen2.5vl:7b gemma2:9b gemma3:1b gemma3:12b gemma-4-26b-a4b
mistral:7b mistral-nemo:12b mistral-small:24b mistral-small3.2:24b mixtral-8x7b phi4:14b phi-3.5-mini
gpt-oss-20b gpt-oss-120b deepseek-r1:14b deepseek-coder-v2:16b granite-4.0-h-tiny command-r7b:7b
codellama:34b mxbai-embed-large:335m bge-m3:567m lfm2-1.2b nemotron-nano-9b-v2 falcon-mamba-7b
""".split()

ONE_SLOT = {"mllama", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen3next", "lfm2", "lfm2moe",
            "nemotron_h", "nemotron_h_moe", "nemotron_h_omni"}
MACS = ["m1-16gb", "m1-max-32gb", "m4-max-36gb", "m4-max-128gb"]


def machines():
    sets = json.load(open(f"{PROFILES}/working_sets.json"))["entries"]
    for mac in MACS:
        chip = json.load(open(f"{PROFILES}/chips/{mac}.json"))
        for macos in (15, 26):
            metal = next(s["limit_bytes"] for s in sets
                         if s["ram_gib"] == chip["ram_gib"] and s["macos_from"] <= macos
                         and macos <= s.get("macos_to", 99))
            yield mac, macos, metal, (chip["ram_gib"] - chip["reserve_gib"]) * GIB


def catalog():
    import glob
    return {tag: model for model in map(json.load, map(open, glob.glob(f"{PROFILES}/models/*.json")))
            for tag in model.get("ollama", []) + [model["id"]]}


def flags(model, file_size, metal, system):
    keys = model["metadata"]
    trained = keys["context_length"]
    layers = keys["block_count"]
    heads = keys.get("attention.head_count", 1)
    kv_heads = keys.get("attention.head_count_kv", 1)
    heads = max(heads) if isinstance(heads, list) else heads
    kv_heads = min(kv_heads) if isinstance(kv_heads, list) else kv_heads
    head_dim = keys["embedding_length"] // heads if heads else 0
    embeds = "pooling_type" in keys
    num_ctx = 262144 if metal >= 47 * GIB else 32768 if metal >= 23 * GIB else 4096
    num_ctx = min(num_ctx, trained)
    predicted = file_size + 2 * layers * (kv_heads or 1) * head_dim * num_ctx * 2
    free = min(metal, system)
    if embeds:
        batch = min(2048, num_ctx)
    else:
        batch = 2048 if num_ctx > 32768 else 1024 if num_ctx > 4096 else 512
        while batch > 512:
            headroom = free * (60 if batch == 2048 else 75) // 100
            surcharge = 2 * GIB if batch == 2048 else 768 * MIB
            if (predicted <= free * 80 // 100 and predicted <= headroom
                    and surcharge <= free * 80 // 100 - predicted):
                break
            batch = 1024 if batch == 2048 else 512
    # With OLLAMA_NUM_PARALLEL=4.
    slots_of_4 = 1 if embeds or model["architecture"] in ONE_SLOT else 4
    return [num_ctx, batch, 1, slots_of_4, predicted <= free]


def main():
    models = catalog()
    usual = {model["id"]: model["default_quantization"] for model in models.values()}
    sizes = {}
    for line in open("data/file_sizes.jsonl"):
        model, name, quantization, size, off, _ = json.loads(line)
        keys = [name] + ([model] if "/" in name and quantization == usual.get(model) else [])
        for key in keys:
            if key not in sizes or off < sizes[key][2]:
                sizes[key] = (quantization, size, off)
    with open("data/ollama_flags.jsonl", "w") as out:
        for tag in NAMES:
            if tag not in models or tag not in sizes:
                print("left out, no size:", tag)
                continue
            quantization, size, off = sizes[tag]
            row = {"model": tag, "quantization": quantization, "file_bytes": size, "flags": {}}
            for mac, macos, metal, system in machines():
                both = [flags(models[tag], size + end, metal, system) for end in (-off, off)]
                if both[0] != both[1]:
                    print("left out, too close to call:", tag, mac, macos)
                    continue
                row["flags"][f"{mac} {macos}"] = both[0]
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
