#!/bin/sh
# Fuzzes the targets, two at a time, each for SECONDS (default 60): fuzz/run.sh [SECONDS [TARGET...]]
#
# Every target starts from its seeds; what it finds interesting goes to a working corpus outside git
# (FUZZ_WORK, default fuzz/target/work). Prints how often each target ran. Exits 1 when one found something:
# the input is then in fuzz/artifacts/TARGET.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
work=${FUZZ_WORK:-$PWD/target/work}
logs=${FUZZ_LOGS:-$work/logs}
targets=${*:-$(cargo +nightly fuzz list)}
mkdir -p "$logs"

cargo +nightly fuzz build

run_one() {
    target=$1
    corpus=$work/corpus/$target
    mkdir -p "$corpus"
    status=0
    cargo +nightly fuzz run "$target" "$corpus" "seeds/$target" -- -max_total_time="$seconds" \
        -print_final_stats=1 -timeout=20 -rss_limit_mb=1024 >"$logs/$target.log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target.log")
    echo "$target: ${executions:-?} executions$([ "$status" = 0 ] || echo ", FAILED, see $logs/$target.log")"
    [ "$status" = 0 ] || : >"$logs/failed"
}

rm -f "$logs/failed"
set -- $targets
while [ $# -gt 0 ]; do
    run_one "$1" &
    first=$!
    if [ $# -gt 1 ]; then
        run_one "$2"
        shift
    fi
    wait "$first"
    shift
done
[ ! -e "$logs/failed" ]
