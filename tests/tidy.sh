#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails on what clang-tidy finds in bench/, src/ and tools/ (half an hour on two cores), or in the
# files that are named. Its versions differ, so only 14 decides.
#   tests/tidy.sh [FILE...]
set -eu

cd "$(dirname "$0")/.."
for program in clang-tidy-14 clang-tidy; do
  case "$(command -v "$program" >/dev/null 2>&1 && "$program" --version)" in
    *"version 14."*) tidy=$program; break ;;
  esac
done
[ -n "${tidy:-}" ] || { echo 'clang-tidy 14 is missing: apt-get install clang-tidy-14' >&2; exit 77; }
cmake --preset tidy >&2
if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046  # Names of the project, which have no blanks.
  set -- $(find bench src tools -name '*.cpp' | sort)
fi
# shellcheck disable=SC2016  # Expanded by the inner shell.
printf '%s\n' "$@" | TIDY=$tidy xargs -P "${BUILD_JOBS:-$(getconf _NPROCESSORS_ONLN)}" -n 1 sh -c '
  if found=$("$TIDY" --quiet -p build/tidy "$1" 2>&1); then echo "clean $1" >&2
  else printf "%s\n" "$found" | grep -v " warnings generated.$"; exit 1; fi' sh || exit 1
