#!/usr/bin/env bash
# Asks a real kernel whether physmem predicts its boot: boots machines in QEMU (no KVM, 5 to 20 s each), captures each
# from within, and holds `physmem boot --verify` against it.
#
#   referee/guests/run.sh RELEASE [MACHINE...]         Debian's newest 6.1, 6.12, 6.18 or 7.3, or an exact 6.1.0-57-amd64
#   referee/guests/run.sh --kernel FILE [MACHINE...]   a bzImage; its configuration is FILE's neighbour config-RELEASE
#   referee/guests/run.sh [--] [MACHINE...]            the running kernel, from /boot
#   referee/guests/run.sh --list [RELEASE]             the machines, from machines.tsv; default: all that RELEASE knows
#
# Options, before RELEASE:
#   --config FILE       the configuration of --kernel's kernel
#   --release RELEASE   the release of --kernel's kernel, if the image does not say it
#   --append WORDS      more parameters for each guest
#   --suite NAME        look for RELEASE in this suite of Debian instead; may be given more than once
#   --machines FILE     a table of your own instead of machines.tsv
#   --first N           stop after N machines
#
# Environment: PHYSMEM, the program (default: target/release/physmem, built if missing); GUESTS_CACHE, a directory for
# kernels, tools and captures (default: target/referee/guests); GUESTS_MIRROR, a mirror of Debian (default: apt's).
#
# Exit status: 0 everything that could be compared is equal, 1 a guest gave no capture, 2 usage, 3 a prediction differs,
# 77 nothing could be tried (the reason is on the last line).
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source-path=SCRIPTDIR source=front.sh
. "$here/front.sh"

first=0
while [ $# != 0 ]; do
    case "$1" in
    --help | -h) help ;;
    --list) python3 "$here/machines.py" "${@:2:1}"; exit ;;
    --kernel | --config | --release | --append | --machines | --suite | --first)
        [ $# -ge 2 ] || usage "$1 needs a value"
        case "$1" in
        --machines) export GUESTS_MACHINES="$2" ;;
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

# The machines.
known="$(python3 "$here/machines.py")" || exit 2
fitting="$(python3 "$here/machines.py" "$release")" || exit 2
chosen=()
if [ $# = 0 ]; then
    mapfile -t chosen <<<"$fitting"
else
    for name in "$@"; do
        grep -qxF -- "$name" <<<"$known" || usage "there is no machine $name; run.sh --list names them"
        chosen+=("$name")
    done
fi
[ "$first" = 0 ] || chosen=("${chosen[@]:0:$first}")

find_busybox
ovmf=/usr/share/OVMF no_ovmf=
if [ ! -r $ovmf/OVMF_CODE_4M.fd ]; then
    ovmf="$(tools ovmf OVMF/OVMF_CODE_4M.fd)" && ovmf="$(dirname "$ovmf")" || no_ovmf="$ovmf" ovmf=''
fi
out="$GUESTS_CACHE/captures/$release"
find_physmem "$out"

echo "Linux $release: ${#chosen[@]} machines; captures in $out"
equal=0 differ=() failed=() skipped=()
for name in "${chosen[@]}"; do
    if ! grep -qxF -- "$name" <<<"$fitting"; then
        echo "$name: SKIPPED: Linux $release is older than its parameters"
        skipped+=("$name"); continue
    fi
    status=0
    python3 "$here/boot.py" --kernel "$kernel" --config "$config" --release "$release" --busybox "$busybox" \
        --physmem "$inside" --ovmf "$ovmf" --append "$append" --out "$out" "$name" || status=$?
    case "$status" in
    0) ;;
    77) echo "$name: SKIPPED: no EFI firmware: $no_ovmf"; skipped+=("$name"); continue ;;
    *) failed+=("$name"); continue ;;
    esac
    status=0
    "$PHYSMEM" boot --from "$out/$name.tar.gz" --verify >"$out/$name.verify" 2>&1 || status=$?
    facts="$(grep -c '^equal ' "$out/$name.verify" || true)"
    if [ "$status" = 0 ] && [ "$facts" != 0 ]; then
        echo "$name: $facts facts equal, $(grep -c '^not shown ' "$out/$name.verify" || true) not shown"
        equal=$((equal + 1))
    elif grep -q '^differs ' "$out/$name.verify"; then
        echo "$name: $facts facts equal, these differ:"
        awk '/^[^ ]/ { on = /^differs / } on' "$out/$name.verify"
        differ+=("$name")
    else
        echo "$name: physmem boot --verify failed (status $status):"
        cat "$out/$name.verify"
        failed+=("$name")
    fi
done

echo "Linux $release: $equal machines equal, ${#differ[@]} differ, ${#failed[@]} failed, ${#skipped[@]} skipped"
[ "${#failed[@]}" = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
[ "${#differ[@]}" = 0 ] || { echo "differ: ${differ[*]}"; exit 3; }
[ "$equal" != 0 ] || skip "no machine of ${chosen[*]} could be tried"
