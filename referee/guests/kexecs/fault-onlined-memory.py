"""the crash kernel takes the crashed kernel's DIMM for its own (H2), unless its command line has acpi_no_memhotplug"""

import dumps
import vmcore
from stage import CRASH, DIMM, digest

CODE = "kdump-onlines-dumped-memory"
ADDED = f"add dimm 512M at 0x140000000 node {DIMM} as d0"
WITHOUT = CRASH.replace(" acpi_no_memhotplug", "")


def tell(story):
    stage = story.guest(events=[ADDED])
    pages = stage.write_pattern(DIMM)
    stage.load("kdump", stage.loader("file"), WITHOUT)
    stage.crash()
    taken = [each for each in stage.system_ram() if each[0] >= 1 << 32]
    status, out = stage.guest.run(vmcore.Vmcore(stage.guest).digest_of(sorted(pages)))
    lost = status != 0 or out.decode() != digest(pages)
    story.fault(CODE, taken and f"the crash kernel's own System RAM is {taken[0][0]:x}-{taken[0][1] - 1:x}; "
                f"{'it cannot' if lost else 'it can'} read what was there") # fmt: skip

    stage = story.guest()
    loader = stage.loader("file")
    stage.load("kdump", loader, WITHOUT)
    story.finds(stage, CODE, False, "on a machine without DIMMs", "kdump")
    stage.do(ADDED)
    story.finds(stage, CODE, bool(taken), "with a DIMM, and without acpi_no_memhotplug", "kdump")
    pages = stage.write_pattern(DIMM)
    plan = stage.load("kdump", loader, CRASH)
    story.finds(stage, CODE, False, "with acpi_no_memhotplug", "kdump")
    stage.crash()
    dumps.is_as_planned(stage, plan)
    dumps.holds(stage, pages, "the DIMM")
    story.shows("with acpi_no_memhotplug: the dump is whole")
