"""The guest of a story: a machine with memory of every kind, whose kernels load and start one another."""

import base64
import hashlib
import json
import mmap
import os
import re
import time

import bootparams
import machines
import ramdisk
import vmcore
from dialogue import Gone, Guest, Qemu
from events import Doer, virtio_mem_arguments

# Every kernel of a story gets these words. The ramdisk is kept: it is the next kernel's too.
SERVE = "console=ttyS0 panic=-1 loglevel=4 no_timer_check physmem.serve"
NEXT = f"{SERVE} retain_initrd"
# What physmem recommends for a crash kernel.
CRASH = f"{SERVE} nr_cpus=1 acpi_no_memhotplug"
FIRST = f"{NEXT} crashkernel=256M memhp_default_state=online_movable"
PANIC = "echo c >/proc/sysrq-trigger"
KERNEL, INITRD = "/boot/vmlinuz", "/boot/initrd"

# Node 0 has all memory that is there at boot. The others are known to the firmware by something else, so that Linux
# numbers them as QEMU does: virtio-mem's by a CPU that could be plugged in, dax/kmem's by its NVDIMM, that of DIMMs is
# the last.
VIRTIO_MEM, KMEM, DIMM = 1, 2, 3
MACHINE = machines.Machine("kexec\t5.8\tbios\t1792M\t")
PMEM = [
    "-M", "pc,nvdimm=on", "-smp", "1,maxcpus=2",
    "-numa", f"node,nodeid={VIRTIO_MEM},cpus=1", "-numa", f"node,nodeid={KMEM}", "-numa", f"node,nodeid={DIMM}",
    "-object", "memory-backend-ram,id=nv,size=514M",
    "-device", "nvdimm,id=nvd,memdev=nv,label-size=128K,node=2",
]  # fmt: skip
DAX = [
    "modprobe nfit; modprobe dax_pmem; modprobe device_dax",
    "cd /sys/bus/nd/devices/dax0.0 && echo ram >mode && cat /proc/sys/kernel/random/uuid >uuid && echo namespace0.0 >namespace",
    "echo dax0.0 >/sys/bus/nd/drivers/dax_pmem/bind",
]
EVERY_KIND = [
    f"add kmem dax0.0 510M node {KMEM}",
    f"add virtio-mem 256M at 0x200000000 node {VIRTIO_MEM} up to 1G as virtio0",
    f"add dimm 512M at 0x140000000 node {DIMM} as d0",
]


class Differs(Exception):
    """A guest did something else than the story says."""


def expect(what, expected, seen):
    """The next line of the story is true only if these are equal."""
    if expected != seen:
        raise Differs(f"{what}\n  expected: {block(expected)}\n  seen:     {block(seen)}")


def block(value):
    """A value to be read, also if it has several lines."""
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        value = "\n".join("-".join(f"{number:x}" for number in each) for each in value)
    return str(value).replace("\n", "\n            ")


class Loader:
    """What loads and starts kernels: physmem, or kexec-tools, by one of the two system calls (file, load)."""

    def __init__(self, program, call):
        self.program, self.call = program, call

    def load(self, purpose, line, options=""):
        """The command that loads for a `kexec` or a `kdump`."""
        if self.program == "kexec-tools":
            way = {"file": "-s", "load": "-c"}[self.call] + {"kexec": " -l", "kdump": " -p"}[purpose]
            return f'kexec -d {way} {KERNEL} --initrd={INITRD} --command-line="{line}" {options}'
        return f'physmem {purpose} load {self.of_plan(line)} {options}'

    def plan(self, purpose, line, options=""):
        """physmem's arguments that plan what `load` does."""
        by = f"--by physmem {options}" if self.call == "load" and self.program == "physmem" else ""
        return f"{purpose} plan {self.of_plan(line)} {by}"

    def of_plan(self, line):
        """The options of `load` and of `plan`."""
        return f'--kernel {KERNEL} --initrd {INITRD} --loader {self.call} --append "{line}"'

    def avoids_removable(self):
        """The option of `load` that keeps the image out of memory that may be unplugged."""
        return "--mem-max=0xffffffff" if self.program == "kexec-tools" else "--avoid-removable"

    def execute(self):
        """The command that starts what is loaded."""
        return "kexec -e" if self.program == "kexec-tools" else "physmem kexec exec"


