#!/usr/bin/env bash
# Builds the memblock of Linux 6.12 as a library to compare ours with.
#
#   referee/build.sh [DIRECTORY]          default: target/referee of the workspace
#
# Linux's source comes from the package linux-source-6.12, which is installed if missing. Without such a
# package, provide a tarball of any 6.12.x, or an unpacked tree:
#
#   LINUX_SOURCE=linux-6.12.57.tar.xz referee/build.sh
#
# Makes in DIRECTORY
#   liblinux_memblock.a             for tests: where Linux would panic, a call returns an error
#   liblinux_memblock_unguarded.a   for measurements: no wrapper around Linux's code
#   source/                         the unpacked files; suite.sh uses them too
#
# This repository contains no Linux code, and nothing built here is meant to be distributed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../target/referee}
mkdir -p "$out" && out=$(cd "$out" && pwd)
source=$out/source
package=linux-source-6.12

say() { echo "referee: $*"; }
fail() { echo "referee: $*" >&2; exit 1; }

# Installs the package of a missing command. Only root can do so; for others, it reports what is missing.
need() {
    local command=$1 package=$2
    command -v "$command" >/dev/null && return
    install_package "$package" || fail "$command is missing: install it (Debian: apt-get install $package)"
}

install_package() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "installing $1"
    # The package lists may be missing or old on a fresh machine; first try without fetching them.
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 && return
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

find_source() {
    if [ -n "${LINUX_SOURCE:-}" ]; then
        [ -e "$LINUX_SOURCE" ] || fail "LINUX_SOURCE=$LINUX_SOURCE: there is no such file or directory"
        realpath "$LINUX_SOURCE"
        return
    fi
    local tarball=/usr/src/$package.tar.xz
    [ -e "$tarball" ] || install_package "$package" >&2 || true
    [ -e "$tarball" ] || fail "the source of Linux 6.12 is missing.
  Debian 12 or 13, as root:  apt-get install $package
  anywhere else:             get a 6.12.x from https://kernel.org, then
                             LINUX_SOURCE=linux-6.12.x.tar.xz referee/build.sh"
    echo "$tarball"
}

# Everything the two libraries and the simulator suite need, below the tarball's top directory.
members=(Makefile mm/memblock.c include/linux/memblock.h include/linux/gfp_types.h tools/testing/memblock
    tools/testing/selftests/kselftest.h tools/include tools/lib/slab.c tools/lib/cmdline.c
    tools/arch/x86/include tools/arch/arm64/include)

unpack() {
    local from=$1 stamp
    stamp="$from $(stat -c '%s %Y' "$from")"
    [ "$(cat "$source/.unpacked" 2>/dev/null)" = "$stamp" ] && return
    say "unpacking what is needed of $from"
    rm -rf "$source" && mkdir -p "$source"
    if [ -d "$from" ]; then
        (cd "$from" && cp -r --parents "${members[@]}" "$source")
    else
        # The directory's name depends on the packager and sometimes the patch level: accept any.
        tar -C "$source" -xf "$from" --strip-components=1 --no-wildcards-match-slash --wildcards \
            "${members[@]/#/*/}"
    fi
    echo "$stamp" >"$source/.unpacked"
}

# The first three lines that set something in Linux's Makefile.
version() {
    sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' "$source/Makefile" | head -3 | paste -sd.
}

compile() {
    local include=$out/include common
    # Linux's headers find the stubs first. memblock.c includes "internal.h", which is the stub next to it.
    rm -rf "$include" && cp -r "$here/linux/stub" "$include"
    ln -s "$source/include/linux/memblock.h" "$include/linux/memblock.h"
    ln -s "$source/tools/arch/x86/include/asm/asm.h" "$include/asm/asm.h"
    ln -s "$source/tools/arch/x86/include/asm/cmpxchg.h" "$include/asm/cmpxchg.h"
    ln -s "$source/mm/memblock.c" "$include/memblock.c"

    # The options that matter for speed and semantics are Linux's own: -O2 and wrapping arithmetic. 64 nodes;
    # a distribution's kernel has that many or more. Warnings are Linux's, not ours. Functions start at cache
    # lines: otherwise the place where the linker happens to put a loop makes a third of the time of an
    # addition. Of the layouts tried, Linux is fastest with this one.
    common=(-O2 -g -std=gnu11 -w -fno-strict-aliasing -fwrapv -fPIC -fvisibility=hidden -falign-functions=64
        -I"$include" -I"$source/tools/testing/memblock" -I"$source/tools/include"
        -DCONFIG_64BIT -DCONFIG_PHYS_ADDR_T_64BIT -DCONFIG_NUMA -DCONFIG_NODES_SHIFT=6
        -DCONFIG_ARCH_KEEP_MEMBLOCK -DCONFIG_HAVE_MEMBLOCK_PHYS_MAP -DU64_MAX=UINT64_MAX
        -DLINUX_MEMBLOCK_C="\"$include/memblock.c\"")

    library liblinux_memblock.a
    library liblinux_memblock_unguarded.a -DUNGUARDED
}

library() {
    local name=$1 objects file
    shift
    objects=$out/${name%.a}.o
    mkdir -p "$out/objects"
    for file in calls kernel; do
        "${CC:-gcc}" "${common[@]}" "$@" -c "$here/linux/$file.c" -o "$out/objects/$file.o"
    done
    # One object that exports only linux_*: kmalloc, memblock_add and others stay internal.
    ld -r -o "$objects" "$out/objects/calls.o" "$out/objects/kernel.o"
    objcopy --wildcard --keep-global-symbol='linux_*' "$objects"
    rm -f "$out/$name"
    ar rcs "$out/$name" "$objects"
}

is_current() {
    local library
    for library in "$out"/liblinux_memblock{,_unguarded}.a; do
        [ -e "$library" ] || return 1
        [ -z "$(find "$here/linux" "$here/build.sh" "$source/.unpacked" -newer "$library" -print -quit)" ] ||
            return 1
    done
}

need tar tar
need xz xz-utils
need "${CC:-gcc}" gcc
need ld binutils
# The gcc package only recommends the C library's headers.
echo '#include <stdlib.h>' | "${CC:-gcc}" -E - >/dev/null 2>&1 || install_package libc6-dev ||
    fail "the C library's headers are missing (Debian: apt-get install libc6-dev)"

from=$(find_source)
unpack "$from"
case $(version) in
    6.12.*) ;;
    *) fail "$from is Linux $(version), not 6.12" ;;
esac
is_current || compile
say "Linux $(version): $out/liblinux_memblock.a, liblinux_memblock_unguarded.a"
