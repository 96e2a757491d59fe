"""the next kernel uses a DIMM that was unplugged, if kexec_load told it of the DIMM before, unless it is loaded again"""

from stage import DIMM, Loader

CODE = "map-lists-removed-memory"
ADDED = [f"add dimm 512M at 0x140000000 node {DIMM} as d0"]
# kexec-tools hands on what /sys/firmware/memmap shows, DIMMs included, also if the image itself is to lie below 4 GiB.
TOOLS = Loader("kexec-tools", "load")


def tell(story):
    stage = story.guest(events=ADDED)
    stage.load("kexec", TOOLS, stage.next_line(), TOOLS.avoids_removable())
    stage.do("remove d0")
    why = stage.dies("kexec -e")
    story.fault(CODE, why and f"the next kernel does not come up: {why}")

    stage = story.guest(events=ADDED)
    stage.load("kexec", TOOLS, stage.next_line(), TOOLS.avoids_removable())
    stage.boot_next(TOOLS)
    story.shows("not unplugged: the next kernel boots")

    stage = story.guest(events=ADDED)
    loader = stage.loader("load")
    stage.load("kexec", loader, stage.next_line())
    story.finds_by_record(stage, CODE, False, "before the unplug", "kexec")
    stage.do("remove d0")
    story.finds_by_record(stage, CODE, bool(why), "after the unplug", "kexec")
    stage.load("kexec", loader, stage.next_line())
    story.finds_by_record(stage, CODE, False, "after it was loaded again", "kexec")
    stage.boot_next(loader)
    story.shows("loaded again: the next kernel boots")
