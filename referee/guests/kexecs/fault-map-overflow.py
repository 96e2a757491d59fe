"""the crash kernel gets no memory when /proc/iomem has too many ranges for its map (H3), unless kexec_load passes it"""

import dumps
from stage import CRASH, PANIC, expect

CODE = "next-kernel-map-overflow"
# What is printed before the console works; the kernel without memory comes no further.
EARLY = f"{CRASH} earlyprintk=serial,ttyS0,115200"


def holes(count):
    """A parameter that makes so many pages Reserved, each a range of /proc/iomem."""
    return "memmap=" + ",".join(f"4K${300 + number}M" for number in range(count))


def tell(story):
    stage = story.guest(holes(140))
    loader = stage.loader("file")
    plan = stage.load("kdump", loader, EARLY)
    lacks = len(plan["next_kernel"]["lacks"])
    is_found, is_told = CODE in stage.findings(), CODE in stage.status("kdump")
    why = stage.dies(PANIC)
    story.fault(CODE, why and f"{lacks} entries too many, and the crash kernel does not come up: {why}")

    fits = 140 - lacks
    stage = story.guest(holes(fits))
    plan = stage.load("kdump", loader, CRASH)
    story.finds(stage, CODE, False, f"with {fits} holes", "kdump")
    stage.crash()
    dumps.is_as_planned(stage, plan)
    story.shows(f"{lacks} ranges fewer in /proc/iomem: {len(plan['next_kernel']['map'])} entries, the dump is whole")

    stage = story.guest(holes(140))
    loader = stage.loader("load")
    plan = stage.load("kdump", loader, CRASH)
    story.finds(stage, CODE, False, "after kexec_load", "kdump")
    stage.crash()
    dumps.is_as_planned(stage, plan)
    story.shows("by kexec_load: the dump is whole")
    expect("whether `physmem check` and `physmem kdump status` found it where it was", [bool(why)] * 2, [is_found, is_told])
