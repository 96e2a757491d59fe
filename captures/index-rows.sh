#!/bin/bash
# Prints the rows that INDEX.md lacks, for captures here and in crates/kexec/tests/data, with the tests that name them.
# What a machine shows is left to whoever captured it.
set -euo pipefail
cd "$(dirname "$0")/.."

find captures crates/kexec/tests/data -name '*.tar.gz' | sed -E '
    s,^(captures/(.*/)?(x86|arm64)/[^/]+)/.*,\1/*,
    s,^(captures/releases/[^/]+/[^/]+)/.*,\1/*,
    s,^(crates/kexec/tests/data/(kexec_load(_elf)?/)?[^/]+)/.*,\1/*,
    s,\.tar\.gz$,.*,' | sort -u |
while read -r pattern; do
    grep -qF "| \`$pattern\` |" captures/INDEX.md && continue
    name=$(basename "${pattern%[./]\*}")
    tests=$(grep -rlP "(?<![\w-])\Q$name\E(?![\w-])" crates/*/tests crates/*/benches referee/benches README.md \
        --include='*.rs' --include='*.md' --exclude-dir=data |
        sed -E 's,^crates/([^/]+)/tests/(.*),\1/\2,; s,.*,`&`,' | sort | paste -sd, | sed 's/,/, /g' || true)
    echo "| \`$pattern\` | | $tests |"
done
