#!/usr/bin/env python3
"""Leads one guest through a life, and writes down what it shows after each event.

  life.py --kernel FILE --config FILE --release R --modules DIR --busybox FILE --physmem FILE --out DIR [--by-physmem]
          [--append WORDS] LIFE.toml

Writes below DIR, for a life called L: L.tar.gz, the capture from which the life begins; L.steps.json, each event with
what the guest showed after it (`physmem show -J`); L.log, the console. Exit status 1: no life came to its end in two
boots; 2: the life is not one; 3: the guest did something else than the life says (a status, a word); 77: the release is
older than the life.
"""

import argparse
import base64
import json
import os
import re
import shutil
import sys
import tempfile
import time
import tomllib

import machines
import ramdisk
from dialogue import Gone, Guest, Qemu
from events import Doer, Words, virtio_mem_arguments

TRIES = 2
# What two states are compared by.
MEMBERS = ("iomem", "blocks", "zones", "firmware_map", "memblock")
BASE = "console=ttyS0 panic=-1 loglevel=4 no_timer_check physmem.serve"


class Life:
    """A file of lives/: the steps of a scenario, and the guest that lives them. README.md has the members."""

    STEP = {"name", "events", "do", "status", "says"}
    GUEST = {"nodes", "cmdline", "qemu", "setup", "since"}

    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".toml")
        try:
            with open(path, "rb") as file:
                read = tomllib.load(file)
            self.title, guest, self.steps = read["title"], read["guest"], read["step"]
            unknown = guest.keys() - self.GUEST
            for step in self.steps:
                unknown |= step.keys() - self.STEP
                for event in step.get("events", []):
                    Words(event)
            if unknown:
                raise ValueError(f"nothing is called {', '.join(sorted(unknown))}")
            row = "\t".join([self.name, guest.get("since", "3.0"), "bios", guest["nodes"], guest.get("cmdline", "")])
            self.machine = machines.Machine(row)
        except KeyError as missing:
            raise ValueError(f"{path}: no {missing.args[0]}") from missing
        except (tomllib.TOMLDecodeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        self.qemu, self.setup = guest.get("qemu", []), guest.get("setup", [])


def command(options, life, work):
    """QEMU's command line. The console goes to the first serial port, the dialogue to the second."""
    line = f"{BASE} {life.machine.cmdline} {options.append}".strip()
    return [
        "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-accel", "tcg", "-cpu", "max", "-smp", "1",
        "-serial", f"file:{work}/console", "-serial", f"unix:{work}/guest,server=on,wait=off",
        "-kernel", options.kernel, "-initrd", f"{work}/initrd", "-append", line,
        *life.machine.memory_arguments(grows=True), *life.qemu,
        *virtio_mem_arguments(event for step in life.steps for event in step.get("events", [])),
    ]  # fmt: skip


def shown(guest):
    """What the guest shows of its memory now."""
    said = json.loads(guest.text("physmem show -J"))
    return {member: said.get(member) for member in MEMBERS}


def live(options, life, work):
    """One boot and all steps: the capture, the steps, and what the life says otherwise than the guest."""
    with open(f"{work}/initrd", "wb") as file:
        modules = ramdisk.modules(options.modules, options.release)
        file.write(ramdisk.archive(options, life.machine.own_tables(), modules))
    qemu = Qemu(command(options, life, work), work)
    try:
        guest = Guest(f"{work}/guest", qemu.process)
        for line in life.setup:
            guest.text(line)
        doer = Doer(qemu, guest, options.by_physmem)
        doer.settle()
        guest.text("physmem capture -o /tmp/capture.tar.gz")
        capture = base64.b64decode(guest.text("base64 /tmp/capture.tar.gz"))
        steps = [{"name": None, "event": "start", "state": shown(guest)}]
        wrong = []
        for number, step in enumerate(life.steps, 1):
            name = step.get("name", f"step {number}")
            lived, complaint = take(step, doer, guest)
            steps += [{"name": name, **each} for each in lived]
            wrong += [f"{name}: {complaint}"] if complaint else []
        return capture, steps, wrong
    finally:
        qemu.end()


def take(step, doer, guest):
    """One step: what the guest showed after each of its events, and a complaint if it did not do as the life says."""
    events = step.get("events", [])
    if "do" not in step:
        lived = []
        for event in events:
            refused, pinned, log = doer.do(event)
            lived.append({"event": event, "refused": refused, "pinned": pinned, "state": shown(guest), "log": log})
        return lived, None
    status, out = guest.run(step["do"])
    said = out.decode(errors="replace")
    doer.settle()
    complaint = None
    if status != step.get("status", 0):
        complaint = f"status {status} instead of {step.get('status', 0)}: {said.strip()}"
    elif not re.search(step.get("says", ""), said):
        complaint = f"expected words like `{step['says']}`, it said: {said.strip()}"
    # Only the state after the last event was seen, and not which of them was refused.
    lived = [{"event": event, "state": None} for event in events]
    if lived:
        lived[-1]["state"] = shown(guest)
    return lived, complaint


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for option in ("kernel", "release", "modules", "busybox", "physmem", "out"):
        parser.add_argument("--" + option, required=True)
    parser.add_argument("--config")
    parser.add_argument("--append", default="")
    parser.add_argument("--by-physmem", action="store_true")
    parser.add_argument("life")
    options = parser.parse_args()
    try:
        life = Life(options.life)
    except (OSError, ValueError) as error:
        print(f"life.py: {error}", file=sys.stderr)
        return 2
    if machines.version(options.release) < life.machine.since:
        print(f"{life.name}: SKIPPED: Linux {options.release} is older than its parameters")
        return 77
    base = os.path.join(options.out, life.name)
    for number in range(1, TRIES + 1):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="guest-") as work:
            open(f"{work}/console", "wb").close()
            try:
                capture, steps, wrong = live(options, life, work)
                why = None
            except (Gone, ValueError) as error:
                why = str(error)
            shutil.copy(f"{work}/console", base + ".log")
        if why is None:
            with open(base + ".tar.gz", "wb") as file:
                file.write(capture)
            with open(base + ".steps.json", "w", encoding="utf-8") as file:
                json.dump(steps, file, indent=1)
            print(f"{life.name}: {life.title}: lived {len(steps) - 1} events in {time.monotonic() - begun:.0f} s")
            for line in wrong:
                print(f"{life.name}: {line}")
            return 3 if wrong else 0
        print(f"{life.name}: boot {number} of {TRIES}: {why}; console: {base}.log", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
