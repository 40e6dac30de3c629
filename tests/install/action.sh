#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# action.sh PROGRAM: what the composite action does with sound, faulty and missing profiles.
set -euo pipefail

program=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "action: $1" >&2; exit 1; }

# check PATHS: its output, its code in $code, and what it tells GitHub in files.
check() {
  : > "$scratch/output"
  : > "$scratch/summary"
  code=0
  said=$(MEMBUDGET_PATHS=$1 MEMBUDGET_PROGRAM=$program GITHUB_OUTPUT=$scratch/output \
    GITHUB_STEP_SUMMARY=$scratch/summary "$root/.github/actions/check/check.sh" 2>&1) || code=$?
}

mkdir -p "$scratch/my profiles/chips"
cp "$root/profiles/chips/m1-16gb.json" "$scratch/my profiles/chips/"
check "  $scratch/my profiles
$root/profiles/quants
"
[ $code -eq 0 ] || fail "sound profiles end with $code: $said"
[ "$(cat "$scratch/output")" = faults=0 ] || fail "sound profiles: $(cat "$scratch/output")"
grep -q 'no faults' "$scratch/summary" || fail "sound profiles: $(cat "$scratch/summary")"

sed 's/"ram_gib": 16/"ram_gib": "16"/' "$root/profiles/chips/m1-16gb.json" \
  > "$scratch/my profiles/chips/m1-16gb.json"
cmp -s "$root/profiles/chips/m1-16gb.json" "$scratch/my profiles/chips/m1-16gb.json" &&
  fail "the fault was not planted"
check "$scratch/my profiles"
[ $code -eq 1 ] || fail "a fault ends with $code: $said"
grep -q "^::error file=.*m1-16gb.json,line=[0-9]*,col=[0-9]*,.*ram_gib" <<< "$said" ||
  fail "a fault is not annotated: $said"
[ "$(cat "$scratch/output")" = faults=1 ] || fail "a fault: $(cat "$scratch/output")"

check "$scratch/nothing-here"
[ $code -ge 1 ] || fail "a path that is not there ends with $code"
check "   "
[ $code -eq 2 ] || fail "no paths end with $code"

# Every file the action names is there, and its shell is the one that was run.
grep -q 'GITHUB_ACTION_PATH/check.sh' "$root/.github/actions/check/action.yml" ||
  fail "action.yml does not run check.sh"
echo "action: sound, faulty and missing profiles"
