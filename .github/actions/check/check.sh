#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What action.yml runs. From the environment: MEMBUDGET_PATHS, a path a line; MEMBUDGET_PROGRAM,
# empty to build one, or where MEMBUDGET_CACHED is true to take the one of these sources; GITHUB_OUTPUT and GITHUB_STEP_SUMMARY as GitHub sets them, or nothing.
# Ends with 1 when there are faults, with 2 or more when nothing could be checked.
set -euo pipefail

program=${MEMBUDGET_PROGRAM:-}
root=$(cd "$(dirname "$0")/../../.." && pwd)
if [ -z "$program" ] && [ "${MEMBUDGET_CACHED:-}" = true ]; then
  # The libraries that it is linked with are not in the cache.
  "$root/tools/setup.sh" >&2
  program=$root/build/release/membudget
elif [ -z "$program" ]; then
  program=$root/tools/run.sh
fi
paths=()
while IFS= read -r path; do
  # Spaces around a path are YAML's, those inside its own.
  path=${path#"${path%%[![:space:]]*}"}
  path=${path%"${path##*[![:space:]]}"}
  [ -z "$path" ] || paths+=("$path")
done <<< "${MEMBUDGET_PATHS:-}"
if [ ${#paths[@]} -eq 0 ]; then
  echo "::error title=membudget check::the input 'paths' names nothing"
  exit 2
fi

code=0
said=$("$program" check --format github -- "${paths[@]}") || code=$?
printf '%s\n' "$said"
# grep's 1 means that it counted none.
faults=$(grep -c '^::error ' <<< "$said" || true)
[ -z "${GITHUB_OUTPUT:-}" ] || echo "faults=$faults" >> "$GITHUB_OUTPUT"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  printf '**membudget check**: %s\n' "$(tail -n 1 <<< "$said")" >> "$GITHUB_STEP_SUMMARY"
fi
exit $code
