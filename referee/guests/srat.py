"""The ACPI table of memory affinity (SRAT; ACPI 6.5, 5.2.16) for a machine whose boot memory is hot-pluggable.

QEMU marks only the memory of DIMMs as hot-pluggable. Linux takes a table of the same name and maker from the start of
the initial ramdisk instead of the firmware's (Documentation/admin-guide/acpi/initrd_table_override.rst).
"""

import struct

MIB = 1 << 20
# Where QEMU's machine `pc` puts the memory that does not fit below the hole for devices.
HIGH = 4096 * MIB
MEMORY_ENABLED, MEMORY_HOT_PLUGGABLE, CPU_ENABLED = 1, 2, 1


def low_end(total):
    """End of the memory below 4 GiB on machine `pc` with `total` bytes."""
    return 3072 * MIB if total >= 3584 * MIB else total


def ranges(sizes):
    """(node, start, length) of the nodes' memory, in order of address; the hole below 1 MiB is left out."""
    low, at = low_end(sum(sizes)), 0
    for node, size in enumerate(sizes):
        while size:
            start = at if at < low else at - low + HIGH
            part = min(size, low - at) if at < low else size
            if start == 0:
                yield node, 0, 0xA0000
                yield node, MIB, part - MIB
            else:
                yield node, start, part
            at, size = at + part, size - part


def table(sizes, hot):
    """The table for nodes of these sizes in bytes; the memory of the nodes in `hot` is hot-pluggable."""
    body = struct.pack("<IQ", 1, 0)
    body += struct.pack("<BBBBIB3sI", 0, 16, 0, 0, CPU_ENABLED, 0, bytes(3), 0)
    for node, start, length in ranges(sizes):
        flags = MEMORY_ENABLED | (MEMORY_HOT_PLUGGABLE if node in hot else 0)
        body += struct.pack("<BBIHQQIIQ", 1, 40, node, 0, start, length, 0, flags, 0)
    # The same maker and a newer revision than QEMU's, or Linux keeps QEMU's.
    header = struct.pack("<4sIBB6s8sI4sI", b"SRAT", 36 + len(body), 1, 0, b"BOCHS ", b"BXPC    ", 2, b"BXPC", 1)
    sum_ = -sum(header + body) & 0xFF
    return header[:9] + bytes([sum_]) + header[10:] + body
