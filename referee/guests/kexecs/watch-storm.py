"""a storm of over 100 events of memory leads to one load if the kernel did not help itself, else to none; dumps are right"""

import watching
from stage import CRASH, DIMM, INITRD, KERNEL, expect
from watching import DIMMS, GIB, GROWS, MIB, Watch


def tell(story):
    helps_itself(story)
    is_stale(story)
    is_left_to_the_service(story)


def helps_itself(story):
    """kexec_file_load, and crash_hotplug is 1: Linux rebuilds the header itself as memory comes."""
    stage = story.guest(events=[*DIMMS, GROWS], virtio_mem="8G")
    stage.load("kdump", stage.loader("file"), CRASH)
    watching.count_loads(stage)
    watch = Watch(stage)
    watch.start()
    watching.resize(stage, 6 * GIB + 512 * MIB)
    watching.toggle(stage, DIMM)
    watching.lived(story, stage, watch, reloads=0)
    expect("loads that the kernel counted", 0, watching.loads(stage))
    story.shows("the kernel helps itself (memory came; blocks went offline and online): no load")
    watching.dump_is_right(story, stage)


def is_stale(story):
    """The same, but memory leaves: Linux rebuilds the header before it does."""
    stage = story.guest(events=[*DIMMS, GROWS], virtio_mem="8G")
    stage.load("kdump", stage.loader("file"), CRASH)
    watching.count_loads(stage)
    watch = Watch(stage)
    watch.start()
    watching.resize(stage, 3 * GIB + 512 * MIB)
    watching.resize(stage, 512 * MIB)
    stage.do("remove d0")
    watching.lived(story, stage, watch, reloads=1)
    expect("loads that the kernel counted", 1, watching.loads(stage))
    story.shows("memory came and left, a DIMM too: one load")
    watching.dump_is_right(story, stage)


def is_left_to_the_service(story):
    """kexec-tools loads by kexec_load, and crash_hotplug is 0."""
    stage = story.guest(events=[*DIMMS, GROWS], virtio_mem="8G")
    load = f'kexec -c -p {KERNEL} --initrd={INITRD} --command-line="{CRASH}"'
    stage.guest.text(load)
    expect("crash_hotplug", "0\n", stage.guest.text("cat /sys/devices/system/memory/crash_hotplug"))
    watching.count_loads(stage)
    stage.guest.text(f"echo '{load}' >/tmp/load")
    watch = Watch(stage, f'{watching.PACE} --exec "sh /tmp/load"')
    watch.start()
    watching.resize(stage, 6 * GIB + 512 * MIB)
    watching.lived(story, stage, watch, reloads=1)
    expect("loads that the kernel counted", 1, watching.loads(stage))
    story.shows("loaded by kexec-tools' kexec_load, and again by --exec: one load")
    watching.dump_is_right(story, stage)
