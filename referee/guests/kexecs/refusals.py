"""a load that cannot be made says why, and what was loaded before stays loaded where the kernel allows it"""

import json

from stage import CRASH, INITRD, KERNEL, expect

LOADED = "/sys/kernel/kexec_crash_loaded"
LIMIT = "/proc/sys/kernel/kexec_load_limit_panic"
RECORD = "/run/physmem/kdump.json"
# At which a load is disturbed.
MOMENTS = 8


def load(more="", initrd=INITRD, purpose="kdump"):
    return f'physmem {purpose} load --kernel {KERNEL} --initrd {initrd} --append "{CRASH}" {more}'


class Cases:
    """The cases of one guest, in which a crash kernel is loaded."""

    def __init__(self, story, stage):
        self.story, self.stage, self.guest = story, stage, stage.guest
        self.guest.text(load())

    def case(self, what, command, status, word, armed=True):
        """The command must end with this status, say this word, and leave a crash kernel loaded, or none."""
        seen, out = self.guest.run(command, 120)
        said = " ".join(out.decode(errors="replace").split())
        expect(f"the status of `{command}` ({what}), which says:\n{said}", status, seen)
        expect(f"`{word}` in what `{command}` says ({what}):\n{said}", True, word in said)
        expect(f"{LOADED} after {what}", "1" if armed else "0", self.guest.text(f"cat {LOADED}").strip())
        if armed:
            self.is_good(what)
        self.story.shows(f"{what}: {status}: {word}; {'what was loaded still is' if armed else 'nothing is loaded'}")

    def is_good(self, what):
        """`status` must find the image good, and its record must be there."""
        seen, out = self.guest.run("physmem kdump status -J")
        expect(f"the status of `physmem kdump status` after {what}", 0, seen)
        expect(f"whether a record tells of the image after {what}", True, json.loads(out)["record"] is not None)

    def loaded_by(self):
        """Who loaded the image, as `status` says."""
        return json.loads(self.guest.run("physmem kdump status -J")[1])["by"]


def other_boot(cases):
    """A record of another boot is not taken for one of this, and the next load replaces it."""
    cases.guest.text(f"sed -i 's/\"boot_id\": \"./&x/' {RECORD}")
    expect("`of another boot` in who loaded", True, "of another boot" in cases.loaded_by())
    cases.case("a record of another boot", load(), 0, "recorded in /run/physmem/kdump.json")


def together(cases):
    """Loads at the same time wait for one another."""
    every = " ".join(f"( {load()}; echo ended $? ) >/tmp/load.{number} 2>&1 &" for number in range(4))
    said = cases.guest.text(f"{every} wait; cat /tmp/load.*")
    expect(f"loads that ended well of four at a time:\n{said}", 4, said.count("ended 0"))
    cases.is_good("four loads at a time")
    cases.story.shows("four loads at a time: all are made, one after the other")


def killed(cases):
    """A load that is killed never leaves an image with another one's record; one that is asked to end is completed."""
    began, ended = cases.guest.text(f"cut -d' ' -f1 /proc/uptime; {load()} >/dev/null; cut -d' ' -f1 /proc/uptime").split()
    seconds = float(ended) - float(began)
    for signal in ("TERM", "KILL"):
        lost = unrecorded = completed = 0
        for part in range(MOMENTS):
            cases.guest.text(load())
            # A command line that is new tells whether this load was made.
            line = load().replace(CRASH, f"{CRASH} mark={part}")
            delay = seconds * (0.4 + 0.6 * part / MOMENTS)
            cases.guest.run(f"{line} & usleep {int(delay * 1e6)}; kill -{signal} $!; wait $!", 60)
            if cases.guest.text(f"cat {LOADED}").strip() == "0":
                lost += 1
                continue
            seen, out = cases.guest.run("physmem kdump status -J")
            expect(f"`physmem kdump status` after SIG{signal} in mid-load: {out.decode()}", 0, seen)
            record = json.loads(out)["record"]
            if record is None:
                unrecorded += 1
            elif "mark=" in record["command_line"]:
                completed += 1
        if signal == "TERM":
            expect("images that SIGTERM left without a record, or lost", (0, 0), (unrecorded, lost))
        cases.story.shows(
            f"SIG{signal} at {MOMENTS} moments of a load: {completed} were completed, {unrecorded} images had no record, "
            f"{lost} times nothing was loaded"
        )  # fmt: skip
        cases.case(f"a load after SIG{signal}", load(), 0, "recorded in")


