#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets membudget beside other programs that plan from a GGUF header, as whole processes: medians of
# RUNS (default 9) runs after one that does not count, and how many times the peer takes what
# membudget takes. The models are written here: Llama 3.1 8B with its 128k tokens and a 70B with
# 256k, headers as long as real ones, their data a hole.
#
#   bench/peers.sh > table.md
#
# Peers are those found on PATH, or named by GGUF_PARSER=/path/to/gguf-parser (gpustack's
# gguf-parser-go) and NODE_LLAMA_CPP=/path/to/node-llama-cpp (npm's). None is installed.
set -eu

cd "$(dirname "$0")/.."
runs=${RUNS:-9}
out=build/bench
{
  [ -f build/release/build.ninja ] || cmake --preset release
  cmake --build build/release --target membudget_program
  [ -f $out/build.ninja ] || cmake --preset bench
  cmake --build $out --target membudget_measure
} >&2
measure=$out/bench/membudget_measure
membudget=${MEMBUDGET:-build/release/membudget}
gguf_parser=${GGUF_PARSER:-$(command -v gguf-parser || true)}
node_llama_cpp=${NODE_LLAMA_CPP:-$(command -v node-llama-cpp || true)}
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT

echo "$(uname -sm), $(sed -n 's/^model name.*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), load $(uptime | sed 's/.*average[s]*: //')"
echo
echo '| model | program | wall ms | CPU ms | peak MiB | x wall | x memory |'
echo '|---|---|---:|---:|---:|---:|---:|'
ours=''

# row MODEL PROGRAM COMMAND...: one line; the first of a model is what the others are held against.
row() {
  model=$1 program=$2
  shift 2
  figures=$("$measure" run "$runs" "$@")
  # shellcheck disable=SC2086
  set -- $figures
  if [ "$4" -gt 1 ]; then
    echo "| $model | $program | failed: exit code $4 | | | | |"
    return
  fi
  [ -n "$ours" ] || ours="$1 $3"
  echo "$1 $2 $3 $ours" | awk -v model="$model" -v program="$program" \
    '{printf "| %s | %s | %.1f | %.1f | %.1f | %.1f | %.1f |\n", model, program, $1, $2, $3, $1 / $4, $3 / $5}'
}

for kind in 8b-128k 70b-256k; do
  file=$models/$kind.gguf
  "$measure" write $kind "$file" >&2
  ours=''
  row $kind 'membudget plan' "$membudget" plan "$file" --chip m4-max-128gb -c 8192
  row $kind 'membudget plan --json' "$membudget" plan "$file" --chip m4-max-128gb -c 8192 --json
  row $kind 'membudget inspect' "$membudget" inspect "$file"
  if [ -n "$gguf_parser" ]; then
    row $kind 'gguf-parser (gguf-parser-go)' "$gguf_parser" --path "$file" --ctx-size 8192 --json
  fi
  if [ -n "$node_llama_cpp" ]; then
    row $kind 'node-llama-cpp inspect estimate' "$node_llama_cpp" inspect estimate "$file" \
      --contextSize 8192 --gpu false
  fi
done
ours=''
row start 'membudget --version' "$membudget" --version
[ -z "$gguf_parser" ] || row start 'gguf-parser --version' "$gguf_parser" --version
[ -z "$node_llama_cpp" ] || row start 'node-llama-cpp --version' "$node_llama_cpp" --version
[ -n "$gguf_parser$node_llama_cpp" ] || echo 'No peer is installed; see the head of this script.' >&2
