#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails on C++ that clang-format would lay out otherwise, and names the files.
set -eu

cd "$(dirname "$0")/.."
format=$(tests/llvm14.sh clang-format)
differ=$(find bench include src tests tools \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
  xargs -0 -n 40 "$format" --dry-run 2>&1 | sed -n 's/^\([^: ]*\):[0-9].*\[-Wclang-format-violations\]$/\1/p' | sort -u)
[ -z "$differ" ] || { printf 'clang-format -i %s\n' "$differ" >&2; exit 1; }
