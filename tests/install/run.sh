#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh BUILD [PART]: installs the build in BUILD, moves the tree, and builds and runs from that
# tree alone what is shown to other projects. PART is one of
#   tree        program, manual page, completions, licence; nothing names the build or the prefix
#   cpp         C++ with find_package, static and shared
#   c           C with pkg-config, static and shared
#   python      Python's ctypes
#   subproject  add_subdirectory and FetchContent, configured only
# and all of them without it. With PREFIX in the environment that tree is used as it is and BUILD is
# not looked at (clean_root.sh does so, where a package put it under /usr).
set -euo pipefail

build=$1
part=${2:-all}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "install: $1" >&2; exit 1; }
wanted() { [ "$part" = all ] || [ "$part" = "$1" ]; }

if [ -z "${PREFIX:-}" ]; then
  cmake --install "$build" --prefix "$scratch/first" > "$scratch/install.log" ||
    { cat "$scratch/install.log" >&2; exit 1; }
  PREFIX="$scratch/moved here"  # Relocatable, into a folder with a space as people have them.
  mv "$scratch/first" "$PREFIX"
fi
program=$PREFIX/bin/membudget
lib=$(dirname "$(dirname "$(find "$PREFIX/lib" -name membudget.pc | head -n 1)")")
[ -d "$lib/pkgconfig" ] || fail "no membudget.pc under $PREFIX/lib"
case $(uname -s) in
  Darwin) shared=$lib/libmembudget.dylib loader=DYLD_LIBRARY_PATH ;;
  *) shared=$lib/libmembudget.so loader=LD_LIBRARY_PATH ;;
esac
# Who compiles may have said how in CC and CXX; the build knows.
compiler() { sed -n "s/^CMAKE_$1_COMPILER:[A-Z]*=//p" "$build/CMakeCache.txt" 2> /dev/null; }
export CXX=${CXX:-$(compiler CXX)} CC=${CC:-$(compiler C)}
[ -n "$CXX" ] || export CXX=c++
[ -n "$CC" ] || export CC=cc
# The flags that a sanitizer's build needs when something links it.
flags=$(sed -n 's/^CMAKE_CXX_FLAGS:[A-Z]*=//p' "$build/CMakeCache.txt" 2> /dev/null |
  grep -oE -- '-fsanitize=[a-z,-]+' || true)

# What the program says of the plan that each example makes.
code=0
"$program" plan qwen2.5-coder:32b --chip m1-max-32gb -c 8k --no-calibration --json \
  > "$scratch/plan.json" || code=$?
verdict=$(sed -n 's/^ *"verdict": "\([a-z-]*\)".*/\1/p' "$scratch/plan.json" | head -n 1)
[ -n "$verdict" ] || fail "the installed program cannot plan: it ends with $code"

# says NAME COMMAND...: ends as the program does and says the same as the examples before it.
says() {
  local name=$1 output ended=0
  shift
  output=$("$@") || ended=$?
  [ $ended -eq $code ] || fail "$name ends with $ended, the program with $code: $output"
  [ "${output%%$'\n'*}" = "verdict: $verdict" ] || fail "$name says '$output', the program '$verdict'"
  [ "$output" = "${said:=$output}" ] || fail "$name says '$output', the one before '$said'"
  echo "$name: ${output//$'\n'/, }"
}

if wanted tree; then
  share=$PREFIX/share
  version=$(sed -n 's/^#define MEMBUDGET_VERSION_M[AI][JN]OR \([0-9]*\)$/\1/p;s/^#define MEMBUDGET_VERSION_PATCH \([0-9]*\)$/\1/p' \
    "$PREFIX/include/membudget/version.h" | paste -sd . -)
  [ "$("$program" --version)" = "membudget $version" ] || fail "--version is not $version"
  [ "$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --modversion membudget)" = "$version" ] ||
    fail "pkg-config does not say $version"
  for file in "$share/bash-completion/completions/membudget" "$share/zsh/site-functions/_membudget" \
    "$share/fish/vendor_completions.d/membudget.fish" "$share/doc/membudget/copyright" \
    "$PREFIX/include/membudget/membudget.hpp" "$lib/libmembudget.a" "$shared"; do
    [ -s "$file" ] || fail "$file is not there"
  done
  page=$(find "$share/man/man1" -name 'membudget.1*')
  "$here/manual.sh" "$program" "$page"
  # No file remembers where it was built or first installed to.
  if [ "$PREFIX" = "$scratch/moved here" ]; then
    named=$(grep -rlIF -e "$scratch/first" -e "$root" "$lib/cmake" "$lib/pkgconfig" \
      "$PREFIX/include" "$share" || true)
    [ -z "$named" ] || fail "these name the build: $named"
  fi
  echo "tree: all of it is there, version $version"
