#!/usr/bin/env bash
# Makes random calls on our memblock and on Linux's. Answers and tables must be equal.
#
#   referee/differential.sh                    10 million calls in 100,000 sequences, always the same ones
#   referee/differential.sh CALLS [SEED]       this many, starting from SEED or from a random one
#
# It also runs the tests that show the deliberate differences. If the sides differ, it prints the sequence,
# shortened as far as possible, with its seed:
#
#   cargo test --release -p physmem-referee --test differential -- --seed SEED
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
case ${1:-0}${2:-} in
    *[!0-9]*) echo "usage: differential.sh [CALLS [SEED]]" >&2; exit 2 ;;
esac

"$here/build.sh"
referee_test() {
    cargo test --manifest-path "$here/Cargo.toml" --release --locked -p physmem-referee --test "$@"
}

referee_test differences
if [ $# = 0 ]; then
    referee_test differential
else
    referee_test differential -- --operations "$1" --from "${2:-$SRANDOM}"
fi
