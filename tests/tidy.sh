#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails on what clang-tidy finds in bench/, src/ and tools/ (half an hour on two cores), or in the
# files that are named.
#   tests/tidy.sh [FILE...]
set -eu

cd "$(dirname "$0")/.."
tidy=$(tests/llvm14.sh clang-tidy)
cmake --preset tidy >&2
if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046  # Names of the project, which have no blanks.
  set -- $(find bench src tools -name '*.cpp' | sort)
fi
# shellcheck disable=SC2016  # Expanded by the inner shell.
printf '%s\n' "$@" | TIDY=$tidy xargs -P "${BUILD_JOBS:-$(getconf _NPROCESSORS_ONLN)}" -n 1 sh -c '
  if found=$("$TIDY" --quiet -p build/tidy "$1" 2>&1); then echo "clean $1" >&2
  else printf "%s\n" "$found" | grep -v " warnings generated.$"; exit 1; fi' sh || exit 1
