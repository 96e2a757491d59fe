"""100,000 events while the watcher runs lead to no load; those that the kernel drops while it is stopped hide nothing from it"""

import time

import watching
from stage import CRASH, expect
from watching import DIMMS, Watch

EVENTS = 100_000
# More than there is room for until the watcher reads them.
TOO_MANY = 60_000
SECONDS = 400


def flood(stage, count):
    """The kernel tells once more that a block is online, so many times: the same events, on the same way. Per second."""
    begun = time.monotonic()
    path = "/sys/devices/system/memory/memory0/uevent"
    stage.guest.text(f"n=0; while [ $n -lt {count} ]; do echo online; n=$((n+1)); done >{path}", SECONDS)
    return count / (time.monotonic() - begun)


def tell(story):
    stage = story.guest(events=DIMMS)
    stage.load("kdump", stage.loader("file"), CRASH)
    watching.count_loads(stage)
    watch = Watch(stage)
    watch.start()
    rate = flood(stage, EVENTS)
    watch.is_at_rest()
    expect("events that it heard", {"add": 0, "remove": 0, "online": EVENTS, "offline": 0}, watch.events())
    expect("loads that the kernel counted", 0, watching.loads(stage))
    kib, seconds = watch.used()
    story.shows(f"{EVENTS} events, {rate:.0f} a second: all heard, no load; VmHWM {kib / 1024:.1f} MiB, {seconds:.1f} s of CPU")

    stage.guest.text(f"kill -STOP {watch.process}")
    flood(stage, TOO_MANY)
    stage.do("remove d0")
    stage.guest.text(f"kill -CONT {watch.process}")
    watch.waits(f"grep -q ^said=overflow {watching.LOG}", "word of lost events")
    watch.is_at_rest()
    heard = watch.events()
    expect("removals that it heard", 0, heard["remove"])
    expect("loads that the watcher tells of", 1, len(watch.said("loaded")))
    expect("loads that the kernel counted", 1, watching.loads(stage))
    story.shows(f"stopped: {sum(heard.values()) - EVENTS} of {TOO_MANY + 4} events kept, a DIMM's removal lost; one load")
    watching.dump_is_right(story, stage)
