#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets up, builds and runs all tests; ends with ctest's summary. Arguments go to ctest
# (tools/test.sh -R golden).
set -eu

cd "$(dirname "$0")/.."
tools/setup.sh
[ -e build/release/build.ninja ] || cmake --preset release
cmake --build --preset release
CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}
export CTEST_PARALLEL_LEVEL
ctest --preset release "$@"
