#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the web planner into build/web and serves it on this computer only.
#   tools/web.sh [--build-only] [--port N]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/build/web
port=8080
serve=1

say() { printf 'web: %s\n' "$*" >&2; }

while [ $# -gt 0 ]; do
  case $1 in
    --build-only) serve=0 ;;
    --port)
      [ $# -ge 2 ] || { say "--port needs a number"; exit 2; }
      port=$2
      shift
      ;;
    *)
      say "unknown argument '$1'; use --build-only or --port N"
      exit 2
      ;;
  esac
  shift
done

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

"$root/tools/setup.sh"
if ! command -v em++ >/dev/null 2>&1; then
  if ! command -v apt-get >/dev/null 2>&1; then
    say "Emscripten is missing; install it so that em++ is found"
    exit 1
  fi
  say "installing with apt: emscripten"
  as_root apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    emscripten >&2
fi

cd "$root"
[ -e build/wasm/build.ninja ] || cmake --preset wasm >&2
cmake --build --preset wasm >&2

# Anew, so that nothing of an older build stays.
rm -rf "$out"
mkdir -p "$out"
for file in tools/web/*.html tools/web/*.css tools/web/*.js tools/web/*.svg \
  tools/web/*.webmanifest; do
  cp "$file" "$out/"
done
cp build/wasm/membudget.wasm "$out/"

# The service worker keeps exactly these files, under the name of this build.
build=$(cd "$out" && cat -- * | cksum | tr ' ' '-')
files='"./"'
for file in "$out"/*; do
  name=${file##*/}
  [ "$name" = sw.js ] || files="$files, \"$name\""
done
sed -e "s|^const BUILD = .*|const BUILD = \"$build\";|" \
  -e "s|^const FILES = .*|const FILES = [$files];|" tools/web/sw.js >"$out/sw.js"

bytes=$(cd "$out" && for file in *; do gzip -9 -c "$file" | wc -c; done | awk '{sum += $1} END {print sum}')
say "$out: $bytes bytes compressed with gzip"
[ "$serve" -eq 1 ] || exit 0
say "http://127.0.0.1:$port/"
exec python3 -m http.server --bind 127.0.0.1 --directory "$out" "$port"
