#!/usr/bin/env bash
# Shows that the suite and the differential test can fail: breaks our library on purpose, one line at a time,
# and checks that each break is found.
#
#   referee/prove-it-fails.sh             all of them
#   referee/prove-it-fails.sh NAME...     these
#   referee/prove-it-fails.sh --few       three, for CI
#
# It works on a copy of the workspace below target/referee. It is an error if the text of a break is no longer
# there, or if a break does not change what is built: then update this file to match the sources.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
workspace=$(cd "$here/.." && pwd)
out=$workspace/target/referee
copy=$out/mutants/workspace
# One build directory for all: every break, and its repair, updates the file's modification time. The check of
# the library's checksum shows if that should fail.
target=$out/mutants/target
log=$out/mutants/log

# Name, which test must find it (suite or differential), file, text, and replacement.
mutants=(
    never-merge suite crates/memblock/src/chunk.rs
    'self.end == next.start && self.is_alike(next)'
    'self.end == next.start && false && self.is_alike(next)'

    align-ignored suite crates/memblock/src/alloc/direction.rs
    'Some(highest) => highest & !mask,'
    'Some(highest) => highest & !(mask & 0),'

    hotplug-always-skipped suite crates/memblock/src/select.rs
    '(movable_node && has(RegionFlags::HOTPLUG)'
    '((movable_node || true) && has(RegionFlags::HOTPLUG)'

    hotplug-never-skipped differential crates/memblock/src/select.rs
    '(movable_node && has(RegionFlags::HOTPLUG)'
    '(movable_node && false && has(RegionFlags::HOTPLUG)'

    exact-node-ignored suite crates/memblock/src/alloc/attempts.rs
    '(request.node.is_some() && !request.exact_node)'
    '(request.node.is_some())'

    growth-by-four suite crates/capi/src/linux_abi/change.rs
    'max.checked_mul(2)'
    'max.checked_mul(4)'

    not-zeroed suite crates/capi/src/linux_abi/exports/alloc.rs
    'address::clear(range);'
    'let _ = range;'

    node-numbers-lost differential crates/memblock/src/node.rs
    'Some(node) => node.0.get(),'
    'Some(node) => node.0.get() & 1,'

    other-mark differential crates/memblock/src/memblock/mark.rs
    'self.clear(range, RegionFlags::NOMAP)'
    'self.clear(range, RegionFlags::HOTPLUG)'

    page-zero-given differential crates/memblock/src/alloc/attempts.rs
    'PhysRange::new(min.max(settings.page_size.bytes()), end)'
    'PhysRange::new(min.max(1), end)'

    pages-rounded-outwards differential crates/memblock/src/memblock/hand_over.rs
    'self.pfn = self.page_size.pfn_up(piece.range.start());'
    'self.pfn = self.page_size.pfn_down(piece.range.start());'
)
few=(never-merge growth-by-four other-mark)

fail() { echo "referee: $*" >&2; exit 1; }

# Replaces text that must occur exactly once.
replace() {
    local file=$1 old=$2 new=$3 content
    content=$(<"$file")
    [[ $content == *"$old"* ]] || fail "$file does not say \"$old\" any more"
    [[ ${content/"$old"/} != *"$old"* ]] || fail "$file says \"$old\" more than once"
    printf '%s\n' "${content/"$old"/"$new"}" >"$file"
}

build_library() {
    cargo build --quiet --manifest-path "$copy/Cargo.toml" --release -p physmem-capi --features linux-abi
}

# Each prints what it finds on standard output, and then fails.
suite() {
    build_library
    "$here/suite.sh" "$target/release/libphysmem_capi.a"
}

differential() {
    cargo test --quiet --manifest-path "$copy/Cargo.toml" --release -p physmem-referee --test differential -- \
        --operations 300000
}

export CARGO_TARGET_DIR=$target PHYSMEM_REFEREE_LIB=$out
# Broken code causes warnings about unused items.
export RUSTFLAGS="${RUSTFLAGS:-} -A warnings"

"$here/build.sh"
rm -rf "$copy" && mkdir -p "$copy"
(cd "$workspace" && cp -r Cargo.toml Cargo.lock crates referee "$copy")

# First run on the unbroken library: otherwise everything would seem to be found.
{ suite && differential; } >"$log" 2>&1 || {
    cat "$log"
    fail "the library fails unbroken"
}
sum=$(sha256sum <"$target/release/libphysmem_capi.a")

wanted=("$@")
[ "${1:-}" != --few ] || wanted=("${few[@]}")
found=0
missed=0
for ((at = 0; at < ${#mutants[@]}; at += 5)); do
    name=${mutants[at]} finder=${mutants[at + 1]} file=${mutants[at + 2]}
    [ ${#wanted[@]} = 0 ] || [[ " ${wanted[*]} " == *" $name "* ]] || continue
    replace "$copy/$file" "${mutants[at + 3]}" "${mutants[at + 4]}"
    build_library >"$log" 2>&1 || { cat "$log"; fail "$name does not build"; }
    [ "$(sha256sum <"$target/release/libphysmem_capi.a")" != "$sum" ] ||
        fail "$name changes nothing that is built"
    if "$finder" >"$log" 2>&1; then
        echo "$name: MISSED by the $finder"
        missed=$((missed + 1))
    else
        # Failing is not enough: it must fail for the intended reason.
        symptom=$(grep -am1 'failed, exit status [^0]\|^seed ' "$log") ||
            { cat "$log"; fail "$name: the $finder did not run"; }
        echo "$name: found by the $finder (${symptom:0:100})"
        found=$((found + 1))
    fi
    cp "$workspace/$file" "$copy/$file"
done
[ $((found + missed)) -gt 0 ] || fail "there is no such break: ${wanted[*]}"
echo "referee: $found breaks found, $missed missed"
[ "$missed" = 0 ]