class Stage:
    """A guest that runs, from its first kernel to its last. `kernels` counts them.

    `virtio_mem`: how much the device can grow to. `files`: more of the ramdisk.
    """

    def __init__(self, options, work, words="", events=(), virtio_mem="1G", files=()):
        self.options, self.work, self.kernels = options, work, 1
        self.program = options.program
        with open(f"{work}/initrd", "wb") as file:
            file.write(contents(options, files))
        kinds = [f"add virtio-mem 0 at 0x200000000 node {VIRTIO_MEM} up to {virtio_mem} as virtio0"]
        self.qemu = Qemu(
            [
                "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-accel", "tcg", "-cpu", "max",
                "-serial", f"file:{work}/console", "-serial", f"unix:{work}/guest,server=on,wait=off",
                "-kernel", options.kernel, "-initrd", f"{work}/initrd",
                "-append", f"{FIRST} {words} {options.append}",
                *MACHINE.memory_arguments(grows=True), *PMEM, *virtio_mem_arguments(kinds),
            ],
            work,
        )  # fmt: skip
        try:
            begun = time.monotonic()
            self.guest = Guest(f"{work}/guest", self.qemu.process)
            self.seconds = time.monotonic() - begun
            self.guest.text(f"cat /sys/firmware/initrd >{INITRD}")
            self.doer = Doer(self.qemu, self.guest, False)
            if any("kmem" in event for event in events):
                for line in DAX:
                    self.guest.text(line)
            for event in events:
                self.do(event)
        except BaseException:
            self.end()
            raise

    def end(self):
        self.qemu.end()

    def do(self, event):
        """Memory comes or goes. ValueError: the guest refuses."""
        refused = self.doer.do(event)[0]
        if refused:
            raise ValueError(f"{event}: {refused}")

    def loader(self, call):
        return Loader(self.program, call)

    def load(self, purpose, loader, line, options=""):
        """Loads, and returns what was planned before."""
        plan = bootparams.plan_of(self.guest, loader.plan(purpose, line, options))
        self.guest.text(loader.load(purpose, line, options))
        return plan

    def next_line(self):
        """The next kernel's command line; it tells which kernel of the story it is."""
        return f"{NEXT} physmem.boot={self.kernels + 1}"

    def boot_next(self, loader, seconds=Guest.BOOT_LIMIT):
        """Starts what is loaded, by kexec."""
        self.leave(loader.execute(), seconds)
        words = self.guest.text("cat /proc/cmdline").split()
        expect("the command line of the kernel that booted", True, f"physmem.boot={self.kernels}" in words)
        self.guest.text(f"cat /sys/firmware/initrd >{INITRD}")

    def crash(self, seconds=Guest.BOOT_LIMIT):
        """The kernel panics, and the crash kernel serves."""
        self.leave(PANIC, seconds)
        expect("/proc/vmcore in the kernel that booted", 0, self.guest.run("[ -e /proc/vmcore ]")[0])

    def leave(self, command, seconds):
        self.guest.jump(command, seconds)
        self.kernels += 1

    def dies(self, command):
        """Why no kernel serves after this command, which should end in another one; None if one does."""
        # The first kernel's boot tells how busy this machine is.
        seconds = 20 + 4 * self.seconds
        begun = os.path.getsize(f"{self.work}/console")
        self.guest.ask(command)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.qemu.process.poll() is not None:
                return "QEMU ends: the machine reset, though no kernel asked for it"
            with open(f"{self.work}/console", "rb") as console:
                console.seek(begun)
                panics = re.findall(rb"Kernel panic - not syncing: ([^\r\n]*)", console.read())
            # The first panic may be the one that was asked for.
            panics = [panic.decode(errors="replace") for panic in panics if b"sysrq triggered crash" not in panic]
            if panics:
                return f"it panics: {panics[-1]}"
            try:
                self.guest.served(1)
            except Gone:
                continue
            self.kernels += 1
            return None
        return f"nothing comes in {seconds:.0f} s; the first kernel came up in {self.seconds:.0f} s"

    def findings(self):
        """The codes that `physmem check` in the guest finds."""
        return self.found("check", (0, 3, 4))

    def status(self, purpose):
        """The codes that `physmem kexec status` or `physmem kdump status` finds."""
        return self.found(f"{purpose} status", (0, 3, 4))

    def found(self, words, good):
        status, out = self.guest.run(f"physmem {words} -J")
        if status not in good:
            raise ValueError(f"physmem {words}: status {status}: {out.decode(errors='replace').strip()}")
        codes = [finding["code"] for finding in json.loads(out)["findings"]]
        expect(f"the exit status of `physmem {words}`, which finds {codes}", bool(codes), status == 3)
        return codes

    def record(self, purpose):
        """physmem's record of a load in base64, on one line; empty if another program loaded."""
        path = f"/run/physmem/{purpose}.json"
        return self.guest.text(f"[ ! -e {path} ] || base64 -w 0 {path}")

    def capture(self):
        """The path of a capture of the guest as it is now."""
        path = f"{self.work}/capture.tar.gz"
        self.guest.text("physmem capture -o /tmp/capture.tar.gz")
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.guest.text("base64 /tmp/capture.tar.gz")))
        self.guest.text("rm /tmp/capture.tar.gz")
        return path

    def memory(self, start, end):
        """The bytes of physical memory, as QEMU holds them."""
        path = f"{self.work}/memory"
        self.qemu.do("pmemsave", val=start, size=end - start, filename=path)
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            out = bytes(view)
        os.unlink(path)
        return out

    def system_ram(self, name=r"System RAM.*"):
        """[(start, end)] of the lines of /proc/iomem with such a name."""
        found = re.findall(r"^ *([0-9a-f]+)-([0-9a-f]+) : (.*)$", self.guest.text("cat /proc/iomem"), re.MULTILINE)
        return [(int(start, 16), int(end, 16) + 1) for start, end, what in found if re.fullmatch(name, what)]

    def write_pattern(self, node, pages=1024):
        """Writes pages to a node's memory: {address: bytes}, as QEMU finds them there."""
        place = f"/tmp/node{node}"
        mount = f"mount -t tmpfs -o mpol=bind:{node},size={pages * 2 * vmcore.PAGE} pattern {place}"
        self.guest.text(f"mkdir -p {place} && {mount} && {vmcore.fill(pages, place + '/pattern')}")
        blocks = self.guest.text(f"cd /sys/devices/system/node/node{node} && ls -d memory[0-9]*").split()
        found, size = {}, self.doer.block_size
        for number in sorted(int(name.removeprefix("memory")) for name in blocks):
            found |= vmcore.find(self.memory(number * size, (number + 1) * size), number * size)
        expect(f"pages of the pattern in node {node}", pages, len(set(found.values())))
        return found


def digest(pages):
    """The SHA-256 of pages in the order of their addresses, as sha256sum prints it."""
    return hashlib.sha256(b"".join(pages[address] for address in sorted(pages))).hexdigest() + "  -\n"


def contents(options, files=()):
    """The ramdisk: what every guest has, a kernel to boot next, and the programs that do it."""
    more = ramdisk.modules(options.modules, options.release)
    more |= ramdisk.programs(options.programs, ("kexec", "makedumpfile"))
    more |= {KERNEL.lstrip("/"): ramdisk.content(options.kernel, 0o100644)}
    return ramdisk.archive(options, {}, more | dict(files))
