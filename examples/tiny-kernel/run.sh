#!/usr/bin/env bash
# Builds the kernel and boots it: ./run.sh [--release] [--no-numa] [MIB...] [-- QEMU OPTION...]
#
# Each MIB is a NUMA node of that many MiB with a processor of its own; the default is four nodes of different
# sizes. Memory that does not fit into the first GiB of addresses continues at 4 GiB. With --no-numa, the
# machine has the same memory but no nodes. Exit status: 0 if the kernel succeeded, 1 if not, 77 if QEMU is
# missing.
set -euo pipefail

profile=dev
directory=debug
numa=yes
sizes=()
while [ $# -gt 0 ]; do
    case $1 in
        --release) profile=release directory=release ;;
        --no-numa) numa=no ;;
        --) shift; break ;;
        [1-9]*) sizes+=("$1") ;;
        *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 1 ;;
    esac
    shift
done
[ ${#sizes[@]} -gt 0 ] || sizes=(160 288 736 352)

if ! command -v qemu-system-x86_64 >/dev/null; then
    echo "run.sh: qemu-system-x86_64 is missing: apt-get install --no-install-recommends qemu-system-x86" >&2
    exit 77
fi

here=$(cd "$(dirname "$0")" && pwd)
(cd "$here" && cargo build --quiet --locked --profile "$profile")
kernel=${CARGO_TARGET_DIR:-$here/target}/$directory/tiny-kernel

total=0
nodes=()
for node in "${!sizes[@]}"; do
    total=$((total + sizes[node]))
    nodes+=(-object "memory-backend-ram,id=memory$node,size=${sizes[node]}M"
        -numa "node,nodeid=$node,memdev=memory$node,cpus=$node")
done
[ "$numa" = yes ] || nodes=()

# max-ram-below-4g: by default, QEMU starts a second range of memory at 4 GiB only after the first 2 GiB. -cpu
# max has 1 GiB pages; QEMU's default processor does not. isa-debug-exit ends QEMU with a status that the
# kernel chooses; -no-reboot ends it when the kernel faults.
status=0
qemu-system-x86_64 \
    -machine q35,max-ram-below-4g=1G -accel tcg -cpu max -smp "${#sizes[@]}" -m "${total}M" "${nodes[@]}" \
    -nodefaults -display none -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 \
    -kernel "$kernel" "$@" </dev/null || status=$?

# The statuses of src/exit.rs, doubled plus one.
case $status in
    33) exit 0 ;;
    35) echo "run.sh: the kernel gave up" >&2 ;;
    37) echo "run.sh: the kernel panicked" >&2 ;;
    0) echo "run.sh: the machine reset itself: the kernel faulted (-- -d int -D FILE shows where)" >&2 ;;
    *) echo "run.sh: QEMU ended with status $status" >&2 ;;
esac
exit 1
