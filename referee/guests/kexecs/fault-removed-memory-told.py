"""the next kernel uses a DIMM that was unplugged, if kexec_load told it of the DIMM before, unless it is loaded again"""

from stage import DIMM, Loader

CODE = "next-kernel-told-of-removed-memory"
ADDED = [f"add dimm 512M at 0x140000000 node {DIMM} as d0"]
# kexec-tools hands on what /sys/firmware/memmap shows, DIMMs included; the image itself is to lie below 4 GiB.
LOADER = Loader("kexec-tools", "load")


def tell(story):
    stage = story.guest(events=ADDED)
    stage.load("kexec", LOADER, stage.next_line(), LOADER.avoids_removable())
    stage.do("remove d0")
    found = ", ".join(stage.findings())
    why = stage.dies("kexec -e")
    story.fault(CODE, why and f"the next kernel does not come up: {why}; physmem check found: {found}")

    stage = story.guest(events=ADDED)
    stage.load("kexec", LOADER, stage.next_line(), LOADER.avoids_removable())
    stage.boot_next(LOADER)
    story.shows("not unplugged: the next kernel boots")

    stage = story.guest(events=ADDED)
    stage.load("kexec", LOADER, stage.next_line(), LOADER.avoids_removable())
    stage.do("remove d0")
    stage.load("kexec", LOADER, stage.next_line(), LOADER.avoids_removable())
    stage.boot_next(LOADER)
    story.shows("loaded again: the next kernel boots")
