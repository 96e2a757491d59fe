# shellcheck shell=bash disable=SC2154,SC2034
# What run.sh, life.sh and kexec.sh have in common; all source it, with `here` set to this directory.
#
# Environment: PHYSMEM, GUESTS_CACHE and GUESTS_MIRROR, as run.sh --help says.
root="$(cd "$here/../.." && pwd)"
export GUESTS_CACHE="${GUESTS_CACHE:-$root/target/referee/guests}"
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$GUESTS_CACHE" && GUESTS_CACHE="$(cd "$GUESTS_CACHE" && pwd)"

me="$(basename "$0")"
usage() { echo "$me: $*; $me --help says more" >&2; exit 2; }
skip() { echo "SKIPPED: $*"; exit 77; }
# The comment at the top of the script.
help() { sed -n '2,/^set -/ { /^#/ s/^# \{0,1\}//p }' "$0"; exit; }

# What the options of both may set.
kernel='' config='' release='' append='' modules='' suites=()

need_qemu() {
    local command
    for command in qemu-system-x86_64:qemu-system-x86 python3:python3; do
        command -v "${command%:*}" >/dev/null || skip "no ${command%:*} here (Debian: apt-get install ${command#*:})"
    done
}

# Prints what packages.sh found; what cannot be had ends the run with its reason.
from_packages() {
    local found status=0
    found="$("$here/packages.sh" "$@" 2>"$GUESTS_CACHE/packages.log")" || status=$?
    case "$status" in
    0) echo "$found" ;;
    77) tail -1 "$GUESTS_CACHE/packages.log"; return 77 ;;
    *) cat "$GUESTS_CACHE/packages.log" >&2; return 1 ;;
    esac
}

# find_kernel [WORD]: sets `kernel`, `config`, `release` and `modules`, by WORD if that is a release of Debian's, else by
# the options or from /boot. `took` says how many words that were.
find_kernel() {
    local asked="${1:-}" found
    took=0
    if [ -z "$kernel" ] && [[ "$asked" =~ ^[0-9]+\.[0-9]+ ]]; then
        took=1
        echo "Linux $asked: looking for Debian's newest"
        if [ "${#suites[@]}" = 0 ]; then
            found="$(from_packages suites_of "$asked")" || { [ $? = 77 ] && skip "$found"; exit 1; }
            read -r -a suites <<<"$found"
        fi
        found="$(from_packages kernel "$asked" "${suites[@]}")" || { [ $? = 77 ] && skip "$found"; exit 1; }
        kernel="$found/vmlinuz" config="$found/config" release="$(<"$found/release")" modules="$found/modules"
    else
        kernel="${kernel:-/boot/vmlinuz-$(uname -r)}"
        [ -r "$kernel" ] || usage "cannot read $kernel; give --kernel FILE, or a release of Debian's such as 7.3"
        [ -n "$release" ] || release="$(python3 "$here/kernel.py" "$kernel")" || exit 2
        [ -n "$config" ] || config="$(dirname "$kernel")/config-$release"
        [ -r "$config" ] || { echo "no configuration ($config): facts that need it are assumed"; config=''; }
    fi
    case "$release" in *[!A-Za-z0-9.+~_-]*) usage "$release is not a release" ;; esac
}

# What a guest and its firmware need besides the kernel, from the suites that are read anyway; for a kernel from
# elsewhere any suite will do.
tools() { from_packages tool "$1" "$2" "${suites[@]:-trixie}"; }

# Sets `busybox`. A guest has no libraries but those of physmem, so the shell must be a static one.
find_busybox() {
    busybox="$(command -v busybox || true)"
    if [ -z "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then
        busybox="$(tools busybox-static bin/busybox)" || { [ $? = 77 ] && skip "$busybox"; exit 1; }
    fi
}

# find_physmem DIRECTORY: sets PHYSMEM, and `inside`, the same without symbols: a guest with little memory has no room
# for those of a debug build.
find_physmem() {
    if [ -z "${PHYSMEM:-}" ]; then
        (cd "$root" && cargo build --release --locked -q -p physmem)
        PHYSMEM="${CARGO_TARGET_DIR:-$root/target}/release/physmem"
    fi
    mkdir -p "$1"
    inside="$1/physmem"
    strip -o "$inside" "$PHYSMEM" 2>/dev/null || cp "$PHYSMEM" "$inside"
}

# find_files WHAT DIRECTORY ENDING [NAME...]: sets `files`: those of the directory with these names, or all; a name may be a
# path. What they tell of needs the kernel's modules.
find_files() {
    local what="$1" directory="$here/$2" ending="$3" name file
    shift 3
    [ -n "$modules" ] || usage "the kernel's modules are not known; give --modules DIR, or a release of Debian's such as 7.3"
    files=()
    [ $# != 0 ] || set -- "$directory"/*."$ending"
    for name in "$@"; do
        case "$name" in */* | *."$ending") file="$name" ;; *) file="$directory/$name.$ending" ;; esac
        [ -r "$file" ] || usage "there is no $what $name; $me --list names them"
        files+=("$file")
    done
}
