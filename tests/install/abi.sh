#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# abi.sh [OLD [NEW]]: whether programs linked with the shared library of commit OLD run with NEW's.
# OLD defaults to the last release's tag, NEW to the working tree. Ends with 1 when they may not
# though the library's soname is the same; says so and ends with 0 before the first release.
# Needs abidiff (Debian's abigail-tools); builds both libraries, which takes minutes.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
old=${1:-$(git -C "$root" describe --tags --abbrev=0 --match 'v[0-9]*' 2> /dev/null || true)}
new=${2:-}
if [ -z "$old" ]; then
  echo "abi: there is no release to compare with"
  exit 0
fi
command -v abidiff > /dev/null || { echo "abi: needs abidiff" >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# build SOURCES BUILD: only the shared library, with what abidiff reads types from.
build() {
  cmake -S "$1" -B "$2" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_UNITY_BUILD=ON \
    -DBUILD_SHARED_LIBS=ON -DMEMBUDGET_BOTH_LIBRARIES=OFF -DMEMBUDGET_BUILD_TESTS=OFF \
    -DMEMBUDGET_BUILD_TOOLS=OFF > "$2.log" 2>&1 ||
    { tail -n 30 "$2.log" >&2; exit 2; }
  cmake --build "$2" >> "$2.log" 2>&1 ||
    { tail -n 30 "$2.log" >&2; exit 2; }
}
# extract COMMIT FOLDER
extract() {
  mkdir "$2"
  git -C "$root" archive "$1" | tar -x -C "$2"
}
extract "$old" "$scratch/old"
sources=$root
if [ -n "$new" ]; then
  extract "$new" "$scratch/new"
  sources=$scratch/new
fi
build "$scratch/old" "$scratch/old-build"
build "$sources" "$scratch/new-build"

soname() { objdump -p "$1/libmembudget.so" | awk '$1 == "SONAME" { print $2 }'; }
before=$(soname "$scratch/old-build")
after=$(soname "$scratch/new-build")
if [ "$before" != "$after" ]; then
  echo "abi: $after may differ from $before as it likes"
  exit 0
fi
# abidiff's code is a set of bits: 1 and 2 errors, 4 a difference, 8 one that breaks programs.
code=0
abidiff --headers-dir1 "$scratch/old/include" --headers-dir2 "$sources/include" --no-added-syms \
  "$scratch/old-build/libmembudget.so" "$scratch/new-build/libmembudget.so" || code=$?
if [ $((code & 3)) -ne 0 ]; then
  exit 2
elif [ $code -ne 0 ]; then
  echo "abi: $after is not what it was at $old: raise the version that its soname has" >&2
  exit 1
fi
echo "abi: $after serves what was linked at $old"
