"""the dump's header lists a DIMM that was unplugged (H1), until the crash kernel is loaded again"""

import dumps
import vmcore
from stage import CRASH, DIMM, expect

CODE = "dump-header-stale"
GOES = (0x140000000, 0x150000000)
EVENTS = [f"add dimm 256M at 0x140000000 node {DIMM} as d0", f"add dimm 256M at 0x180000000 node {DIMM} as d1"]


def tell(story):
    stage = story.guest(events=EVENTS)
    stage.load("kdump", stage.loader("file"), CRASH)
    stage.do("remove d0")
    is_found, capture = CODE in stage.findings(), stage.capture()
    stage.crash()
    listed = GOES in vmcore.Vmcore(stage.guest).ranges()
    dumps.is_verified(stage, capture, dumps.BAD if listed else dumps.GOOD)
    story.fault(CODE, "the crash kernel's /proc/vmcore has a PT_LOAD for the DIMM that is gone" if listed else None)

    stage = story.guest(events=EVENTS)
    loader = stage.loader("file")
    stage.load("kdump", loader, CRASH)
    story.finds(stage, CODE, False, "before the unplug", "kdump")
    stage.do("remove d0")
    story.finds(stage, CODE, listed, "after the unplug", "kdump")
    pages = stage.write_pattern(DIMM)
    plan = stage.load("kdump", loader, CRASH)
    story.finds(stage, CODE, False, "after it was loaded again", "kdump")
    capture = stage.capture()
    stage.crash()
    dumps.is_verified(stage, capture, dumps.GOOD)
    dumps.is_as_planned(stage, plan)
    dumps.holds(stage, pages, "the DIMM that stayed")
    story.shows("loaded again: the dump is whole, and lists nothing that is gone")
    expect("whether `physmem check` found it where it was", listed, is_found)
