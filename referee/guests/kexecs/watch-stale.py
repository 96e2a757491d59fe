"""the header that an unplug leaves stale (H1) is repaired by `physmem watch`, although crash_hotplug says 1"""

import vmcore
import watching
from stage import CRASH, expect
from watching import DIMMS, GOES, Watch


def tell(story):
    stage = story.guest(events=DIMMS)
    stage.load("kdump", stage.loader("file"), CRASH)
    expect("crash_hotplug", "1\n", stage.guest.text("cat /sys/devices/system/memory/crash_hotplug"))
    watching.count_loads(stage)
    watch = Watch(stage, "", settle=1)
    watch.start()
    stage.do("remove d0")
    watching.lived(story, stage, watch, reloads=1, at_least=4)
    expect("loads that the kernel counted", 1, watching.loads(stage))
    watching.dump_is_right(story, stage)
    expect("the DIMM that is gone in the dump", False, GOES in vmcore.Vmcore(stage.guest).ranges())
