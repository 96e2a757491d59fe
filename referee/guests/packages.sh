#!/usr/bin/env bash
# Gets packages of Debian, of any suite, from the mirror that this system's apt uses, without changing the system:
# own lists, own cache, nothing is installed.
#
#   packages.sh kernel RELEASE [SUITE...]    prints the directory with vmlinuz, config, release and modules/, the
#                                            drivers of memory that comes and goes
#   packages.sh suites_of RELEASE            prints the suites that are searched for a release
#   packages.sh tool PACKAGE NAME SUITE...   prints the path of the package's file that ends in NAME
#   packages.sh tree SUITE... -- PACKAGE...  prints a directory in which the packages are unpacked, and the libraries
#                                            that they need
#
# RELEASE: 6.1 for the newest 6.1, or a whole name such as 6.1.0-57-cloud-amd64. Exit status 77: cannot be had; the
# reason is on the last line of standard error.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cache="${GUESTS_CACHE:-$here/../../target/referee/guests}"
mkdir -p "$cache" && cache="$(cd "$cache" && pwd)"

unavailable() { printf '%s\n' "$*" >&2; exit 77; }

# The URI that serves a suite: that of a configured suite of the same kind (security suites lie elsewhere).
mirror() {
    local suite="$1" uri=
    if [ -n "${GUESTS_MIRROR:-}" ]; then
        case "$suite" in
        *-security) echo "${GUESTS_MIRROR%/}-security" ;;
        *) echo "$GUESTS_MIRROR" ;;
        esac
        return
    fi
    local configured
    configured="$(apt-get indextargets --format '$(ORIGIN) $(CREATED_BY) $(CODENAME) $(REPO_URI)' 2>/dev/null |
        awk '$1 == "Debian" && $2 == "Packages" { print $3, $4 }')"
    # Without lists (a fresh container) apt knows neither origin nor code name: what is asked for must do.
    [ -n "$configured" ] || configured="$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(REPO_URI)' \
        2>/dev/null | awk '$1 == "Packages" && $3 ~ /debian/ { print $2, $3 }')"
    case "$suite" in
    *-security) uri="$(awk '$1 ~ /-security/ { print $2; exit }' <<<"$configured")" ;;
    *) uri="$(awk '$1 !~ /-security/ { print $2; exit }' <<<"$configured")" ;;
    esac
    [ -n "$uri" ] || return 1
    echo "$uri"
}

# Sets `apt`, the options that keep apt within the cache, for these suites; reads their lists at most once a day.
use_suites() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg suite uri
    local dir
    dir="$cache/apt/$(tr ' ' + <<<"$*")"
    [ -r "$keyring" ] || unavailable "no $keyring to check packages with (package debian-archive-keyring)"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    : >"$dir/sources.list.new"
    for suite in "$@"; do
        uri="$(mirror "$suite")" || unavailable "apt is not configured for a mirror of Debian that has $suite;" \
            "GUESTS_MIRROR=URI names one"
        echo "deb [arch=amd64 target=Packages signed-by=$keyring] $uri $suite main" >>"$dir/sources.list.new"
    done
    apt=(-qq -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o Acquire::Languages=none
        -o APT::Architecture=amd64 -o APT::Sandbox::User=root -o Acquire::Retries=2)
    if ! cmp -s "$dir/sources.list.new" "$dir/sources.list" || [ -z "$(find "$dir/read" -mtime -1 2>/dev/null)" ]; then
        mv "$dir/sources.list.new" "$dir/sources.list"
        # Any failure counts: apt keeps the old lists of a suite that it cannot read, and says so only in a warning.
        apt-get "${apt[@]}" -o APT::Update::Error-Mode=any update >&2 ||
            unavailable "the mirror's lists of $* cannot be read"
        touch "$dir/read"
    fi
}

# Downloads packages into the current directory.
download() {
    apt-get "${apt[@]}" download "$@" >&2 || unavailable "cannot download $*"
}

# The regular expression that finds a name and nothing else.
literal() { sed 's/[.+]/\\&/g' <<<"$1"; }

# Whether there is a package of exactly this name. (apt takes a name that it does not know for a regular expression.)
known() {
    apt-cache "${apt[@]}" search --names-only "^$(literal "$1")\$" | grep -q .
}

# The newest image package of a release: 6.1 must not find 6.12, nor another flavour.
newest_image() {
    known "linux-image-$1" && { echo "linux-image-$1"; return; }
    local release
    release="$(literal "$1")"
    apt-cache "${apt[@]}" search --names-only "^linux-image-${release}[-.+~]" | awk '{ print $1 }' |
        grep -E "^linux-image-${release}([.+~-][0-9a-z.+~]*)*-amd64\$" | grep -vE -- '-(cloud|rt)-' | sort -V | tail -1
}

