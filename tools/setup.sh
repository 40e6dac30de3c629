#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what building membudget needs and this machine lacks, with apt or Homebrew.
# Says nothing and takes no time when nothing is missing. Everything goes to standard error.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    say "needs root: run as root: $*"
    exit 1
  fi
}

# A tool may come from elsewhere than the package (a newer cmake, clang), so commands are looked
# for by name and only libraries by package.
missing_commands() {
  command -v cmake >/dev/null 2>&1 || printf ' %s' cmake
  command -v ninja >/dev/null 2>&1 || printf ' %s' "$1"
  command -v c++ >/dev/null 2>&1 || printf ' %s' "$2"
}

debian() {
  libraries="nlohmann-json3-dev libfmt-dev libcli11-dev libgtest-dev libgmock-dev librapidcheck-dev libvalijson-dev libbenchmark-dev libcurl4-openssl-dev"
  missing=$(missing_commands ninja-build g++)
  # shellcheck disable=SC2086  # A list of words.
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Abbrev}\n' $libraries 2>/dev/null |
    sed -n 's/ ii *$//p') || true
  for library in $libraries; do
    case "
$installed
" in
      *"
$library
"*) ;;
      *) missing="$missing $library" ;;
    esac
  done
  # Tests check the property list that settings prints; macOS has plutil for it.
  command -v xmllint >/dev/null 2>&1 || missing="$missing libxml2-utils"
  # They link the installed library as others do.
  command -v pkg-config >/dev/null 2>&1 || missing="$missing pkg-config"
  [ -n "$missing" ] || return 0
  say "installing with apt:$missing"
  as_root apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    $missing >&2
}

homebrew() {
  formulas="nlohmann-json fmt cli11 googletest rapidcheck valijson google-benchmark"
  missing=$(missing_commands ninja gcc)
  command -v pkg-config >/dev/null 2>&1 || missing="$missing pkgconf"
  prefix=$(brew --prefix)
  for formula in $formulas; do
    [ -e "$prefix/opt/$formula" ] || missing="$missing $formula"
  done
  [ -n "$missing" ] || return 0
  say "installing with Homebrew:$missing"
  # shellcheck disable=SC2086
  brew install --quiet $missing >&2
}

if command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
  debian
elif command -v brew >/dev/null 2>&1; then
  homebrew
else
  missing=$(missing_commands ninja g++)
  if [ -n "$missing" ]; then
    say "neither apt nor Homebrew here; please install:$missing, and nlohmann-json, fmt, CLI11,"
    say "GoogleTest, RapidCheck, valijson and libcurl's headers"
    exit 1
  fi
fi
