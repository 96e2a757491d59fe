"""What several stories ask of a dump."""

import re
import subprocess

import bootparams
import vmcore
from stage import CRASH, DIMM, KMEM, VIRTIO_MEM, digest, expect

# The exit statuses of `physmem kdump verify`.
GOOD, BAD = 0, 3


def holds(stage, pages, what):
    """The dump must hold these pages, {address: bytes}, with the bytes that they had before the crash."""
    core = vmcore.Vmcore(stage.guest)
    held = [address for address in sorted(pages) if core.offset(address) is not None]
    expect(f"pages of {what} in ranges of the dump", len(pages), len(held))
    seen = stage.guest.text(core.digest_of(sorted(pages)))
    expect(f"the SHA-256 of {len(pages)} pages of {what} in the dump", digest(pages), seen)


def planned(plan):
    """[(start, end)] of what `physmem kdump plan -J` said the dump would hold."""
    return sorted((int(each["start"], 16), int(each["end"], 16)) for each in plan["vmcore"]["ranges"])


def is_as_planned(stage, plan):
    """What the crash kernel was given, and what it serves as /proc/vmcore."""
    core = vmcore.Vmcore(stage.guest)
    expect("PT_LOADs of /proc/vmcore (start-end)", planned(plan), core.ranges())
    given = bootparams.shown(bootparams.given(stage.guest))
    expect("the crash kernel's map", bootparams.shown(bootparams.planned(plan)), given)
    return len(core.loads)


def is_read_by_makedumpfile(stage):
    """Debian's makedumpfile must read the dump, and find the log of the kernel that crashed. Returns the size of what it
    wrote: all pages that belong to the kernel."""
    status, out = stage.guest.run("makedumpfile -F -l -d 31 --message-level 16 /proc/vmcore 2>/tmp/why | wc -c; cat /tmp/why")
    count = re.match(rb"\d+", out)
    expect(f"makedumpfile -d 31: status, and whether it wrote a dump: {out.decode(errors='replace')}", (0, True),
           (status, bool(count) and int(count[0]) > 1 << 20))  # fmt: skip
    log = "rm -f /tmp/log; makedumpfile --dump-dmesg /proc/vmcore /tmp/log >/tmp/why 2>&1 && grep -c 'sysrq: Trigger a crash' /tmp/log"
    expect("lines `sysrq: Trigger a crash` in the log that makedumpfile finds", (0, b"1\n"), stage.guest.run(log))
    return int(count[0])


def verified(stage, capture):
    """The exit status of `physmem kdump verify`, on the host: the header of this dump against a capture from before the
    crash."""
    path = f"{stage.work}/header"
    with open(path, "wb") as file:
        file.write(vmcore.Vmcore(stage.guest).head)
    asked = [stage.options.physmem, "kdump", "verify", path, "--from", capture]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def is_verified(stage, capture, expected):
    """`physmem kdump verify` must say that the dump lists what it should (0), or that it does not (3)."""
    status, said = verified(stage, capture)
    expect(f"the exit status of `physmem kdump verify`, which says:\n{said}", expected, status)


def is_whole(story, stage, loader):
    """Loads a crash kernel, crashes, and compares the dump with the plan and with patterns written before."""
    written = {"dax/kmem memory": KMEM, "virtio-mem": VIRTIO_MEM, "a DIMM": DIMM}
    written = {what: stage.write_pattern(node) for what, node in written.items()}
    plan = stage.load("kdump", loader, CRASH)
    capture, record = stage.capture(), stage.record("kdump")
    stage.crash()
    is_verified(stage, capture, GOOD)
    if record:
        stage.guest.text(f"echo {record} | base64 -d >/tmp/record && physmem kdump verify /proc/vmcore --record /tmp/record")
    story.shows(f"{is_as_planned(stage, plan)} PT_LOADs of /proc/vmcore, and the crash kernel's map, are as planned")
    for what, pages in written.items():
        holds(stage, pages, what)
    counts = ", ".join(f"{len(pages)} of {what}" for what, pages in written.items())
    story.shows(f"pages of a pattern in the dump: {counts}")
    story.shows(f"makedumpfile reads the dump: {is_read_by_makedumpfile(stage) >> 20} MiB of the kernel's own pages")
