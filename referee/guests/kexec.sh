#!/usr/bin/env bash
# Asks a real kernel whether kexec and kdump do what physmem says: a guest with a DIMM, virtio-mem and kmem memory loads
# its own kernel, boots it or crashes into it, and the next kernel tells what it was given. 30 to 120 s a story.
#
#   referee/guests/kexec.sh RELEASE [STORY...]        Debian's newest 6.12, 6.18 or 7.3, or an exact package
#   referee/guests/kexec.sh --kernel FILE --modules DIR [STORY...]
#                                                     a bzImage; DIR has virtio_mem.ko, kmem.ko and what they need
#   referee/guests/kexec.sh --list                    the stories, and what each shows
#
# STORY is a file of kexecs/ without .py, or a path. Options, before RELEASE:
#   --with kexec-tools  load and start kernels with Debian's kexec-tools instead of physmem
#   --config FILE       the configuration of --kernel's kernel
#   --release RELEASE   the release of --kernel's kernel, if the image does not say it
#   --append WORDS      more parameters for each guest's first kernel
#   --suite NAME        look for RELEASE in this suite of Debian instead; may be given more than once
#
# Environment: as for run.sh.
#
# Exit status: 0 every guest did as its story says, 1 a guest did not live to the end of a story, 2 usage, 3 a guest did
# something else, 77 nothing could be tried (the reason is on the last line).
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source-path=SCRIPTDIR source=front.sh
. "$here/front.sh"

program=physmem
while [ $# != 0 ]; do
    case "$1" in
    --help | -h) help ;;
    --list)
        for file in "$here"/kexecs/*.py; do
            printf '%-24s %s\n' "$(basename "$file" .py)" "$(sed -n '1s/^"""\(.*[^"]\)"*$/\1/p' "$file")"
        done
        exit ;;
    --with | --kernel | --config | --release | --append | --modules | --suite)
        [ $# -ge 2 ] || usage "$1 needs a value"
        case "$1" in
        --suite) suites+=("$2") ;;
        --with) program="$2" ;;
        *) printf -v "${1#--}" %s "$2" ;;
        esac
        shift ;;
    --) shift; break ;;
    -*) usage "$1 is no option" ;;
    *) break ;;
    esac
    shift
done
case "$program" in physmem | kexec-tools) ;; *) usage "--with $program; expected physmem or kexec-tools" ;; esac

need_qemu
find_kernel "${1:-}"
shift "$took"
find_files story kexecs py "$@"
find_busybox
out="$GUESTS_CACHE/kexecs/$release"
find_physmem "$out"
# A story may need more packages: those of its line PACKAGES = "...".
read -r -a packages < <(sed -n 's/^PACKAGES = "\(.*\)"$/\1/p' "${files[@]}" | sort -u | tr '\n' ' ') || true
programs="$(from_packages tree "${suites[@]:-trixie}" -- kexec-tools makedumpfile "${packages[@]}")" ||
    { [ $? = 77 ] && skip "$programs"; exit 1; }

echo "Linux $release: ${#files[@]} stories; consoles are in $out"
status=0
python3 "$here/kexec.py" --kernel "$kernel" --config "$config" --release "$release" --modules "$modules" \
    --busybox "$busybox" --physmem "$inside" --programs "$programs" --append "$append" --with "$program" --out "$out" \
    "${files[@]}" || status=$?
exit "$status"