fi

if wanted cpp; then
  for kind in static shared; do
    {
      cmake -S "$here/cpp" -B "$scratch/cpp-$kind" -DCMAKE_PREFIX_PATH="$PREFIX" -DLIBRARY=$kind \
        -DCMAKE_CXX_FLAGS="$flags"
      cmake --build "$scratch/cpp-$kind"
    } > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; fail "the $kind C++ example does not build"; }
    says "C++, $kind" "$scratch/cpp-$kind/fits"
    # An exception of the library is caught on the other side, and means the same there.
    ended=0
    "$scratch/cpp-$kind/fits" qwen2.5-coder:32b no-such-chip 2> "$scratch/error" || ended=$?
    if [ $ended -ne 3 ] || ! grep -q no-such-chip "$scratch/error"; then
      fail "an unknown chip ends the $kind C++ example with $ended: $(cat "$scratch/error")"
    fi
  done
  # A version that this one does not promise to be is refused, and so is a component nobody has.
  for wrong in "99.0" "0.1 COMPONENTS none"; do
    mkdir -p "$scratch/refused"
    printf 'cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES CXX)\nfind_package(membudget %s REQUIRED)\n' \
      "$wrong" > "$scratch/refused/CMakeLists.txt"
    if cmake -S "$scratch/refused" -B "$scratch/refused/b" -DCMAKE_PREFIX_PATH="$PREFIX" \
      > "$scratch/log" 2>&1; then
      fail "find_package(membudget $wrong) is not refused"
    fi
  done
fi

if wanted c; then
  export PKG_CONFIG_PATH=$lib/pkgconfig
  # clang links only what C needs of a sanitizer unless it is told what the library is made of.
  case "$flags,$("$CC" --version)" in
    -f*clang*) flags="$flags -fsanitize-link-c++-runtime -lstdc++" ;;
  esac
  # A path with a space comes escaped; the shell has to take the words apart.
  with_pkg_config() { eval "\"$CC\" $flags -std=c99 -Wall -Wextra -Werror -o '$1' '$here/c/main.c' $2"; }
  with_pkg_config "$scratch/c-shared" "$(pkg-config --cflags --libs membudget)" ||
    fail "the C example does not link the shared library"
  says "C, shared" env "$loader=$lib" "$scratch/c-shared"
  # Alone in its folder, the archive is what -lmembudget finds.
  mkdir "$scratch/archive"
  cp "$lib/libmembudget.a" "$scratch/archive"
  with_pkg_config "$scratch/c-static" \
    "-L'$scratch/archive' $(pkg-config --static --cflags --libs membudget)" ||
    fail "the C example does not link the static library"
  says "C, static" env -u "$loader" "$scratch/c-static"
fi

if wanted python; then
  if command -v python3 > /dev/null; then
    [ -z "$flags" ] || { echo "Python: left out, its interpreter is not built with $flags"; exit 0; }
    says "Python" env "PKG_CONFIG_PATH=$lib/pkgconfig" python3 "$here/python/plan.py"
  else
    echo "Python: python3 is not there"
  fi
fi

if wanted subproject && [ -e "$root/CMakeLists.txt" ]; then
  for how in add_subdirectory FetchContent; do
    for shared in OFF ON; do
      cmake -S "$here/subproject" -B "$scratch/sub-$how-$shared" -DHOW=$how -DSOURCE="$root" \
        -DBUILD_SHARED_LIBS=$shared > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
    done
    echo "$how: a library and nothing else"
  done
fi
