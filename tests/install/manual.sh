#!/bin/sh
# SPDX-License-Identifier: MIT
# manual.sh PROGRAM PAGE: the manual page has every command and every option that PROGRAM's own
# help has, and man can set it.
set -eu

program=$1
page=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "manual: $1" >&2; exit 1; }

case $page in
*.gz) gzip -dc "$page" ;;
*) cat "$page" ;;
esac >"$scratch/membudget.1"
# roff has a backslash before each hyphen and font changes around names.
sed 's/\\-/-/g; s/\\f[BIR]//g' "$scratch/membudget.1" >"$scratch/plain"

commands=$("$program" --help | sed -n '/^Subcommands:/,$s/^  \([a-z-][a-z-]*\) .*/\1/p')
[ "$(echo "$commands" | wc -l)" -gt 10 ] || fail "the help names no commands: $commands"
options=0
for command in $commands; do
  awk -v name="$command" '$1 == ".SS" { here = $2 == name } here' "$scratch/plain" >"$scratch/section"
  [ -s "$scratch/section" ] || fail "has no section '$command'"
  for option in $("$program" "$command" --help | sed -n 's/^  \(-[^ ]*\).*/\1/p' | tr ',' ' '); do
    case $option in -h | --help) continue ;; esac
    grep -qE -- "(^|, )$option( |,|\$)" "$scratch/section" || fail "'$command' lacks $option"
    options=$((options + 1))
  done
done
[ "$options" -gt 100 ] || fail "the help names only $options options"

if command -v mandoc >/dev/null 2>&1; then
  # A page that is written anew by every build has no date.
  faults=$(mandoc -T lint -W warning "$scratch/membudget.1" | grep -v 'missing date') || true
  [ -z "$faults" ] || fail "mandoc finds faults: $faults"
fi
if command -v man >/dev/null 2>&1 && man --version >/dev/null 2>&1; then
  warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z \
    "$scratch/membudget.1" 2>&1 >/dev/null) || true
  [ -z "$warnings" ] || fail "man warns: $warnings"
fi
echo "manual: $options options of $(echo "$commands" | wc -l) commands"
