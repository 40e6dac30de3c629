#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints how a program of LLVM 14 (clang-format, clang-tidy) is called here. Its versions differ, so
# only 14 decides; 77, a skipped test, where that is missing.
#   tests/llvm14.sh PROGRAM
set -eu

for name in "$1-14" "$1"; do
  case "$(command -v "$name" >/dev/null 2>&1 && "$name" --version)" in
    *"version 14."*) echo "$name"; exit 0 ;;
  esac
done
echo "$1 14 is missing: apt-get install $1-14" >&2
exit 77
