#!/bin/sh
# SPDX-License-Identifier: MIT
# symbols.sh LIBRARY: a shared library exports namespace membudget and the C API, nothing of what it
# is made with, and of the C API exactly what c_api.symbols lists. A name that is missing there
# breaks programs that were linked before: that takes a new major version (CONTRIBUTING.md). With
# MEMBUDGET_UPDATE_SYMBOLS=1 the list is written anew; read the difference before committing it.
set -eu

library=$1
list=$(dirname "$0")/c_api.symbols
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "symbols: $1" >&2; exit 1; }

nm -D --defined-only "$library" | awk '{ print $3 }' | LC_ALL=C sort -u >"$scratch/all"
grep '^membudget_' "$scratch/all" >"$scratch/c" || true
if [ "${MEMBUDGET_UPDATE_SYMBOLS:-}" = 1 ]; then
  cp "$scratch/c" "$list"
fi
difference=$(diff "$list" "$scratch/c") || fail "the C API is not what $list says:
$difference"

grep -v '^membudget_' "$scratch/all" | c++filt >"$scratch/cpp"
foreign=$(grep -v 'membudget::' "$scratch/cpp" | grep -vE '^(_init|_fini|_edata|_end|__bss_start|__asan.*|__odr_asan.*|__gcov.*|__llvm.*|__ubsan.*)$') || true
[ -z "$foreign" ] || fail "exports what is not ours:
$(echo "$foreign" | head -n 20)"
inner=$(grep -E 'nlohmann|fmt::v[0-9]|anonymous namespace' "$scratch/cpp") || true
[ -z "$inner" ] || fail "exports what it is made with:
$(echo "$inner" | head -n 20)"
echo "symbols: $(wc -l <"$scratch/c") of C, $(wc -l <"$scratch/cpp") of C++"
