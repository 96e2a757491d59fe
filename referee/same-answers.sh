#!/usr/bin/env bash
# Do two builds of physmem give the same answers? Runs every command that prints JSON over every capture with
# both, and shows the documents that differ.
#
#     referee/same-answers.sh OLD NEW [REWORDED]
#
# OLD and NEW are physmem binaries. REWORDED lists sentences that were changed on purpose, one per line, old
# and new separated by a tab: documents that differ only in these are counted, but not as differences. Exit
# status: 0 the same, 1 something differs, 2 usage.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
old=$(realpath "$1") new=$(realpath "$2") reworded=${3:+$(realpath "$3")}
cd "$here"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Kernels of the usual size. Only the headers and the file size matter.
sample=crates/physmem/tests/commands/kernel
cp $sample/header.bzImage "$work/bzImage" && truncate -s 12M "$work/bzImage"
cp $sample/header.vmlinux "$work/vmlinux" && truncate -s 40M "$work/vmlinux"
# An arm64 Image: two instructions, text_offset 0, image_size 34 MiB, flags, and the magic at 56.
{
    printf 'MZ@\xfa\xff\xff\xff\x17'
    printf '\0\0\0\0\0\0\0\0'
    printf '\0\0\x20\x02\0\0\0\0'
    printf '\x0a\0\0\0\0\0\0\0'
    head -c 24 /dev/zero
    printf 'ARM\x64\0\0\0\0'
} >"$work/Image" && truncate -s 30M "$work/Image"
truncate -s 8M "$work/initrd"

find captures crates/kexec/tests/data -name '*.tar.gz' | sort >"$work/captures"

# All commands over one capture: run DIRECTORY BINARY CAPTURE.
run() {
    local out=$1/$(echo "$3" | tr / _) binary=$2 from=(--from "$3") kernel
    mkdir -p "$out"
    ask() {
        local name=$1 status=0
        shift
        "$binary" "$@" "${from[@]}" >"$out/$name" 2>/dev/null || status=$?
        echo "exit $status" >>"$out/$name"
    }
    ask show show -J
    ask show-blocks show -J -a
    ask explain-low explain -J 0x1000
    ask explain-address explain -J 0x140000000
    ask explain-range explain -J 40000000-1ffffffff
    ask explain-block explain -J memory8
    ask explain-node explain -J node0
    ask boot boot -J
    ask boot-verify boot -J --verify
    ask boot-other boot -J --append "crashkernel=256M movable_node" --kernel-release 6.18
    ask boot-old boot -J --append "crashkernel=1G,high kernelcore=30%" --kernel-release 6.1
    ask what-if what-if -J --append movable_node
    ask what-if-release what-if -J --kernel-release 6.1
    for rules in as-meant hotplug-for-all no-movable-node-check; do
        ask what-if-$rules what-if -J --rules $rules
    done
    ask check check -J
    for loader in file load; do
        ask ranges-$loader kdump ranges -J --loader $loader
        for kernel in bzImage vmlinux Image; do
            local load=(-J --loader $loader --kernel "$KERNELS/$kernel" --initrd "$KERNELS/initrd" --append "quiet root=/dev/vda1")
            ask kexec-$loader-$kernel kexec plan "${load[@]}"
            ask kdump-$loader-$kernel kdump plan "${load[@]}"
        done
    done
    ask kexec-avoid kexec plan -J --loader load --kernel "$KERNELS/bzImage" --reuse-cmdline --avoid-removable
    ask kexec-diff kexec diff -J
    ask kexec-diff-bzImage kexec diff -J --kernel "$KERNELS/bzImage"
    ask kexec-diff-Image kexec diff -J --crash --kernel "$KERNELS/Image"
    ask kexec-diff-crash kexec diff -J --crash --kernel "$KERNELS/bzImage"
}
export -f run
export KERNELS=$work

for side in old new; do
    xargs -P "$(nproc)" -I{} bash -c "run '$work/$side' '${!side}' '{}'" <"$work/captures"
done

python3 - "$work/old" "$work/new" "${reworded:-/dev/null}" <<'PYTHON'
import difflib, os, sys
old, new, table = sys.argv[1:]
pairs = []
for line in open(table, encoding="utf-8"):
    line = line.rstrip("\n")
    if line and not line.startswith("#"):
        before, after = line.split("\t")
        pairs.append((before, after))
# The longest first: a sentence may contain another.
pairs.sort(key=lambda pair: -len(pair[0]))
used, documents, by_words, different = set(), 0, 0, []
for folder, _, files in sorted(os.walk(old)):
    for name in sorted(files):
        path = os.path.join(folder, name)
        other = os.path.join(new, os.path.relpath(path, old))
        a, b = open(path, encoding="utf-8").read(), open(other, encoding="utf-8").read()
        documents += 1
        if a == b:
            continue
        for index, (before, after) in enumerate(pairs):
            # Text that was already replaced must not be replaced again.
            mark = f"\0{index}\0"
            if before in a:
                a = a.replace(before, mark)
                used.add(index)
        for index, (before, after) in enumerate(pairs):
            a = a.replace(f"\0{index}\0", after)
        if a == b:
            by_words += 1
            continue
        different.append(os.path.relpath(path, old))
        if len(different) <= 20:
            diff = difflib.unified_diff(a.splitlines(), b.splitlines(), "old", "new", n=2, lineterm="")
            print(f"== {different[-1]}")
            print("\n".join(list(diff)[:40]))
for index, (before, _) in enumerate(pairs):
    if index not in used:
        print(f"not needed: {before}")
print(f"{documents} documents: {documents - by_words - len(different)} the same, {by_words} reworded, {len(different)} differ")
for name in different[20:60]:
    print(f"differs: {name}")
sys.exit(1 if different else 0)
PYTHON
