#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets up, builds and runs membudget with the given arguments, from any folder.
# Only the program writes to standard output, and its exit code is the script's;
# 70 means that it could not be built.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
program=$root/build/release/membudget
stamp=$root/build/release/.built-from

# Folders count too: their time changes when a file is added or removed.
changed() {
  [ ! -x "$program" ] || [ ! -e "$stamp" ] ||
    [ -n "$(find "$root/CMakeLists.txt" "$root/CMakePresets.json" "$root/include" "$root/src" \
      "$root/tools" "$root/profiles" -newer "$stamp" -print 2>/dev/null | head -n 1)" ]
}

# Steps are chained by hand: `set -e` has no force in a function whose failure is asked for.
build() {
  if [ ! -e "$root/build/release/build.ninja" ]; then
    echo "run: building membudget (only this once; eight minutes on two cores)" >&2
    (cd "$root" && cmake --preset release >&2) || return
  fi
  # Dated before the build: what is edited while it runs is built the next time.
  : >"$stamp.new" &&
    (cd "$root" && cmake --build --preset release --target membudget_program >&2) &&
    mv "$stamp.new" "$stamp"
}

if changed; then
  mkdir -p "$root/build/release"
  # Two runs at once must not build into one folder; macOS has no flock and takes the risk.
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$root/build/.lock"
    flock 9
  fi
  if changed; then
    "$root/tools/setup.sh" && build || exit 70
  fi
  exec 9>&-
fi
exec "$program" "$@"
