#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# program_test.sh PROGRAM [MOST_BYTES]: what a shell sees of the installed program, which has no more
# bytes than that without its symbols.
set -euo pipefail

program=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "$1" >&2; exit 1; }

# The records of whoever runs this stay out of it.
export XDG_DATA_HOME=$scratch/data

strip -o "$scratch/membudget" "$program"
size=$(wc -c < "$scratch/membudget")
((size <= ${2:-size})) || fail "the stripped program has $size bytes"

# bash completes commands, options, names and kinds with the program itself.
PATH=$scratch:$PATH
# shellcheck disable=SC1090
source <(membudget completion bash)
complete_line() {
  COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
  _membudget
  printf '%s\n' "${COMPREPLY[@]}"
}
expect() {
  local words
  words=$(complete_line "$1")
  grep -qxF -- "$2" <<< "$words" || fail "'$1' does not complete to '$2' but to: $words"
}
expect "membudget pl" plan
expect "membudget plan llama-3.1-8" llama-3.1-8b
expect "membudget plan qwen2.5-coder:3" 32b
expect "membudget plan llama-3.1-8b --chip m4-max-3" m4-max-36gb
expect "membudget plan llama-3.1-8b --ca" --cache-type
expect "membudget plan llama-3.1-8b --cache-type q8" q8_0
expect "membudget plan llama-3.1-8b --quant Q4_K" Q4_K_M
expect "membudget settings llama-3.1-8b --fo" --for
expect "membudget settings llama-3.1-8b --for llama" llama-server
expect "membudget list ch" chips
expect "membudget show qu" quant
expect "membudget show quant Q5_K" Q5_K_M
expect "membudget completion f" fish
expect "membudget he" health
expect "membudget health --thermal-state s" serious
expect "membudget stack coding-m4" coding-m4-max-128gb
expect "membudget plan llama-3.1-8b -fa o" off
expect "membudget plan llama-3.1-8b -ctk q8" q8_0
expect "membudget plan llama-3.1-8b --lora $scratch/mem" "$scratch/membudget"
expect "membudget plan llama-3.1-8b --distribute mlx-" mlx-pipeline
expect "membudget recommend --task cod" coding
# Of a list the last item is completed.
expect "membudget sweep llama-3.1-8b --chip m1-16gb,m4-max-3" m1-16gb,m4-max-36gb
expect "membudget compare llama-3.1-8b --chip m1-16gb,m4-max-3" m1-16gb,m4-max-36gb
expect "membudget sweep llama-3.1-8b --cache-type f16,q8" f16,q8_0

# What is offered for an option is what the command takes.
offers() {
  local words
  words=$(complete_line "$1 " | xargs)
  [ "$words" = "$2" ] || fail "'$1' offers '$words', not '$2'"
}
offers "membudget plan llama-3.1-8b --format" "text json markdown"
offers "membudget sweep llama-3.1-8b --format" "text csv json markdown svg html"
offers "membudget report llama-3.1-8b --format" html
offers "membudget check --format" "text json github"
offers "membudget health --format" "text json"
offers "membudget record llama-3.1-8b -fa" "on off"
takes() {
  local word status
  for word in $(complete_line "$1 "); do
    status=0
    # shellcheck disable=SC2086
    $1 "$word" > /dev/null 2>&1 || status=$?
    ((status < 2)) || fail "'$1' offers '$word' and refuses it"
  done
}
on_m1="llama-3.1-8b --chip m1-max-32gb"
takes "membudget recommend $on_m1 --task"
takes "membudget plan $on_m1 --reserve"
takes "membudget plan $on_m1 --cache-type"
takes "membudget plan $on_m1 --load-mode"
takes "membudget plan $on_m1 --chip m1-max-32gb --distribute llama-rpc --link"
takes "membudget settings $on_m1 --for"
for command in plan max-context compare compare-runtimes sweep report recommend stack detect; do
  [ $command = detect ] && on_m1=''
  takes "membudget $command $on_m1 --format"
done

# bash takes over what is printed for a runtime's shell, and can read the rest.
settings() {
  membudget settings qwen2.5-coder:32b --chip m1-max-32gb -c 32k --cache-type "$2" --for "$1" 2> /dev/null
}
launchctl() { :; }
# shellcheck disable=SC1090
source <(settings ollama q8_0)
[[ $(env) == *OLLAMA_KV_CACHE_TYPE=q8_0* ]] || fail "bash does not export what is printed for Ollama"
for runtime in ollama llama-server lmstudio mlx sysctl; do
  settings "$runtime" f16 > "$scratch/settings.$runtime" || true  # 1: it does not fit.
  [ -s "$scratch/settings.$runtime" ] || fail "nothing is printed for $runtime"
  bash -n "$scratch/settings.$runtime" || fail "bash cannot read what is printed for $runtime"
done

# The other shells' scripts are at least complete where those shells are there to say so.
for shell in zsh fish; do
  if command -v "$shell" > /dev/null; then
    membudget completion "$shell" > "$scratch/completion.$shell"
    "$shell" -n "$scratch/completion.$shell" || fail "$shell cannot read its completion"
  fi
done
