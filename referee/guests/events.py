"""The words of events (`add dimm 1G node 1 as d0`), and what makes them happen: QEMU plugs, or the guest writes."""

import json
import re
import time

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
MEMORY = "/sys/devices/system/memory"
HOTPLUG = "/sys/module/memory_hotplug/parameters"
POLICY = {
    "state": f"{MEMORY}/auto_online_blocks",
    "online_policy": f"{HOTPLUG}/online_policy",
    "ratio": f"{HOTPLUG}/auto_movable_ratio",
    "numa_aware": f"{HOTPLUG}/auto_movable_numa_aware",
}
# Every guest is a PC.
PAGE_SIZE = 4096
# How long a kernel without KVM on a busy host may take to add or remove a device.
LIMIT_SECONDS = 60
# What the guest's shell prints for an error number, and its name.
ERRORS = {
    "Device or resource busy": "EBUSY",
    "Resource busy": "EBUSY",
    "Invalid argument": "EINVAL",
    "Interrupted system call": "EINTR",
    "Cannot allocate memory": "ENOMEM",
    "Operation not permitted": "EPERM",
    "Resource temporarily unavailable": "EAGAIN",
    "File exists": "EEXIST",
}


def size(text):
    """Bytes of `1G`, `512M` or `0x8000000`."""
    match = re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)([KMGT]?)(iB|B)?", text)
    if not match:
        raise ValueError(f"{text} is not a size or an address such as 512M, 1G or 0x100000000")
    return int(match[1], 0) * UNITS[match[2]]


class Words:
    """An event, with its words by name: `kind`, `thing`, and what follows `at`, `node`, `as`, ..."""

    LONGER = {"up": "to"}
    KEYS = ("at", "and", "node", "as", "in", "to", "up", "over", "online")

    def __init__(self, text):
        self.text = text
        words = text.split()
        if not words:
            raise ValueError("an event of no words")
        self.kind, *words = words
        if "-" in self.kind and self.kind.startswith(("add-", "remove-")):
            self.kind, _, thing = self.kind.partition("-")
            words.insert(0, thing)
        self.places, self.named, self.settings = [], {}, {}
        words = iter(words)
        for word in words:
            key, equals, value = word.partition("=")
            if equals and key in self.KEYS:
                self.named[key] = value
            elif equals:
                self.settings[key] = value
            elif word in self.KEYS and self.kind in ("add", "resize"):
                value = next(words, None)
                if value == self.LONGER.get(word):
                    value = next(words, None)
                if value is None:
                    raise ValueError(f"`{text}` ends after `{word}`")
                self.named[word] = value
            else:
                self.places.append(word)

    def place(self, number, what):
        """A word that has no name, by its place."""
        if number >= len(self.places):
            raise ValueError(f"`{self.text}`: expected {what}")
        return self.places[number]

    def name(self):
        """What a device is called."""
        if "as" not in self.named:
            raise ValueError(f"`{self.text}`: QEMU needs a name for it; expected `as NAME`")
        return self.named["as"]

    def number(self, name):
        """What follows `name`, as bytes or an address; None if it is not there."""
        return size(self.named[name]) if name in self.named else None


def virtio_mem_arguments(events):
    """QEMU's arguments for the virtio-mem devices that will be added: plugged from the start, without memory. Linux
    names them virtio0, virtio1, ... in this order, and no driver takes one before its event."""
    arguments = []
    for words in map(Words, events):
        if words.kind != "add" or words.place(0, "what is added") != "virtio-mem":
            continue
        name, length = words.name(), words.number("up") or size(words.place(1, "a size"))
        device = f"virtio-mem-pci,id={name},memdev=m-{name},node={words.named.get('node', 0)},requested-size=0"
        device += f",memaddr={words.number('at')},block-size={words.number('in') or 2 * UNITS['M']}"
        arguments += ["-object", f"memory-backend-ram,id=m-{name},size={length}", "-device", device]
    return arguments


# The status of a report by _OST (ACPI 6.5, 6.3.5): success, and an ejection that goes on.
DONE_OR_UNDER_WAY = (0, 0x84)


def is_report(event, name):
    """Whether QEMU says that the guest evaluated _OST of this device."""
    return event["event"] == "ACPI_DEVICE_OST" and event["data"]["info"].get("device") == name


