#!/usr/bin/env bash
# Asks a real kernel whether physmem knows what becomes of a machine: QEMU plugs and unplugs memory, the guest takes it
# online and offline, and after each event what the guest shows of its memory is held against `physmem simulate`, which
# begins at the guest's first capture and is told the same events. 10 to 30 s a life.
#
#   referee/guests/life.sh RELEASE [LIFE...]          Debian's newest 6.1, 6.12, 6.18 or 7.3, or an exact package
#   referee/guests/life.sh --kernel FILE --modules DIR [LIFE...]
#                                                     a bzImage; DIR has virtio_mem.ko, kmem.ko and what they need
#   referee/guests/life.sh --list                     the lives
#
# LIFE is a file of lives/ without .toml, or a path. Options, before RELEASE:
#   --config FILE       the configuration of --kernel's kernel
#   --release RELEASE   the release of --kernel's kernel, if the image does not say it
#   --append WORDS      more parameters for each guest
#   --suite NAME        look for RELEASE in this suite of Debian instead; may be given more than once
#   --sysfs             write to sysfs instead of using `physmem online` and `physmem offline`
#   --quiet             print the events only where something differs
#
# Environment: as for run.sh.
#
# Exit status: 0 all facts are equal and everything was done as the lives say, 1 a guest lived no life to its end, 2
# usage, 3 a fact differs or a command did something else, 77 nothing could be tried (the reason is on the last line).
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source-path=SCRIPTDIR source=front.sh
. "$here/front.sh"

doing=(--by-physmem) quiet=''
while [ $# != 0 ]; do
    case "$1" in
    --help | -h) help ;;
    --list)
        for file in "$here"/lives/*.toml; do
            printf '%-20s %s\n' "$(basename "$file" .toml)" "$(sed -n 's/^title = "\(.*\)"$/\1/p' "$file")"
        done
        exit ;;
    --sysfs) doing=() ;;
    --quiet) quiet=--quiet ;;
    --kernel | --config | --release | --append | --modules | --suite)
        [ $# -ge 2 ] || usage "$1 needs a value"
        case "$1" in
        --suite) suites+=("$2") ;;
        *) printf -v "${1#--}" %s "$2" ;;
        esac
        shift ;;
    --) shift; break ;;
    -*) usage "$1 is no option" ;;
    *) break ;;
    esac
    shift
done

need_qemu
find_kernel "${1:-}"
shift "$took"
find_files life lives toml "$@"
find_busybox
out="$GUESTS_CACHE/lives/$release"
find_physmem "$out"

echo "Linux $release: ${#files[@]} lives; what the guests showed is in $out"
equal=0 differ=() failed=() skipped=()
for file in "${files[@]}"; do
    name="$(basename "$file" .toml)" status=0
    python3 "$here/life.py" --kernel "$kernel" --config "$config" --release "$release" --modules "$modules" \
        --busybox "$busybox" --physmem "$inside" --append "$append" --out "$out" "${doing[@]}" "$file" || status=$?
    case "$status" in
    0 | 3) ;;
    2) exit 2 ;;
    77) skipped+=("$name"); continue ;;
    *) failed+=("$name"); continue ;;
    esac
    compared=0
    python3 "$here/compare.py" --simulator "$PHYSMEM" --capture "$out/$name.tar.gz" --steps "$out/$name.steps.json" \
        $quiet "$name" || compared=$?
    case "$compared:$status" in
    0:0) equal=$((equal + 1)) ;;
    0:3 | 3:*) differ+=("$name") ;;
    *) failed+=("$name") ;;
    esac
done

echo "Linux $release: $equal lives equal, ${#differ[@]} differ, ${#failed[@]} failed, ${#skipped[@]} skipped"
[ "${#failed[@]}" = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
[ "${#differ[@]}" = 0 ] || { echo "differ: ${differ[*]}"; exit 3; }
[ "$equal" != 0 ] || skip "Linux $release is older than the parameters of: ${skipped[*]}"
