"""The map of memory that a kernel was given: Documentation/arch/x86/zero-page.rst and boot.rst (setup_data)."""

import base64
import json
import struct

WHERE = "/sys/kernel/boot_params"
ENTRIES_AT, TABLE_AT = 0x1E8, 0x2D0
ENTRY = struct.Struct("<QQI")
SETUP_E820_EXT = 1
# The names of the types in `physmem kexec plan -J`.
TYPES = {"ram": 1, "reserved": 2, "acpi": 3, "nvs": 4, "unusable": 5, "pmem": 7, "pram": 12, "soft-reserved": 0xEFFFFFFF}


def number(kind):
    """The number of a type, from its name or from `type-N`."""
    return TYPES[kind] if kind in TYPES else int(kind.removeprefix("type-"), 0)


def entries(table):
    """[(start, end, type)] of a table's bytes."""
    return [(start, start + size, kind) for start, size, kind in ENTRY.iter_unpack(table)]


def given(guest):
    """[(start, end, type)] that the running kernel was given: the zero page, and what had no room there."""
    zero_page = base64.b64decode(guest.text(f"base64 {WHERE}/data"))
    count = zero_page[ENTRIES_AT]
    table = zero_page[TABLE_AT : TABLE_AT + count * ENTRY.size]
    extended = f"for d in {WHERE}/setup_data/*; do [ $(($(cat $d/type))) = {SETUP_E820_EXT} ] && cat $d/data; done 2>/dev/null"
    return entries(table) + entries(base64.b64decode(guest.text(f"({extended}) | base64")))


def planned(plan):
    """[(start, end, type)] of what `physmem kexec plan -J` said."""
    return [(int(e["start"], 16), int(e["end"], 16), number(e["type"])) for e in plan["next_kernel"]["map"]]


def shown(table):
    """A map as text, a line for each entry."""
    return "\n".join(f"{start:012x}-{end:012x} {kind:x}" for start, end, kind in table)


def plan_of(guest, words):
    """What `physmem ... plan -J` says in the guest. Findings are no failure."""
    status, out = guest.run(f"physmem {words} -J")
    try:
        return json.loads(out)
    except ValueError as error:
        said = out.decode(errors="replace").strip()
        raise ValueError(f"`physmem {words}` in the guest: status {status}: {said}") from error