class Doer:
    """Makes events happen to one guest. Each method returns None, or the error with which the guest refused."""

    def __init__(self, qemu, guest, by_physmem):
        self.qemu, self.guest, self.by_physmem = qemu, guest, by_physmem
        self.pinned = []
        self.block_size = int(guest.text(f"cat {MEMORY}/block_size_bytes"), 16)

    def do(self, text):
        """The error, and the blocks that turned out to hold pages that cannot move."""
        words, self.pinned = Words(text), []
        method = {
            "policy": self.policy,
            "add": self.add,
            "resize": self.resize,
            "online": self.change,
            "offline": self.change,
            "remove": self.remove,
        }.get(words.kind)
        if method is None:
            raise ValueError(f"`{text}`: no guest can do this; expected add, resize, online, offline, remove or policy")
        lines = int(self.guest.text("dmesg | wc -l"))
        refused = method(words)
        self.settle()
        log = self.guest.text(f"dmesg | tail -n +{lines + 1}").splitlines()
        if refused and words.kind == "remove":
            # The kernel dumps the page at which it gave up; that is all it says of the block.
            dumped = re.findall(r"^.*\bpage:.*\bpfn:(0x[0-9a-f]+)", "\n".join(log), re.MULTILINE)
            blocks = {int(pfn, 16) * PAGE_SIZE // self.block_size for pfn in dumped}
            self.pinned = [f"memory{block}" for block in sorted(blocks)]
        return refused, self.pinned, log

    def settle(self):
        """Waits until a write gets the lock that every hot-plug holds, and nothing changes any more."""
        self.guest.run(f"echo online >{MEMORY}/memory0/state")
        look = f"$(cat /proc/iomem {MEMORY}/memory*/state {MEMORY}/memory*/valid_zones | md5sum)"
        self.guest.until(f'a=$b; b={look}; [ "$a" = "$b" ]', LIMIT_SECONDS)

    def policy(self, words):
        for key, value in words.settings.items():
            if key not in POLICY:
                known = ", ".join(POLICY)
                raise ValueError(f"`{words.text}`: {key} cannot change while a kernel runs; expected {known}")
            if refused := self.write(value, POLICY[key]):
                return refused
        return None

    def write(self, value, path):
        status, out = self.guest.run(f"echo {value} >{path}")
        if status == 0:
            return None
        words = out.decode(errors="replace").strip()
        return next((name for said, name in ERRORS.items() if said in words), words or f"status {status}")

    def add(self, words):
        what = words.place(0, "what is added: dimm, virtio-mem or kmem")
        method = {"dimm": self.add_dimm, "virtio-mem": self.add_virtio_mem, "kmem": self.add_kmem}.get(what)
        if method is None:
            raise ValueError(f"`{words.text}`: QEMU has no {what}; expected dimm, virtio-mem or kmem")
        return method(words)

    def add_dimm(self, words):
        length, node, name = size(words.place(1, "a size")), int(words.named.get("node", 0)), words.name()
        self.qemu.do("object-add", qom_type="memory-backend-ram", id=f"m-{name}", size=length)
        device = {"driver": "pc-dimm", "id": name, "memdev": f"m-{name}", "node": node, "addr": words.number("at")}
        self.qemu.do("device_add", **{key: value for key, value in device.items() if value is not None})
        listed = (each["data"] for each in self.qemu.do("query-memory-devices"))
        start = next(data["addr"] for data in listed if data.get("id") == name)
        # The guest reports to the firmware (_OST) when it is done with the device, whatever came of it.
        if not self.qemu.event(lambda event: is_report(event, name), LIMIT_SECONDS):
            return "no answer to the new device"
        last = (start + length - 1) // self.block_size
        return None if self.guest.run(f"[ -e {MEMORY}/memory{last} ]")[0] == 0 else "no memory block came"

    def add_virtio_mem(self, words):
        """The device is there from the start, see virtio_mem_arguments; now the driver takes it."""
        length, name = size(words.place(1, "a size")), words.name()
        self.qemu.do("qom-set", path=f"/machine/peripheral/{name}", property="requested-size", value=length)
        # Newer kernels of Debian's have virtio_pci built in.
        self.guest.run("modprobe virtio_pci")
        self.guest.text("echo 0 >/sys/bus/virtio/drivers_autoprobe; modprobe virtio_mem")
        self.guest.text(f"echo {name} >/sys/bus/virtio/drivers/virtio_mem/bind")
        return self.reach(name, length)

    def add_kmem(self, words):
        device = words.place(1, "a dax device")
        drivers = "/sys/bus/dax/drivers"
        self.guest.text("modprobe kmem")
        # A device that is taken as a file must be given up first; one that kmem takes by itself needs nothing.
        self.guest.run(f"[ -e {drivers}/device_dax/{device} ] && echo {device} >{drivers}/device_dax/unbind")
        status, out = self.guest.run(f"[ -e {drivers}/kmem/{device} ] || echo {device} >{drivers}/kmem/new_id")
        taken = self.guest.until(f"[ -e {drivers}/kmem/{device} ]", 5)
        return None if taken else f"kmem does not take {device}: status {status} {out.decode(errors='replace').strip()}"

    def reach(self, name, wanted):
        """Waits until a virtio-mem device has its size, or has stopped short of it."""
        path, before, stuck = f"/machine/peripheral/{name}", None, time.monotonic() + LIMIT_SECONDS
        # The guest looks again for memory to give back after 5 s, then after ever longer times; this is a step of it.
        while time.monotonic() < stuck:
            now = self.qemu.do("qom-get", path=path, property="size")
            if now == wanted:
                return None
            if now != before:
                before, stuck = now, time.monotonic() + 12
            time.sleep(0.1)
        return f"size {before:#x} instead of {wanted:#x}"

    def resize(self, words):
        name, wanted = words.place(0, "a device"), words.number("to")
        if wanted is None:
            raise ValueError(f"`{words.text}`: expected `to SIZE`")
        self.qemu.do("qom-set", path=f"/machine/peripheral/{name}", property="requested-size", value=wanted)
        return self.reach(name, wanted)

    def blocks(self, what):
        """The numbers of `memory40`, `memory40-memory43` or `node1`."""
        if re.fullmatch(r"node\d+", what):
            listed = self.guest.text(f"ls -d /sys/devices/system/node/{what}/memory[0-9]*").split()
            return sorted(int(path.rpartition("memory")[2]) for path in listed)
        match = re.fullmatch(r"memory(\d+)(?:-(?:memory)?(\d+))?", what)
        if not match:
            raise ValueError(f"{what} is no memory; expected memory40, memory40-memory43 or node1")
        return list(range(int(match[1]), int(match[2] or match[1]) + 1))

    def change(self, words):
        """Blocks that were in the state before do not count, unless all were: the kernel refuses those."""
        what, *how = words.places
        before = self.guest.run(f"grep -lx {words.kind} {MEMORY}/memory*/state")[1].decode().split()
        if self.by_physmem:
            refusals = self.change_by_physmem(words.kind, what, *(f"--{zone}" for zone in how))
        else:
            state = "_".join([words.kind, *how])
            refusals = {number: self.write(state, f"{MEMORY}/memory{number}/state") for number in self.blocks(what)}
        before = {int(path.split("/")[-2].removeprefix("memory")) for path in before}
        changed = {number: refused for number, refused in refusals.items() if number not in before}
        if words.kind == "offline":
            self.pinned = [f"memory{number}" for number, refused in changed.items() if refused == "EBUSY"]
        return next((refused for refused in changed.values() if refused), None if changed else "EINVAL")

    def change_by_physmem(self, kind, what, *options):
        """{block: error number, or None} of `physmem online` or `physmem offline`."""
        command = " ".join(["physmem", kind, "-J", "-q", *options, what])
        status, out = self.guest.run(f"{command} 2>/tmp/why || cat /tmp/why")
        said = out.decode(errors="replace")
        try:
            blocks = json.JSONDecoder().raw_decode(said)[0]["blocks"]
        except ValueError as error:
            raise ValueError(f"{command}: status {status}: {said.strip()}") from error
        errors = {block["index"]: block["error"] for block in blocks}
        return {number: error and (error["errno"] or error["rule"]) for number, error in errors.items()}

    def remove(self, words):
        name = words.place(0, "a device")
        if re.fullmatch(r"dax\d+\.\d+", name):
            refused = self.write(name, "/sys/bus/dax/drivers/kmem/unbind")
            # The driver goes even if its memory cannot.
            stays = self.guest.run(f"grep -q ' : {name}$' /proc/iomem")[0] == 0
            return refused or ("its memory stays" if stays else None)
        self.qemu.do("device_del", id=name)

        def is_end(event):
            gone = event["event"] == "DEVICE_DELETED" and event["data"].get("device") == name
            return gone or (is_report(event, name) and event["data"]["info"]["status"] not in DONE_OR_UNDER_WAY)

        event = self.qemu.event(is_end, LIMIT_SECONDS)
        if event is None:
            return "no answer to the ejection"
        if event["event"] != "DEVICE_DELETED":
            return "refused"
        self.qemu.do("object-del", id=f"m-{name}")
        return None