def tell(story):
    stage = story.guest()
    guest, cases = stage.guest, Cases(story, stage)
    text = guest.text

    # In a user namespace that maps nobody, a program has no capability; as its root, those of the namespace.
    cases.case("no privilege", f"unshare -U {load()}", 3, "no-privilege: kexec_file_load fails with EPERM")
    cases.case("root of a container", f"unshare -r {load()}", 3, "not-permitted: kexec_file_load fails with EPERM")

    # The limit also counts the calls: a refusal by physmem makes none.
    text(f"echo 400 >{LIMIT}")
    text("mkdir -p /tmp/keep && cp /run/physmem/* /tmp/keep && mount -t tmpfs -o size=4k tmpfs /run/physmem")
    text("cp /tmp/keep/kdump.json /run/physmem; : >/run/physmem/lock; dd if=/dev/zero of=/run/physmem/full bs=4k 2>/dev/null; true")
    cases.case("a full /run", load(), 1, "No space left on device")
    text("mount -o remount,ro /run/physmem")
    cases.case("a read-only /run", load(), 1, "Read-only file system")
    cases.case("a read-only /run, and no record wanted", load("--no-record --dry-run"), 0, "would load")
    text("umount /run/physmem")
    text(f"dd if=/dev/zero of=/tmp/large bs=1M count=300 2>/dev/null; head -c 1000 {KERNEL} >/tmp/cut")
    cases.case("an initial ramdisk larger than the reservation", load(initrd="/tmp/large"), 3, "no hole of 0x12c00000 bytes")
    cases.case("a kernel that is cut off", load().replace(KERNEL, "/tmp/cut"), 1, "the file ends at byte")
    expect("calls that were made for these", "400", text(f"cat {LIMIT}").strip())

    # Both calls free what is loaded before they make the new image; physmem puts it back.
    cases.case("an image that the kernel refuses", load("--force", "/tmp/large"), 3, "it was loaded again from its record")
    expect("calls that were made for this", "398", text(f"cat {LIMIT}").strip())
    other_boot(cases)
    together(cases)
    killed(cases)

    text(f"echo 0 >{LIMIT}")
    cases.case("a spent limit", load(), 3, "kexec_load_limit_panic is 0")
    cases.case("a spent limit, and the kernel asked all the same", load("--force"), 3, "load-limit-spent: kexec_file_load fails with EPERM")
    text("mount -t securityfs securityfs /sys/kernel/security 2>/dev/null; echo integrity >/sys/kernel/security/lockdown")
    reboot = load("--loader load", purpose="kexec")
    cases.case("lockdown", reboot, 3, "the kernel is locked down (integrity")
    cases.case("lockdown, and the kernel asked all the same", f"{reboot} --force", 3, "locked-down: kexec_load fails with EPERM")
    text("echo 1 >/proc/sys/kernel/kexec_load_disabled")
    cases.case("kexec_load_disabled", load("", purpose="kexec"), 3, "kexec_load_disabled is 1")
    cases.case("kexec_load_disabled, and the kernel asked all the same", load("--force", purpose="kexec"), 3,
               "load-disabled: kexec_file_load fails with EPERM")  # fmt: skip
    cases.case("kexec_load_disabled, and an unload", "physmem kdump unload", 3, "load-disabled")

    stage = story.guest()
    cases = Cases(story, stage)
    stage.guest.text("physmem kdump unload && echo 0 >/sys/kernel/kexec_crash_size")
    cases.case("no reservation", load(), 3, "no memory is reserved for a crash kernel", armed=False)
