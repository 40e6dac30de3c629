#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes every target for a while, as many at once as there are cores, and prints what came of it.
#
#   tests/fuzz/run.sh [SECONDS] [TARGET...]      60 seconds and all targets when nothing is given
#
# JOBS=N runs N at once. What is learnt stays in build/fuzz/corpus and the next run starts from it;
# what breaks something lands in build/fuzz/found and, once it is mended, belongs into
# tests/fuzz/crashers/TARGET. Ends with 1 when something was found.
set -eu

cd "$(dirname "$0")/../.."
seconds=60
case "${1:-}" in
  '' | *[!0-9]*) ;;
  *) seconds=$1; shift ;;
esac
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
out=build/fuzz
program=$out/tests/fuzz/membudget_fuzz

[ -f $out/build.ninja ] || cmake --preset fuzz >&2
cmake --build --preset fuzz ${BUILD_JOBS:+-j"$BUILD_JOBS"} >&2
"$out/tests/fuzz/membudget_fuzz_replay" --write-seeds "$out/seeds"
targets=${*:-$(ls "$out/seeds")}

# A single allocation of 128 MiB, or 1 GiB in all with the sanitizers' own, is out of proportion to
# inputs of at most 64 KiB; how much each target may take is held in target.run() besides.
run() {
  target=$1
  mkdir -p "$out/corpus/$target" "$out/found/$target" "$out/log"
  ln -sf "$(basename $program)" "$(dirname $program)/membudget_fuzz_$target"
  dictionary=tests/fuzz/dict/$target.dict
  most=65536
  [ "$target" != words ] || most=256
  # Temporary files of a moment stay in memory.
  [ ! -d /dev/shm ] || export TMPDIR=/dev/shm
  # Patient, because twelve at once share the cores.
  "$(dirname $program)/membudget_fuzz_$target" -max_total_time="$seconds" -timeout=120 \
    -report_slow_units=60 -rss_limit_mb=1024 -malloc_limit_mb=128 -max_len=$most -use_value_profile=1 \
    -print_final_stats=1 -reload=0 -artifact_prefix="$out/found/$target/" \
    ${dictionary:+-dict="$dictionary"} "$out/corpus/$target" "$out/seeds/$target" \
    "tests/fuzz/crashers/$target" >"$out/log/$target" 2>&1 || true
  # A shell of its own runs this function, so that its children are this one program.
  times >"$out/log/$target.times"
}

# "#123 DONE cov: 4 ft: 5 ..." and "stat::name: value"; times prints "user system" of the shell and
# of its children, as in 0m1.5s. Seconds of processor tell what the run was worth on a busy machine.
report() {
  printf '%-12s %8s %12s %8s %8s %8s %8s %6s\n' \
    target cpu_s executions per_s edges new peak_MiB found
  for target in $targets; do
    log=$out/log/$target
    stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
    printf '%-12s %8s %12s %8s %8s %8s %8s %6s\n' "$target" \
      "$(sed -n 2p "$log.times" | tr 'ms' '  ' | awk '{ printf "%.0f", $1 * 60 + $2 + $3 * 60 + $4 }')" \
      "$(stat number_of_executed_units)" \
      "$(stat average_exec_per_sec)" "$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)" \
      "$(stat new_units_added)" "$(stat peak_rss_mb)" \
      "$(find "$out/found/$target" -type f | wc -l | tr -d ' ')"
  done
}

# Only this script's own loop starts them, so that one signal ends all.
running=0
for target in $targets; do
  mkdir -p "tests/fuzz/crashers/$target"
  run "$target" &
  running=$((running + 1))
  if [ "$running" -ge "$jobs" ]; then
    wait
    running=0
  fi
done
wait
report
for target in $targets; do
  rmdir "tests/fuzz/crashers/$target" 2>/dev/null || true
done
[ "$(for target in $targets; do find "$out/found/$target" -type f; done | wc -l)" -eq 0 ]
