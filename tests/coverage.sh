#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs all tests in a build that counts lines, and fails when those of src/ are reached too seldom.
#
#   tests/coverage.sh [LEAST]      per cent of the lines of src/; 92 when nothing is given
#
# Prints the files, the least covered last; build/coverage/report.html shows every line.
set -eu

cd "$(dirname "$0")/.."
least=${1:-92}
command -v gcovr >/dev/null 2>&1 || { echo 'gcovr is missing: apt-get install gcovr' >&2; exit 77; }
{
  [ -f build/coverage/build.ninja ] || cmake --preset coverage
  cmake --build --preset coverage ${BUILD_JOBS:+-j"$BUILD_JOBS"}
  find build/coverage -name '*.gcda' -delete
  # At its end a process adds its counts to those of every file, so not one process for each test.
  build/coverage/tests/membudget_tests --gtest_brief=1 &
  tests=$!
  build/coverage/tests/membudget_golden --gtest_brief=1
  wait "$tests"
  ctest --preset coverage -R '^(profiles|program|manual|fuzz)\.'
} >&2
# Other systems' sides of the seam to the host are not compiled here.
gcovr --root . --filter src/ --exclude-throw-branches --gcov-ignore-parse-errors \
  --object-directory build/coverage --sort-percentage \
  --html-details build/coverage/report.html --txt --fail-under-line "$least" build/coverage
