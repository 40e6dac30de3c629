#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests the web planner: its core beside the program on 500 cases, and its page in headless Chromium.
#   tests/web/run.sh [MEMBUDGET]
# Installs what is missing (apt; npm into build/), unless MEMBUDGET_WEB_INSTALL=0: then it ends with 77,
# which ctest takes for a skipped test. SCREENSHOTS=FOLDER keeps pictures of the page.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
program=${1:-$root/build/release/membudget}
modules=$root/build/web-test/node_modules

say() { printf 'web test: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=
command -v em++ >/dev/null 2>&1 || missing="$missing emscripten"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[ -n "$chromium" ] || missing="$missing chromium"
if [ -n "$missing" ] || [ ! -d "$modules/playwright-core" ]; then
  if [ "${MEMBUDGET_WEB_INSTALL:-1}" = 0 ]; then
    say "skipped: missing are$missing and perhaps playwright-core; tests/web/run.sh installs them"
    exit 77
  fi
fi
if [ -n "$missing" ]; then
  say "installing with apt:$missing"
  as_root apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
  # shellcheck disable=SC2086  # A list of words.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    $missing >&2
  chromium=${chromium:-$(command -v chromium)}
fi
if [ ! -d "$modules/playwright-core" ]; then
  mkdir -p "$root/build/web-test"
  # It drives the Chromium that is here and downloads none.
  npm install --silent --no-audit --no-fund --prefix "$root/build/web-test" playwright-core@1.65.1 >&2
fi

[ -x "$program" ] || "$root/tools/run.sh" --version >/dev/null
"$root/tools/web.sh" --build-only

cd "$(dirname "$0")"
node compare_plans.mjs "$program" "$root/build/web" "${CASES:-500}"
MEMBUDGET=$program WEB=$root/build/web NODE_MODULES=$modules CHROMIUM=$chromium \
  SCREENSHOTS=${SCREENSHOTS:-} node --test page_test.mjs
