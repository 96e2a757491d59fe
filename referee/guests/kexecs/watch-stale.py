"""what an unplug leaves stale is loaded again by `physmem watch`: the header (H1; crash_hotplug says 1), the next kernel (H4)"""

import vmcore
import watching
from stage import CRASH, DIMM, expect
from watching import DIMMS, GOES, Watch


def tell(story):
    header(story)
    next_kernel(story)


def header(story):
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


def next_kernel(story):
    stage = story.guest(events=[f"add dimm 512M at 0x140000000 node {DIMM} as d0"])
    loader = stage.loader("file")
    stage.load("kexec", loader, stage.next_line())
    watch = Watch(stage, "", settle=1)
    watch.start()
    stage.do("remove d0")
    watch.is_at_rest()
    said = [line for line in watch.log().splitlines() if line.startswith("said=loaded image=kexec ")]
    expect(f"loads of the next kernel; the watcher said:\n{watch.log()}", 1, len(said))
    status, said = stage.guest.run("physmem kexec status")
    expect(f"the exit status of `physmem kexec status`, which says:\n{said.decode()}", 0, status)
    stage.boot_next(loader)
    story.shows("the next kernel, which lay in the DIMM, was loaded again, and boots")
