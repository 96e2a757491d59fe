#!/usr/bin/env bash
# Lets random events happen in the lives of random machines, and compares the library with a model after each.
#
#   crates/machine/tests/life/long.sh                   1 million events, always the same ones
#   crates/machine/tests/life/long.sh EVENTS [SEED]     this many, starting from SEED or from a random one
#
# If they differ, it prints the machine and as few of the events as make them differ, and the life's seed:
#
#   LIFE_SEED=4711 cargo test -p physmem-machine --test life
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
case ${1:-0}${2:-} in
    *[!0-9]*) echo "usage: long.sh [EVENTS [SEED]]" >&2; exit 2 ;;
esac

if [ $# = 0 ]; then
    export LIFE_EVENTS=1000000 LIFE_SEED=0
else
    export LIFE_EVENTS=$1 LIFE_SEED=${2:-$SRANDOM}
fi
echo "$LIFE_EVENTS events, seeds from $LIFE_SEED"
cargo test --manifest-path "$here/../../Cargo.toml" --release --locked --test life -- --nocapture
