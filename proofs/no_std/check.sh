#!/bin/sh
# Proves that memblock and firmware need neither the standard library nor a heap: builds a static library of
# both, without an allocator, and searches its symbols for either. For information, it also counts which of
# our functions can still reach a panic.
set -eu
cd "$(dirname "$0")"
target_dir=${CARGO_TARGET_DIR:-target}
target=${1:-}
profile_dir=$target_dir/${target:+$target/}release

cargo build --quiet --release ${target:+--target "$target"}
library=$profile_dir/libphysmem_no_std_proof.a

symbols=$(nm --demangle "$library" 2>/dev/null)
forbidden=$(printf '%s\n' "$symbols" |
    grep -E '__rust_(alloc|dealloc|realloc)|__rg_alloc|__rdl_alloc|(^|[ <])(std|alloc)::' || true)
if [ -n "$forbidden" ]; then
    printf 'the library links an allocator or the standard library:\n%s\n' "$forbidden" >&2
    exit 1
fi
for symbol in proof_add proof_reserve proof_free proof_mark_hotplug proof_free_size proof_find proof_alloc \
    proof_allow_growth proof_free_all; do
    printf '%s\n' "$symbols" | grep -q " T $symbol\$" || {
        printf 'the library lacks %s: nothing was proved\n' "$symbol" >&2
        exit 1
    }
done
echo "no standard library, no allocator: $library"

# A relocation to core's panics inside one of our functions is a panic that the optimizer could not exclude.
if command -v objdump >/dev/null; then
    objdump --disassemble --reloc --demangle --no-show-raw-insn "$library" 2>/dev/null | awk '
        /^[0-9a-f]+ <.*>:$/ { name = $0; sub(/^[0-9a-f]+ </, "", name); sub(/>:$/, "", name) }
        /R_.*(panic|slice_.*_fail|unwrap_failed|expect_failed)/ && name ~ /^(proof_|<?memblock|<?firmware)/ { sites[name]++ }
        END {
            for (name in sites) { print "  can reach a panic, by the code the compiler left: " name ": " sites[name]; found++ }
            if (!found) print "  no function of ours can reach a panic"
        }'
fi