# The suites that have a release, by its first two numbers.
suites_of() {
    awk -F '\t' -v r="$(grep -oE '^[0-9]+\.[0-9]+' <<<"$1")" '$1 == r { print $2; found = 1 } END { exit !found }' \
        "$here/releases.tsv" ||
        unavailable "no suite is known to have Linux $1; known:" \
            "$(awk -F '\t' '!/^#/ { printf "%s ", $1 }' "$here/releases.tsv")(others: --suite NAME)"
}

kernel() {
    local release="$1" suites; shift
    if [ $# = 0 ]; then
        suites="$(suites_of "$release")" || exit
        read -r -a suites <<<"$suites"
        set -- "${suites[@]}"
    fi
    use_suites "$@"
    local image name dir package
    image="$(newest_image "$release" || true)"
    [ -n "$image" ] || unavailable "$* has no package linux-image-$release*-amd64"
    name="${image#linux-image-}"
    dir="$cache/kernels/$name"
    if [ ! -e "$dir/modules" ]; then
        work="$(mktemp -d "$cache/unpack.XXXXXX")"
        trap 'rm -rf "$work"' EXIT
        # Newer packaging puts the kernel into linux-binary, the configuration into linux-base and the modules into
        # linux-modules, and leaves linux-image empty.
        (
            cd "$work"
            for package in "$image" "linux-binary-$name" "linux-base-$name" "linux-modules-$name"; do
                if known "$package"; then download "$package"; fi
            done
            for package in *.deb; do
                dpkg-deb --fsys-tarfile "$package" |
                    tar -x --wildcards --no-wildcards-match-slash './boot/*' './usr/lib/modules/*/vmlinuz*' \
                        './usr/lib/modules/*/config*' './lib/modules/*/vmlinuz*' './lib/modules/*/config*' \
                        2>/dev/null || true
                dpkg-deb --fsys-tarfile "$package" |
                    tar -x --wildcards '*/kernel/drivers/dax/*' '*/kernel/drivers/nvdimm/*' '*/nfit.ko*' \
                        '*/kernel/drivers/virtio/*' 2>/dev/null || true
            done
        )
        mkdir -p "$dir"
        find "$work" -name 'vmlinuz*' -type f -exec cp {} "$dir/vmlinuz" \;
        find "$work" \( -name 'config-*' -o -name config \) -type f -exec cp {} "$dir/config" \;
        [ -s "$dir/vmlinuz" ] && [ -s "$dir/config" ] ||
            unavailable "no kernel or no configuration in the packages of $name"
        echo "$name" >"$dir/release"
        mkdir -p "$work/modules"
        find "$work" -name '*.ko*' -type f -exec mv -t "$work/modules" {} +
        # Last: its presence says that the directory is complete.
        mv "$work/modules" "$dir/modules"
    fi
    echo "$dir"
}

# By the end of the path: suites differ in whether programs lie below /usr.
tool() {
    local name="$1" file="$2" dir path; shift 2
    dir="$cache/tools/$1/$name"
    if [ ! -e "$dir" ]; then
        use_suites "$@"
        work="$(mktemp -d "$cache/unpack.XXXXXX")"
        trap 'rm -rf "$work"' EXIT
        (cd "$work" && download "$name")
        dpkg-deb -x "$work"/*.deb "$work/unpacked"
        mkdir -p "$(dirname "$dir")"
        mv "$work/unpacked" "$dir"
    fi
    path="$(find "$dir" -path "*/$file" -type f -print -quit)"
    [ -n "$path" ] || unavailable "no $file in package $name of $*"
    echo "$path"
}

# The packages, and the libraries that they depend on: not what else they want installed, which no guest needs.
with_libraries() {
    local all=("$@") i=0 package
    while [ "$i" -lt "${#all[@]}" ]; do
        while read -r package; do
            case " ${all[*]} " in *" $package "*) ;; *) all+=("$package") ;; esac
        done < <(apt-cache "${apt[@]}" depends --important "${all[i]}" |
            awk '/^ *\|?(Pre)?Depends: (lib|zlib)/ { print $2 }' || true)
        i=$((i + 1))
    done
    printf '%s\n' "${all[@]}"
}

tree() {
    local suites=() all dir
    while [ "$1" != -- ]; do suites+=("$1"); shift; done
    shift
    dir="$cache/trees/${suites[0]}/$(tr ' ' + <<<"$*")"
    if [ ! -e "$dir" ]; then
        use_suites "${suites[@]}"
        work="$(mktemp -d "$cache/unpack.XXXXXX")"
        trap 'rm -rf "$work"' EXIT
        mapfile -t all < <(with_libraries "$@")
        (cd "$work" && download "${all[@]}")
        for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/unpacked"; done
        mkdir -p "$(dirname "$dir")"
        mv "$work/unpacked" "$dir"
    fi
    echo "$dir"
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || unavailable "no apt-get here to get packages with"
case "${1:-}" in
kernel | tool | tree | suites_of) "$@" ;;
*) echo "usage: packages.sh kernel RELEASE [SUITE...] | suites_of RELEASE | tool PACKAGE NAME SUITE... |" \
    "tree SUITE... -- PACKAGE..." >&2; exit 2 ;;
esac
