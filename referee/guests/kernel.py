#!/usr/bin/env python3
"""Prints the release that a kernel image for x86 says it is: kernel.py FILE."""

import struct
import sys

MAGIC, MAGIC_AT = b"HdrS", 0x202
# The field kernel_version: where the text lies, from 0x200 (Documentation/arch/x86/boot.rst).
VERSION_AT, VERSION_FROM = 0x20E, 0x200


def release(path):
    """`6.1.0-57-amd64`; ValueError if the file is no bzImage."""
    with open(path, "rb") as file:
        head = file.read(0x8000)
    if head[MAGIC_AT : MAGIC_AT + 4] != MAGIC:
        raise ValueError(f"{path} is no bzImage: there is no HdrS at 0x202; expected a vmlinuz for x86")
    (offset,) = struct.unpack_from("<H", head, VERSION_AT)
    words = head[offset + VERSION_FROM :].split(b"\0")[0].split() if offset else []
    if not words:
        raise ValueError(f"{path} does not say its release; give it with --release")
    return words[0].decode(errors="replace")


if __name__ == "__main__":
    try:
        print(release(sys.argv[1]))
    except (OSError, ValueError) as error:
        sys.exit(f"kernel.py: {error}")
