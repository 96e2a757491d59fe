"""in the same storm, `physmem watch` loads less often, and with less CPU time, than udev by the rule of Debian's kdump-tools"""

import servicing
import watching
from stage import CRASH, expect
from watching import GIB, GROWS, MIB, Watch

# Compared are systemd-udevd and the rule 50-kdump-tools.rules, both unchanged, whose `kdump-config try-reload` (kdump-tools'
# script, unchanged, run by busybox's shell) loads by `kexec -p` of Debian's kexec-tools; the same script when `physmem watch
# --exec` runs it; and `physmem watch` by its own record. What they use is that of a cgroup: the daemon, all that it
# started, and what the kernel did for them; not what the kernel did to plug the memory.
PACKAGES = "kdump-tools udev util-linux"
MOST, LEAST = 3 * GIB + 256 * MIB, 128 * MIB
SECONDS = 900


def tell(story):
    files = servicing.files(story.options.programs)
    by_udev = of_udev(story, files)
    by_script = of_watch(story, files, "/usr/sbin/kdump-config load", '--exec "/usr/sbin/kdump-config reload"')
    by_record = of_watch(story, files, None, "")
    for each in (by_script, by_record):
        expect("whether it loaded less often, and in less CPU time", (True, True), (each[0] < by_udev[0], each[1] < by_udev[1]))


def guest(story, files, load):
    stage = story.guest(events=[GROWS], virtio_mem="8G", files=files)
    servicing.prepare(stage)
    if load:
        stage.guest.text(load)
    else:
        stage.load("kdump", stage.loader("file"), CRASH)
    watching.count_loads(stage)
    return stage


def storm(stage):
    for size in (MOST, LEAST):
        watching.resize(stage, size)


def of_udev(story, files):
    stage = guest(story, files, "/usr/sbin/kdump-config load")
    stage.guest.text(f"sh -c 'echo $$ >{servicing.GROUP}/cgroup.procs; exec udevd' >/tmp/udevd.log 2>&1 &")
    stage.guest.until("[ -e /run/udev/control ]", 60)
    storm(stage)
    stage.guest.text(f"udevadm settle --timeout={SECONDS}", SECONDS)
    return told(story, stage, "udev and kdump-tools' rule", stage.guest.text("cat /proc/uptime"))


def of_watch(story, files, load, options):
    stage = guest(story, files, load)
    watch = Watch(stage, options, settle=1, inside=servicing.GROUP)
    watch.start()
    storm(stage)
    watch.is_at_rest()
    return told(story, stage, f"physmem watch {options}".strip(), watch.log())


def told(story, stage, who, said):
    calls = watching.loads(stage)
    kib, seconds = servicing.used(stage)
    status, _ = stage.guest.run("physmem kdump status")
    state = {0: "describes the machine", 3: "is STALE"}.get(status, "cannot be judged")
    story.shows(f"{who}: {calls} calls of kexec_load or kexec_file_load, {seconds:.1f} s of CPU, at most {kib / 1024:.0f} MiB; "
                f"at the end the crash kernel {state}")  # fmt: skip
    return calls, seconds
