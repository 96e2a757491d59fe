"""a watcher that is killed by SIGKILL in mid-storm, or while it loads, and is started again ends as one that lived"""

import json

import watching
from stage import CRASH, expect
from watching import DIMMS, GIB, GROWS, MIB, Watch

# Seconds after it said that it loads, most of which it reads and hashes; None: as soon as the kernel counts the call.
DELAYS = (0.5, 1.5, None)


def tell(story):
    stage = story.guest(events=[*DIMMS, GROWS], virtio_mem="8G")
    stage.load("kdump", stage.loader("file"), CRASH)
    watching.count_loads(stage)
    watch = Watch(stage)
    watch.start()
    in_the_storm(story, stage, watch)
    in_a_load(story, stage, watch)
    watching.dump_is_right(story, stage)


def in_the_storm(story, stage, watch):
    """It dies while memory comes, and again while memory goes."""
    for size in (3 * GIB + 512 * MIB, 512 * MIB):
        watching.resize(stage, size, is_awaited=False)
        is_half = f"[ $(ls -d /sys/devices/system/memory/memory[0-9]* | wc -l) {'-gt' if size > GIB else '-lt'} 32 ]"
        watch.waits(is_half, "the middle of the storm")
        watch.kill()
        blocks = stage.guest.text("ls -d /sys/devices/system/memory/memory[0-9]* | wc -l").strip()
        story.shows(f"killed when there were {blocks} blocks, on the way to {(1792 + 512 + (size >> 20)) // 128 + 1}")
        watch.start()
        watching.resize(stage, size)
    watch.is_at_rest()
    is_good(stage, watch)
    expect("loads that the kernel counted", 1, watching.loads(stage))
    story.shows("killed in mid-storm, twice: one load, after all")


def in_a_load(story, stage, watch):
    """It dies soon after it began to load."""
    size = 512 * MIB
    for delay in DELAYS:
        # 128 MiB more that stay do not make it stale; those that leave do.
        watching.resize(stage, size + 256 * MIB)
        watch.is_at_rest()
        earlier = watching.loads(stage)
        begun = len(watch.said("loads"))
        is_time = f"[ $(grep -c said=loads {watching.LOG}) -gt {begun} ]"
        if delay is None:
            is_time = f"[ $(cat {watching.LIMIT}) -lt {watching.LOADS - earlier} ]"
        stage.guest.text(f"(until {is_time}; do usleep 2000; done; usleep {int((delay or 0) * 1e6)}; "
                         f"kill -9 {watch.process}; touch /tmp/killed) >/dev/null 2>&1 &")  # fmt: skip
        watching.resize(stage, size)
        watch.waits("[ -e /tmp/killed ]", "the kill")
        before = watching.loads(stage) - earlier
        loaded = len(watch.said("loaded"))
        stage.guest.text("rm /tmp/killed")
        watch.start()
        watch.is_at_rest()
        is_good(stage, watch)
        further = watching.loads(stage) - earlier - before
        expect("whether there was at most one further load", True, further <= 1)
        expect("loads in all, for one change", True, 1 <= before + further <= 2)
        if delay is None:
            expect("loads until then", 1, before)
        told = "it had told of it" if loaded > begun else "it had not told of it"
        when = "in the call" if delay is None else f"{delay} s after it began to load"
        story.shows(f"killed {when}: {before} loads until then ({told}), {further} after the start")


def is_good(stage, watch):
    """The crash kernel describes the machine, and the record in /run can be read."""
    status, said = stage.guest.run("physmem kdump status")
    expect(f"the exit status of `physmem kdump status`, which says:\n{said.decode()}\nThe watcher said:\n{watch.log()}", 0, status)
    said = json.loads(stage.guest.text("physmem kdump status -J"))
    expect("whether physmem knows that it loaded this", True, said["record"] is not None)
