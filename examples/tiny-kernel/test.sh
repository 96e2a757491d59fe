#!/usr/bin/env bash
# Boots the kernel on several machines, and compares its output with QEMU's configuration. Exit status: 0
# success, 1 failure, 77 if QEMU is missing.
set -euo pipefail
cd "$(dirname "$0")"

# From run.sh's -machine option: memory that does not fit below the first continues at the second.
readonly LOW_END=$((1 << 30)) HIGH_START=$((4 << 30))
readonly PAGE=4096

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    printf '%s\n\ntest.sh: %s: %s\n' "$output" "$machine" "$*" >&2
    exit 1
}

# same WHAT EXPECTED FOUND
same() {
    [ "$2" = "$3" ] || fail "$1: expected"$'\n'"$2"$'\n'"found"$'\n'"$3"
}

# says PATTERN: the kernel printed a line that matches the pattern completely.
says() {
    grep -qxE -- "$1" <<<"$output" || fail "no line matches $1"
}

# boot NAME ARGUMENT...: sets $output to the kernel's output and $status to run.sh's exit status.
boot() {
    machine=$1 status=0
    shift
    output=$(timeout 120 ./run.sh "$@" 2>&1) || status=$?
    case $status in
        77) printf '%s\n' "$output" >&2 && exit 77 ;;
        124) fail "not done after two minutes" ;;
    esac
}

# Below, a list of ranges has one line "START END NODE" per range: decimal, END exclusive, NODE x for none.

# configure MIB...: sets $configured to the memory of each node, as QEMU lays it out.
configure() {
    local node=0 start=0 end mib
    configured=
    for mib; do
        end=$((start + (mib << 20)))
        if ((start < LOW_END)); then
            configured+="$start $((end < LOW_END ? end : LOW_END)) $node"$'\n'
        fi
        if ((end > LOW_END)); then
            configured+="$(((start > LOW_END ? start - LOW_END : 0) + HIGH_START))"
            configured+=" $((end - LOW_END + HIGH_START)) $node"$'\n'
        fi
        start=$end node=$((node + 1))
    done
    configured=${configured%$'\n'}
}

# ranges PATTERN [TEXT]: the ranges in matching lines; the groups are first byte, last byte, node.
ranges() {
    local line
    while IFS= read -r line; do
        if [[ $line =~ $1 ]]; then
            echo "$((16#${BASH_REMATCH[1]})) $((16#${BASH_REMATCH[2]} + 1)) ${BASH_REMATCH[3]:-x}"
        fi
    done <<<"${2-$output}"
}

