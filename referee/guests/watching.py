"""`physmem watch` in a guest, and storms of events for it to live through."""

import re

import vmcore
from stage import DIMM, VIRTIO_MEM, expect

LOG, METRICS = "/tmp/watch.log", "/tmp/watch.prom"
LIMIT = "/proc/sys/kernel/kexec_load_limit_panic"
# More loads than any story makes.
LOADS = 1000
MIB, GIB = 1 << 20, 1 << 30
GROWS = f"add virtio-mem 0 at 0x200000000 node {VIRTIO_MEM} up to 8G as virtio0"
GOES = (0x140000000, 0x150000000)
DIMMS = [f"add dimm 256M at 0x140000000 node {DIMM} as d0", f"add dimm 256M at 0x180000000 node {DIMM} as d1"]
# A guest without KVM on a busy host pauses in the middle of a storm. With this pace it has settled when nothing came for
# three seconds, however long it took.
SETTLE = 3
PACE = f"--settle {SETTLE} --longest 600"


class Watch:
    """A watcher that runs in the background of a guest; it may be started more than once."""

    def __init__(self, stage, options=PACE, settle=SETTLE, inside=""):
        self.guest, self.options, self.settle, self.inside = stage.guest, options, settle, inside
        self.guest.text(f": >{LOG}")

    def start(self):
        """Starts it, and waits until it has looked once. `inside`: a directory of cgroup2 that it runs in."""
        moves = f"echo $$ >{self.inside}/cgroup.procs; " if self.inside else ""
        command = f"{moves}exec physmem watch {self.options} --metrics {METRICS}"
        self.guest.text(f"rm -f {METRICS}")
        self.process = int(self.guest.text(f"sh -c '{command}' >>{LOG} 2>&1 & echo $!"))
        self.waits(f"grep -q 'looks_total [1-9]' {METRICS}", "the watcher's first look")

    def kill(self):
        """SIGKILL, which it cannot prepare for."""
        self.guest.text(f"kill -9 {self.process}")
        self.waits(f"! kill -0 {self.process} 2>/dev/null", "the end of the watcher")

    def waits(self, test, what, seconds=120):
        came = self.guest.until(test, seconds)
        expect(f"whether {what} came; the watcher said:\n{self.log()}", True, came)

    def log(self):
        return self.guest.text(f"cat {LOG}")

    def said(self, word):
        """The lines of its log with this word, about kdump."""
        return [line for line in self.log().splitlines() if line.startswith(f"said={word} image=kdump ")]

    def is_at_rest(self):
        """Waits until it has nothing left to do: no load is under way, and nothing came for longer than it waits before
        the second look."""
        rest = 2 * self.settle + 3
        loads = f'tail -1 {LOG} | grep -q "^said=loads "'
        self.waits(f"! {loads} && [ $(($(date +%s) - $(stat -c %Y {METRICS}))) -ge {rest} ]", "rest")

    def metric(self, name):
        """The sum of a metric's samples."""
        found = re.findall(rf"^{re.escape(name)} (\d+)$", self.guest.text(f"cat {METRICS}"), re.MULTILINE)
        return sum(map(int, found))

    def events(self):
        """{action: how many} that it has heard."""
        found = re.findall(r'^physmem_watch_events_total\{action="(\w+)"\} (\d+)$', self.guest.text(f"cat {METRICS}"), re.MULTILINE)
        return {action: int(count) for action, count in found}

    def used(self):
        """(most memory at a time in KiB, seconds of CPU with those of its children that ended)."""
        said = self.guest.text(f"cat /proc/{self.process}/status /proc/{self.process}/stat")
        times = said.rsplit(")", 1)[1].split()[11:15]
        return int(re.search(r"VmHWM:\s*(\d+) kB", said)[1]), sum(map(int, times)) / 100


def count_loads(stage):
    """From now on the kernel counts the calls that load a crash kernel, by what is left of a limit. Once only: a
    limit cannot be raised."""
    stage.guest.text(f"echo {LOADS} >{LIMIT}")


def loads(stage):
    """The calls that there were since."""
    return LOADS - int(stage.guest.text(f"cat {LIMIT}"))


def resize(stage, size, is_awaited=True):
    """The virtio-mem device is asked to have this size: one storm, unlike an event of a story, which waits for rest."""
    stage.qemu.do("qom-set", path="/machine/peripheral/virtio0", property="requested-size", value=size)
    if is_awaited:
        expect(f"why virtio-mem does not get to {size >> 20} MiB", None, stage.doer.reach("virtio0", size))


def toggle(stage, node):
    """All blocks of a node go offline, and come online again."""
    states = f"/sys/devices/system/node/node{node}/memory[0-9]*/state"
    stage.guest.text(f"for s in {states}; do echo offline >$s || exit 1; done; for s in {states}; do echo online_movable >$s || exit 1; done")


def memory(stage):
    """[(start, end)] that a dump must list: what /proc/iomem calls System RAM, without the crash kernel's own."""
    return shape(without(stage.system_ram(), stage.system_ram("Crash kernel")))


def listed(stage):
    """[(start, end)] of /proc/vmcore, in the same shape."""
    return shape(vmcore.Vmcore(stage.guest).ranges())


def without(ranges, holes):
    """The parts of ranges that no hole covers."""
    for hole in holes:
        ranges = [
            part
            for start, end in ranges
            for part in ((start, min(end, hole[0])), (max(start, hole[1]), end))
            if part[0] < part[1]
        ]
    return ranges


def shape(ranges):
    """Ranges from 1 MiB on, for loaders differ below; neighbours are one."""
    out = []
    for start, end in sorted(without(ranges, [(0, MIB)])):
        if out and out[-1][1] == start:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def dump_is_right(story, stage):
    """The machine panics; the dump must list the memory that there was."""
    there = memory(stage)
    stage.crash()
    expect("PT_LOADs of /proc/vmcore (start-end)", there, listed(stage))
    story.shows(f"after the panic, /proc/vmcore lists the memory that there was: {sum(e - s for s, e in there) >> 20} MiB")


def lived(story, stage, watch, reloads, at_least=100):
    """What a watcher must have done in a storm: so many loads and no other, by its own log and by the kernel's count."""
    watch.is_at_rest()
    events = watch.events()
    expect(f"whether there were {at_least} events: {events}", True, sum(events.values()) >= at_least)
    expect(f"loads that the watcher tells of:\n{watch.log()}", reloads, len(watch.said("loaded")))
    expect("loads that failed", [], watch.said("failed") + watch.said("loaded-in-vain"))
    status, said = stage.guest.run("physmem kdump status")
    expect(f"the exit status of `physmem kdump status`, which says:\n{said.decode()}", 0, status)
    kib, seconds = watch.used()
    counts = ", ".join(f"{count} {action}" for action, count in events.items() if count)
    looks = watch.metric("physmem_watch_looks_total")
    story.shows(f"{sum(events.values())} events ({counts}), {looks} looks, {reloads} loads; VmHWM {kib / 1024:.1f} MiB, {seconds:.1f} s of CPU")
