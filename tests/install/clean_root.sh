#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clean_root.sh PACKAGE.deb [ROOT]: installs the package into a Debian that has never seen this
# project, plans with the program, and builds the examples there with g++, cmake and pkg-config from
# the archive. ROOT keeps the system between runs; without it one is made and removed.
# Needs root, debootstrap and a Debian mirror (DEBIAN_MIRROR, else the one apt has).
set -euo pipefail

package=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
suite=${DEBIAN_SUITE:-bookworm}
say() { printf 'clean root: %s\n' "$*" >&2; }
[ "$(id -u)" -eq 0 ] || { say "needs root"; exit 2; }
command -v debootstrap > /dev/null || { say "needs debootstrap"; exit 2; }
mirror=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null |
  sed 's/#.*//' | grep -oE '(https?|mirror\+file)://[^ ]+' | grep debian | grep -m 1 -v security || true)}
mirror=${mirror:-http://deb.debian.org/debian}

root=${2:-}
keep=1
if [ -z "$root" ]; then
  root=$(mktemp -d)
  keep=
fi
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  chroot "$root" "$@"; }
leave() {
  if mountpoint -q "$root/proc"; then umount "$root/proc"; fi
  [ -n "$keep" ] || rm -rf "$root"
}
trap leave EXIT

if [ ! -x "$root/usr/bin/apt-get" ]; then
  say "debootstrap $suite from $mirror"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" > "$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
  rm -f "$root.log"
fi
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
# How this machine reaches the mirror: a proxy, its certificates, its configuration.
cp /etc/resolv.conf "$root/etc/resolv.conf" 2> /dev/null || true
cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2> /dev/null || true
inside apt-get update -qq
inside apt-get purge -y -qq membudget > /dev/null 2>&1 || true

# The program alone: with nothing but what the package says it needs.
cp "$package" "$root/tmp/membudget.deb"
inside apt-get install -y -qq --no-install-recommends /tmp/membudget.deb > "$root/tmp/log" 2>&1 ||
  { cat "$root/tmp/log" >&2; exit 1; }
say "installed; $(inside dpkg -s membudget | grep '^Depends')"
code=0
# With a context of its own, for what a runtime takes without one changes with its version.
inside membudget plan qwen2.5-coder:32b --chip m1-max-32gb -c 32k > "$root/tmp/plan.txt" || code=$?
if [ $code -ne 1 ] || ! grep -q '^Loads, but crawls' "$root/tmp/plan.txt"; then
  say "plan ends with $code"
  cat "$root/tmp/plan.txt" >&2
  exit 1
fi
head -n 4 "$root/tmp/plan.txt"

# Then what a developer has, and the examples from the installed tree only.
say "the examples"
developer="g++ cmake make pkg-config python3"
# Of a package that was not made by the preset `package`.
if inside dpkg -s membudget | grep -q '^Depends.*libfmt'; then
  developer="$developer libfmt-dev"
fi
# shellcheck disable=SC2086  # A list of words.
inside apt-get install -y -qq --no-install-recommends $developer \
  > "$root/tmp/log" 2>&1 || { cat "$root/tmp/log" >&2; exit 1; }
rm -rf "$root/tmp/examples"
mkdir -p "$root/tmp/examples/install"
cp -r "$here/." "$root/tmp/examples/install"
inside env PREFIX=/usr /tmp/examples/install/run.sh -
inside dpkg --purge membudget > /dev/null
left=$(inside find / -xdev -not -path '/tmp/*' -not -path '/proc/*' -name '*membudget*')
[ -z "$left" ] || { say "purging leaves: $left"; exit 1; }
say "installed, planned, linked, removed without a trace"