# table NAME: the ranges of one of memblock's tables.
table() {
    local rows=${output#*"memblock.$1:"$'\n'}
    ranges '^ *[0-9]+: 0x([0-9a-f]{16})\.\.0x([0-9a-f]{16}) +([0-9]+|x) (NONE|HOTPLUG)$' "${rows%%$'\n\n'*}"
}

# both A B: the intersection of A and B, with A's node, or B's if A has none.
both() {
    local start end node other_start other_end other_node
    while read -r start end node; do
        while read -r other_start other_end other_node; do
            other_start=$((start > other_start ? start : other_start))
            other_end=$((end < other_end ? end : other_end))
            ((other_start >= other_end)) || echo "$other_start $other_end ${node/x/$other_node}"
        done <<<"$2"
    done <<<"$1"
}

# whole_pages A: of each range.
whole_pages() {
    local start end node
    while read -r start end node; do
        echo "$(((start + PAGE - 1) / PAGE * PAGE)) $((end / PAGE * PAGE)) $node"
    done <<<"$1"
}

# of_node NODE A
of_node() {
    grep -E " $1\$" <<<"$2" || true
}

# size A: in bytes.
size() {
    local start end sum=0
    while read -r start end _; do
        sum=$((sum + end - start))
    done <<<"$1"
    echo "$sum"
}

# is_sorted A: ascending, without overlaps.
is_sorted() {
    local start end last=0
    while read -r start end _; do
        ((last <= start && start < end)) || return 1
        last=$end
    done <<<"$1"
}

# Compares the kernel's output with $configured.
check() {
    same "how run.sh ended" 0 "$status"

    # All of QEMU's memory is in the map, except what the firmware uses in the first MiB and for its tables.
    local ram
    ram=$(ranges '^pvh: ([0-9a-f]+)-([0-9a-f]+) usable,')
    is_sorted "$ram" || fail "the map is not sorted"
    same "bytes in the map that are QEMU's" "$(size "$ram")" "$(size "$(both "$ram" "$configured")")"
    (($(size "$configured") - $(size "$ram") < 1 << 20)) || fail "memory is missing in the map"

    # Memblock has its whole pages, each with the node that QEMU was configured with.
    local memory reserved
    memory=$(table memory)
    is_sorted "$memory" || fail "memblock.memory is not sorted"
    same "memblock.memory" "$(whole_pages "$(both "$ram" "$configured")")" "$memory"
    reserved=$(table reserved)
    is_sorted "$reserved" || fail "memblock.reserved is not sorted"
    same "memblock.reserved, by owner" "$reserved" "$(ranges '^reserved: ([0-9a-f]+)-([0-9a-f]+) for .')"

    # Its table of reservations outgrew static storage, and dropped the reservations made to cause that.
    says 'growth: at first, [0-9]{1,2} regions in 0 chunks; consistent'
    says 'growth: with 400 single pages more, 4[0-9]{2} regions in [1-9][0-9]* chunks; consistent'
    says 'growth: without them, [0-9]{1,2} regions in [1-9][0-9]* chunks; consistent'
    says 'reserved: [0-9a-f]+-[0-9a-f]+ for memblock tables'

    # Each node got memory of its own; the allocation from the bottom is right after the kernel; the last one
    # is refused. All allocations are reserved.
    local node nodes data low image
    nodes=$(cut -d ' ' -f 3 <<<"$configured" | sort -u)
    for node in $nodes; do
        data=$(ranges "^alloc: ([0-9a-f]+)-([0-9a-f]+) are .* on node $node and no other for node data\$")
        same "lines of data of node $node" 1 "$(grep -c . <<<"$data")"
        same "bytes of it on node $node" $((16 << 10)) \
            "$(size "$(both "$data" "$(of_node "$node" "$memory")")")"
        same "bytes of it reserved" $((16 << 10)) "$(size "$(both "$data" "$reserved")")"
    done
    data=$(ranges '^alloc: ([0-9a-f]+)-([0-9a-f]+) are ')
    is_sorted "$(sort -n <<<"$data")" || fail "memory was given twice"
    image=$(ranges '^tiny-kernel: image ([0-9a-f]+)-([0-9a-f]+)$')
    low=$(ranges '^alloc: ([0-9a-f]+)-([0-9a-f]+) are .* for low page$')
    same "the page from below" "$(cut -d ' ' -f 2 <<<"$image")" "$(cut -d ' ' -f 1 <<<"$low")"
    local all
    all=$(size "$memory")
    says "alloc: cannot allocate $all bytes .* of $all bytes of memory, .* are reserved"

    # The buddy allocator got the unreserved memory of each node, and hands it out.
    local left pages
    for node in $nodes; do
        left=$(of_node "$node" "$memory")
        left=$((($(size "$left") - $(size "$(both "$left" "$reserved")")) / PAGE))
        pages=$(sed -n "s/^buddy: node $node gives \([0-9]*\) pages .*/\1/p" <<<"$output")
        same "pages of node $node for the buddy allocator" "$left" "$pages"
    done
    says 'heap: 262144 numbers at .* sum up as they should'
    says 'heap: all of it is given back'
    same "the last line" "tiny-kernel: done" "${output##*$'\n'}"
    echo "good: $machine"
}

configure 512
boot "no NUMA" --no-numa 512
says 'srat: none'
check
boot "one node" 512
says 'srat: node 0 has .*'
check

# Nodes of different sizes, so that they cannot be confused; node 2 is on both sides of 4 GiB.
configure 160 288 736 352
same "parts of the nodes" 5 "$(wc -l <<<"$configured")"
boot "four nodes" 160 288 736 352
check
boot "four nodes, release build" --release 160 288 736 352
check

# Slots for DIMMs: the SRAT lists addresses where memory may appear, but there is none yet.
configure 128 128
boot "room for hotplug" 128 128 -- -m 256M,slots=2,maxmem=1G
says 'srat: node 1 has [0-9a-f]+-[0-9a-f]+, hot-pluggable, nothing now'
check

# An SRAT of our own, with one valid entry out of five. Its memory can be unplugged, which does not matter to
# the early boot. The other entries are left out, and their memory belongs to node 0.
little_endian() {
    local value=$1 bytes=$2
    for ((; bytes > 0; bytes--, value >>= 8)); do
        printf "\\x$(printf %02x $((value & 255)))"
    done
}
# memory_affinity DOMAIN START SIZE FLAGS
memory_affinity() {
    little_endian 1 1 && little_endian 40 1 && little_endian "$1" 4 && little_endian 0 2
    little_endian "$2" 8 && little_endian "$3" 8 && little_endian 0 4
    little_endian "$4" 4 && little_endian 0 8
}
{
    little_endian 1 12                                    # reserved
    memory_affinity 1 0x4000000 0x2000000 3               # enabled, hot-pluggable
    memory_affinity 2 0xfffffffffffff000 0x2000 1         # past the last address
    memory_affinity 0xffffffff 0x6000000 0x1000 1         # not a node number
    memory_affinity 3 0x7000000 0x1000 0                  # disabled
    little_endian 1 2                                     # length 0: nothing after it can be read
} >"$scratch/srat"
configured="0 $((0x4000000)) 0
$((0x4000000)) $((0x6000000)) 1
$((0x6000000)) $((0x8000000)) 0"
boot "a faulty SRAT" --no-numa 128 -- -acpitable "sig=SRAT,rev=3,data=$scratch/srat"
says 'srat: node 1 has 04000000-05ffffff, hot-pluggable, 32 MiB now'
says 'srat: .* runs past the last representable address'
says 'srat: 06000000-06000fff is left out: its domain 4294967295 is too large for a node'
says 'srat: .* has length 0, expected .*'
check

# A module that does not end on a page boundary.
boot "a module" --no-numa 128 -- -initrd run.sh -append "a command line"
says 'pvh: .* command line "a command line"'
says "kept: $(wc -c <run.sh) bytes for module"
same "how run.sh ended" 0 "$status"
echo "good: $machine"

# The kernel reports a machine that it cannot run on.
boot "a processor without pages of 1 GiB" --no-numa 128 -- -cpu qemu64
says 'entry: this processor lacks 64-bit mode or pages of 1 GiB; .*'
same "how run.sh ended" 1 "$status"
echo "good: $machine"
