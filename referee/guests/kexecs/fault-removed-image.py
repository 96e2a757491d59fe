"""kexec jumps into a DIMM that was unplugged (H4), unless the image is loaded again, or where nothing can be unplugged"""

from stage import DIMM, expect

CODE = "image-in-removed-memory"
ADDED = [f"add dimm 512M at 0x140000000 node {DIMM} as d0"]


def tell(story):
    stage = story.guest(events=ADDED)
    loader = stage.loader("file")
    stage.load("kexec", loader, stage.next_line())
    stage.do("remove d0")
    is_found = CODE in stage.findings()
    status, said = stage.guest.run("physmem kexec exec")
    expect(f"the exit status of `physmem kexec exec`, which says: {said.decode()}", 3, status)
    why = stage.dies("kexec -e")
    story.fault(CODE, why and f"no kernel comes up: {why}")

    stage = story.guest(events=ADDED)
    stage.load("kexec", loader, stage.next_line())
    story.finds(stage, CODE, False, "before the unplug", "kexec")
    story.finds(stage, "image-in-removable-memory", True, "before the unplug")
    stage.boot_next(loader)
    story.shows("not unplugged: the next kernel boots")

    stage = story.guest(events=ADDED)
    stage.load("kexec", loader, stage.next_line())
    stage.do("remove d0")
    story.finds(stage, CODE, bool(why), "after the unplug", "kexec")
    stage.load("kexec", loader, stage.next_line())
    story.finds(stage, CODE, False, "after it was loaded again", "kexec")
    stage.boot_next(loader)
    story.shows("loaded again: the next kernel boots")

    expect("whether `physmem check` found it where it was", bool(why), is_found)

    if story.options.program == "kexec-tools":
        # It tells the next kernel of the DIMM wherever the image lies: see fault-removed-memory-told.
        return
    stage = story.guest(events=ADDED)
    loader = stage.loader("load")
    stage.load("kexec", loader, stage.next_line(), loader.avoids_removable())
    story.finds(stage, CODE, False, "in memory that stays", "kexec")
    stage.do("remove d0")
    story.finds(stage, CODE, False, "in memory that stays, after the unplug", "kexec")
    stage.boot_next(loader)
    story.shows("in memory that stays: the next kernel boots after the unplug")
