#!/bin/sh
# SPDX-License-Identifier: MIT
# documented.sh FOLDER [LIBRARY]: doxygen has no warning about the public headers, every function
# says what it does, and LIBRARY, a shared one, exports it. Pages go into FOLDER. Exits with 77,
# which ctest takes for skipped, where doxygen or python3 is not there.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$1
library=${2:-}
for tool in doxygen python3; do
  command -v $tool >/dev/null 2>&1 || { echo "skipped: $tool is not there"; exit 77; }
done
mkdir -p "$folder"
cd "$root"
{
  cat .doxygen
  echo "OUTPUT_DIRECTORY = \"$folder\""
} | doxygen -
exec python3 tests/install/documented.py "$folder/xml" ${library:+"$library"}
