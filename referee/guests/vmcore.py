"""The dump that a crash kernel serves, /proc/vmcore: an ELF file whose PT_LOADs are ranges of physical memory."""

import base64
import struct

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
PT_LOAD = 1
# The segment of the kernel's text repeats memory that another segment holds, and is mapped here and above.
TEXT_FROM = 0xFFFF_FFFF_8000_0000
PAGE = 4096
LINE = "physmem pattern %08d ------\n"


class Vmcore:
    """`loads`: [(start, end, offset in the file)], without the kernel's text. `head`: the first bytes."""

    def __init__(self, guest):
        head = base64.b64decode(guest.text("dd if=/proc/vmcore bs=4096 count=16 2>/dev/null | base64"))
        self.head = head
        fields = HEADER.unpack_from(head)
        if not fields[0].startswith(b"\x7fELF"):
            raise ValueError(f"/proc/vmcore is no ELF file: it begins with {fields[0].hex()}")
        at, size, count = fields[5], fields[9], fields[10]
        self.loads = []
        for index in range(count):
            kind, _, offset, virtual, start, _, length, _ = SEGMENT.unpack_from(head, at + index * size)
            if kind == PT_LOAD and virtual < TEXT_FROM:
                self.loads.append((start, start + length, offset))
        self.loads.sort()

    def ranges(self):
        """[(start, end)]"""
        return [(start, end) for start, end, _ in self.loads]

    def offset(self, address):
        """Where the dump holds a physical address; None where it does not."""
        return next((offset + address - start for start, end, offset in self.loads if start <= address < end), None)

    def digest_of(self, pages):
        """A line for the guest's shell that prints the SHA-256 of these pages, one after the other."""
        offsets = [self.offset(page) for page in pages]
        if None in offsets:
            raise ValueError(f"the dump does not hold {pages[offsets.index(None)]:#x}")
        reads = [
            f"dd if=/proc/vmcore bs={PAGE} skip={first // PAGE} count={count} 2>/dev/null || echo failed"
            for first, count in runs(offsets)
        ]
        return f"({'; '.join(reads)}) | sha256sum"


def runs(pages):
    """[(first page, number of pages)] of pages that follow one another."""
    out = []
    for page in pages:
        if out and out[-1][0] + out[-1][1] * PAGE == page:
            out[-1][1] += 1
        else:
            out.append([page, 1])
    return [tuple(run) for run in out]


def fill(pages, path):
    """A line for the guest's shell that writes a file of so many pages, each unlike any other."""
    lines = PAGE // len(LINE % 0)
    return (
        f"awk 'BEGIN {{ for (p = 0; p < {pages}; p++) {{ s = sprintf(\"{LINE.strip()}\\n\", p); t = s;"
        f" for (i = 1; i < {lines}; i++) t = t s; printf \"%s\", t }} }}' >{path}"
    )


def find(memory, base):
    """{address of a page: its bytes} of those in a piece of memory, at `base`, that `fill` wrote."""
    found = {}
    for at in range(0, len(memory), PAGE):
        if memory[at : at + 16] == LINE[:16].encode():
            page = bytes(memory[at : at + PAGE])
            # A buffer in which a page was prepared may hold a part of it.
            if page == page[: len(LINE % 0)] * (PAGE // len(LINE % 0)):
                found[base + at] = page
    return found
