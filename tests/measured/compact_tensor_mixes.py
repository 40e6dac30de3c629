#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packs measured tensor mixes for tensor_mixes_test.cpp.

usage: compact_tensor_mixes.py <folder with *tensor_mixes.jsonl and quant_mixes.jsonl> <output.jsonl>

One line per model:
  kinds   the tensors of each kind of layer as [suffix, ne0, ne1, ...]; kinds[0]: outside layers
  layers  the kind of each layer, run by run: "1*3,2,1*3,2"
  rows    per quantization the type of each suffix: "type" for most, "other" lists exceptions,
          layer by layer in runs where they differ: "Q6_K*2,Q4_K"
Every line is unpacked again and compared before it is written.
"""
import collections
import itertools
import json
import pathlib
import re
import sys


def split(name):
    match = re.match(r"blk\.(\d+)\.(.*)", name)
    return (int(match[1]), match[2]) if match else (-1, name)


def runs(values):
    groups = [(value, len(list(same))) for value, same in itertools.groupby(values)]
    return ",".join(str(v) if n == 1 else f"{v}*{n}" for v, n in groups)


def unrun(text):
    for part in text.split(","):
        value, _, count = part.partition("*")
        yield from [value] * int(count or 1)


def read(folder):
    models = {}
    for name in ("tensor_mixes", "more_tensor_mixes", "quant_mixes"):
        for line in open(folder / f"{name}.jsonl"):
            row = json.loads(line)
            model = models.setdefault((row["arch"], row["model"]), {"rows": []})
            if row.get("hparams"):
                model["hparams"] = row["hparams"]
            types = None
            if row.get("tensors"):
                model["tensors"] = [(n, tuple(s)) for n, s, _ in row["tensors"]]
                types = [t for _, _, t in row["tensors"]]
            elif row.get("types_differing"):  # lists every type but F32
                types = [row["types_differing"].get(n, "F32") for n, _ in model["tensors"]]
            model["rows"].append((name, row, types))
    return models


def pack(arch, name, model):
    by_layer = collections.OrderedDict()
    for tensor, shape in model["tensors"]:
        layer, suffix = split(tensor)
        by_layer.setdefault(layer, []).append((suffix, *shape))
    kinds = [tuple(by_layer.pop(-1))]
    assert list(by_layer) == list(range(len(by_layer))), name
    for tensors in by_layer.values():
        if tuple(tensors) not in kinds:
            kinds.append(tuple(tensors))
    metadata = {k.removeprefix(f"{arch}."): v for k, v in model["hparams"].items() if k.startswith(f"{arch}.")}
    rows = []
    for source, row, types in model["rows"]:
        packed = {"from": source, "quant": row["quant"]}
        if row.get("imatrix"):
            packed["imatrix"] = True
        if types is None:
            packed["fails"] = True
        else:
            packed["bytes"] = row["tensor_bytes"]
            if "requires_imatrix" in row:
                packed["requires_imatrix"] = row["requires_imatrix"]
            of_suffix = collections.defaultdict(list)
            for (tensor, _), kind in zip(model["tensors"], types):
                of_suffix[split(tensor)[1]].append(kind)
            texts = {suffix: runs(kinds) if len(set(kinds)) > 1 else kinds[0] for suffix, kinds in of_suffix.items()}
            packed["type"] = collections.Counter(texts.values()).most_common(1)[0][0]
            other = collections.defaultdict(list)
            for suffix, text in texts.items():
                if text != packed["type"]:
                    other[text].append(suffix)
            packed["other"] = other
        rows.append(packed)
    line = {"model": name, "arch": arch, "metadata": metadata, "kinds": kinds,
            "layers": runs(kinds.index(tuple(t)) for t in by_layer.values()), "rows": rows}
    check(json.loads(json.dumps(line)), model)
    return line


def check(line, model):
    tensors = [(t[0], tuple(t[1:])) for t in line["kinds"][0]]
    for layer, kind in enumerate(unrun(line["layers"]) if line["layers"] else []):
        tensors += [(f"blk.{layer}.{t[0]}", tuple(t[1:])) for t in line["kinds"][int(kind)]]
    assert tensors == model["tensors"]
    for packed, (_, _, types) in zip(line["rows"], model["rows"]):
        if types is None:
            continue
        texts = {suffix: text for text, suffixes in packed["other"].items() for suffix in suffixes}
        queues = {s: itertools.cycle(unrun(texts.get(s, packed["type"]))) for _, s in (split(n) for n, _ in tensors)}
        assert types == [next(queues[split(n)[1]]) for n, _ in tensors]


def main():
    folder, output = map(pathlib.Path, sys.argv[1:])
    with open(output, "w") as file:
        for (arch, name), model in read(folder).items():
            file.write(json.dumps(pack(arch, name, model), separators=(",", ":")) + "\n")


main()
