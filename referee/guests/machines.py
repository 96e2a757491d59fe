"""The table of machines, and what a row means to QEMU."""

import os
import re
import sys

import srat

HERE = os.path.dirname(os.path.abspath(__file__))
UNITS = {"M": 1 << 20, "G": 1 << 30}
DEBUG = "memblock=debug log_buf_len=16M"


def size(text):
    """Bytes of `768M` or `6G`."""
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise ValueError(f"{text} is not a size such as 768M or 6G")
    return int(match[1]) * UNITS[match[2]]


def version(release):
    """(6, 12) of `6.12.117+deb13-amd64`."""
    match = re.match(r"(\d+)\.(\d+)", release)
    if not match:
        raise ValueError(f"{release} is not a release of Linux such as 6.12")
    return int(match[1]), int(match[2])


class Machine:
    """One row: name, since, firmware (bios or efi), sizes of nodes in bytes, hot nodes, DIMMs, command line."""

    def __init__(self, row):
        columns = row.split("\t")
        if len(columns) != 5:
            raise ValueError(f"{len(columns)} columns; expected 5, with a tab between them")
        self.name, since, self.firmware, memory, line = columns
        if self.firmware not in ("bios", "efi"):
            raise ValueError(f"{self.firmware} is no firmware; expected bios or efi")
        self.since = version(since)
        self.cmdline = " ".join(DEBUG if word == "debug" else word for word in line.split())
        self.sizes, self.hot, self.dimms = [], [], []
        for word in memory.split():
            if word.startswith("+"):
                length, node = word[1:].split("@")
                self.dimms.append((size(length), int(node)))
            else:
                if word.endswith("*"):
                    self.hot.append(len(self.sizes))
                self.sizes.append(size(word.rstrip("*")))

    def memory_arguments(self, grows=False):
        """QEMU's arguments for the memory; `grows`: more may be plugged later.

        One node that does not grow has no table of nodes, as small machines have none.
        """
        total = str(sum(self.sizes) >> 20) + "M"
        grows = grows or bool(self.dimms)
        if len(self.sizes) == 1 and not grows:
            return ["-m", total]
        arguments = ["-m", total + (",slots=8,maxmem=24G" if grows else "")]
        for node, length in enumerate(self.sizes):
            arguments += ["-object", f"memory-backend-ram,id=m{node},size={length}"]
            arguments += ["-numa", f"node,nodeid={node},memdev=m{node}" + (",cpus=0" if node == 0 else "")]
        for i, (length, node) in enumerate(self.dimms):
            arguments += ["-object", f"memory-backend-ram,id=d{i},size={length}"]
            arguments += ["-device", f"pc-dimm,id=dimm{i},memdev=d{i},node={node}"]
        return arguments

    def own_tables(self):
        """{path in the initial ramdisk: content} of ACPI tables that replace the firmware's."""
        if not self.hot:
            return {}
        return {"kernel/firmware/acpi/SRAT.aml": (0o100644, srat.table(self.sizes, self.hot))}


def read():
    """{name: Machine} of the table (GUESTS_MACHINES, or the one beside this file), in its order."""
    path = os.environ.get("GUESTS_MACHINES") or os.path.join(HERE, "machines.tsv")
    with open(path, encoding="utf-8") as table:
        rows = [row(path, number, line) for number, line in enumerate(table, 1) if is_row(line)]
    return {machine.name: machine for machine in rows}


def is_row(line):
    """Whether a line of the table is neither empty nor a comment."""
    return bool(line.strip()) and not line.startswith("#")


def row(path, number, line):
    """The machine of one line; an error names the line."""
    try:
        return Machine(line.rstrip("\n"))
    except ValueError as error:
        raise ValueError(f"{path}, line {number}: {error}") from error


def main():
    """machines.py RELEASE: the names of the machines whose parameters this release knows."""
    try:
        wanted = version(sys.argv[1]) if len(sys.argv) > 1 else None
        machines = read().values()
    except (OSError, ValueError) as error:
        sys.exit(f"machines.py: {error}")
    for machine in machines:
        if wanted is None or machine.since <= wanted:
            print(machine.name)


if __name__ == "__main__":
    main()
