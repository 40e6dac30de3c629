#!/bin/sh
# SPDX-License-Identifier: MIT
# release.sh VERSION ARCHIVE: the formula for a release, to standard output. ARCHIVE is what GitHub
# serves as the sources of tag vVERSION.
set -eu

version=$1
archive=$2
folder=$(cd "$(dirname "$0")" && pwd)
if command -v sha256sum >/dev/null 2>&1; then
  sum=$(sha256sum "$archive")
else
  sum=$(shasum -a 256 "$archive")
fi
address=https://github.com/membudget/membudget/archive/refs/tags/v$version.tar.gz
# The comment on how to install without a release goes.
sed -e '/^# The formula of a tap/,/^# tools\/homebrew/d' \
  -e "/^  homepage /a\\
  url \"$address\"\\
  sha256 \"${sum%% *}\"" "$folder/membudget.rb"
