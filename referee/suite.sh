#!/usr/bin/env bash
# Runs Linux's own memblock tests (tools/testing/memblock of 6.12, unmodified) on another memblock.
#
#   referee/suite.sh LIBRARY.a      on a static library with Linux's C interface
#   referee/suite.sh --ours         on ours, built with its feature linux-abi
#   referee/suite.sh --linux        on Linux's memblock.c: shows that the suite itself works here
#
# Four runs: with and without NUMA, each plain and with movable_node (-m). The exit status is 0 only if in
# every run the program exits with 0, no check fails, and the same number of checks pass as on Linux's own.
#
# The tests are built as Linux builds them, with AddressSanitizer and UndefinedBehaviorSanitizer: the
# tests rely on the alignment of AddressSanitizer's malloc(). The library need not be instrumented.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
workspace=$(cd "$here/.." && pwd)
out=$workspace/target/referee
source=$out/source
tests=$source/tools/testing/memblock

# Checks that pass on Linux 6.12's own memblock.c.
expected_numa=263
expected_flat=181

fail() { echo "referee: $*" >&2; exit 1; }

flags() {
    local numa=$1
    echo -O2 -g -w -fsanitize=address -fsanitize=undefined -DCONFIG_PHYS_ADDR_T_64BIT
    echo "-I$out/suite/include" "-I$tests" "-I$source/tools/include"
    [ "$numa" = flat ] || echo -DCONFIG_NUMA -DCONFIG_NODES_SHIFT=4
}

# The links that Linux's Makefile makes.
link_headers() {
    mkdir -p "$out/suite/include/linux" "$out/suite/include/asm"
    ln -sf "$source/include/linux/memblock.h" "$out/suite/include/linux/memblock.h"
    ln -sf "$source/tools/arch/x86/include/asm/asm.h" "$out/suite/include/asm/asm.h"
    ln -sf "$source/tools/arch/x86/include/asm/cmpxchg.h" "$out/suite/include/asm/cmpxchg.h"
}

# Compiles the tests, unless already done since the sources were unpacked. $1: numa or flat
compile_tests() {
    local numa=$1 directory=$out/suite/$1 file
    [ "$directory/.compiled" -nt "$source/.unpacked" ] &&
        [ "$directory/.compiled" -nt "$here/linux/suite.c" ] && return
    rm -rf "$directory" && mkdir -p "$directory"
    local files=("$tests"/main.c "$tests"/mmzone.c "$tests"/lib/slab.c "$tests"/tests/*.c "$here/linux/suite.c")
    for file in "${files[@]}"; do
        # shellcheck disable=SC2046  # flags has none with spaces
        "${CC:-gcc}" $(flags "$numa") -c "$file" -o "$directory/$(basename "$file" .c).o"
    done
    touch "$directory/.compiled"
}

# Linux's memblock.c as a library. $1: numa or flat
linux_library() {
    local numa=$1 directory=$out/suite/linux-$1
    mkdir -p "$directory"
    # "internal.h" must be the simulator's.
    ln -sf "$source/mm/memblock.c" "$directory/memblock.c"
    ln -sf "$tests/internal.h" "$directory/internal.h"
    # shellcheck disable=SC2046
    "${CC:-gcc}" $(flags "$numa") -c "$directory/memblock.c" -o "$directory/memblock.o"
    rm -f "$directory/liblinux.a"
    ar rcs "$directory/liblinux.a" "$directory/memblock.o"
    echo "$directory/liblinux.a"
}

# Links the tests with a library. $1: numa or flat, $2: library; the program is left in $work.
link() {
    local numa=$1 library=$2 log=$work/$1.link
    # shellcheck disable=SC2046
    "${CC:-gcc}" $(flags "$numa") -o "$work/$numa" "$out/suite/$numa"/*.o "$library" -lpthread -ldl -lm \
        2>"$log" && return
    echo "$numa: does not link with $library"
    grep -o 'undefined reference to .*\|multiple definition of .*' "$log" | sort | uniq -c | head -40 ||
        cat "$log"
    return 1
}

# One run. $1: numa or flat, $2: "" or -m, $3: checks expected to pass
run() {
    local numa=$1 mode=$2 expected=$3 log=$work/$1$2.log status=0 passed failed
    # Otherwise the shell itself would report an abort in the middle of the output.
    (exec timeout 300 "$work/$numa" -v $mode >"$log" 2>&1) 2>/dev/null || status=$?
    passed=$(grep -ac '^ok ' "$log" || true)
    failed=$(grep -ac '^not ok ' "$log" || true)
    echo "$numa ${mode:-  }: $passed of $expected passed, $failed failed, exit status $status"
    [ "$status" = 0 ] && [ "$failed" = 0 ] && [ "$passed" = "$expected" ] && return
    grep -a '^not ok \|Assertion\|panic\|SUMMARY\|runtime error' "$log" | head -5
    return 1
}

suite() {
    local numa_library=$1 flat_library=$2 good=true
    compile_tests numa
    compile_tests flat
    if link numa "$numa_library"; then
        run numa "" $expected_numa || good=false
        run numa -m $expected_numa || good=false
    else
        good=false
    fi
    if link flat "$flat_library"; then
        run flat "" $expected_flat || good=false
        run flat -m $expected_flat || good=false
    else
        good=false
    fi
    $good && echo "suite: all passed" || { echo "suite: FAILED"; return 1; }
}

[ $# = 1 ] || fail "usage: suite.sh LIBRARY.a | --ours | --linux"
"$here/build.sh" >/dev/null
link_headers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $1 in
    --linux)
        numa_library=$(linux_library numa)
        flat_library=$(linux_library flat)
        suite "$numa_library" "$flat_library"
        ;;
    --ours)
        cargo build --manifest-path "$workspace/Cargo.toml" --release --locked \
            -p physmem-capi --features linux-abi
        library=${CARGO_TARGET_DIR:-$workspace/target}/release/libphysmem_capi.a
        suite "$library" "$library"
        ;;
    *)
        [ -e "$1" ] || fail "$1: there is no such library"
        # A library with nodes serves both: without NUMA the tests ignore them.
        suite "$1" "$1"
        ;;
esac
