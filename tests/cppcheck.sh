#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails on what cppcheck finds in include/, src/ and tools/. What it gets wrong is named, with the
# reason, in tests/cppcheck_suppressions.txt.
set -eu

cd "$(dirname "$0")/.."
command -v cppcheck >/dev/null 2>&1 || { echo 'cppcheck is missing: apt-get install cppcheck' >&2; exit 77; }
mkdir -p build/cppcheck
exec cppcheck --std=c++20 --language=c++ --enable=warning,performance,portability \
  --inline-suppr --error-exitcode=1 --quiet --cppcheck-build-dir=build/cppcheck \
  --suppressions-list=tests/cppcheck_suppressions.txt -DMEMBUDGET_HAS_CURL \
  -j "${BUILD_JOBS:-$(getconf _NPROCESSORS_ONLN)}" -I include -I src \
  include/membudget src tools
