#!/usr/bin/env python3
"""Boots one machine of the table in QEMU and brings its capture back.

  boot.py --kernel FILE --config FILE --release R --busybox FILE --physmem FILE [--ovmf DIR] --out DIR MACHINE

Writes DIR/MACHINE.tar.gz (what `physmem capture` wrote in the guest) and DIR/MACHINE.log (its console). Exit status 1:
no capture came back in two boots; 77: the machine boots by EFI, and no OVMF was given.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import machines
import ramdisk

# A boot takes 5 to 20 s without KVM; a busy host takes longer.
LIMIT_SECONDS = 120
TRIES = 2


def command(options, machine, work):
    """QEMU's command line. The console goes to the first serial port, the capture to the second."""
    # no_timer_check: on a busy host the check of the timer fails, and Linux panics.
    line = f"console=ttyS0 panic=-1 loglevel=4 no_timer_check {machine.cmdline} {options.append}".strip()
    arguments = [
        "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-accel", "tcg", "-cpu", "max", "-smp", "1",
        "-serial", f"file:{work}/console", "-serial", f"file:{work}/capture",
        "-kernel", options.kernel, "-initrd", f"{work}/initrd", "-append", line,
        *machine.memory_arguments(),
    ]  # fmt: skip
    if machine.firmware == "efi":
        shutil.copy(f"{options.ovmf}/OVMF_VARS_4M.fd", f"{work}/variables")
        flash = "if=pflash,format=raw,unit"
        arguments += ["-M", "q35", "-drive", f"{flash}=0,readonly=on,file={options.ovmf}/OVMF_CODE_4M.fd"]
        arguments += ["-drive", f"{flash}=1,file={work}/variables"]
    return arguments


def attempt(options, machine, work):
    """Boots once. None if the capture came back whole, else the reason."""
    with open(f"{work}/initrd", "wb") as file:
        file.write(ramdisk.archive(options, machine.own_tables()))
    for name in ("console", "capture"):
        open(f"{work}/{name}", "wb").close()
    try:
        ended = subprocess.run(
            command(options, machine, work), stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it ran longer than {LIMIT_SECONDS} s"
    if ended.returncode:
        return "QEMU failed: " + ended.stderr.decode(errors="replace").strip()
    with open(f"{work}/console", "rb") as file:
        console = file.read().decode(errors="replace")
    with open(f"{work}/capture", "rb") as file:
        came = file.read()
    sent = re.search(r"guest: sent (\d+) bytes, sha256 ([0-9a-f]{64})", console)
    if not sent:
        panic = re.search(r"Kernel panic - [^\r\n]*", console)
        return panic[0] if panic else "its console ends without a capture"
    # EFI firmware writes to every serial port: what was sent is the end of what came.
    capture = came[-int(sent[1]) :]
    if hashlib.sha256(capture).hexdigest() != sent[2]:
        return f"the capture was damaged on its way: {sent[1]} bytes were sent, {len(came)} came"
    with open(f"{work}/capture", "wb") as file:
        file.write(capture)
    return None


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for option in ("kernel", "release", "busybox", "physmem", "out"):
        parser.add_argument("--" + option, required=True)
    parser.add_argument("--config")
    parser.add_argument("--ovmf")
    parser.add_argument("--append", default="")
    parser.add_argument("machine")
    options = parser.parse_args()
    machine = machines.read()[options.machine]
    if machine.firmware == "efi" and not options.ovmf:
        return 77
    os.makedirs(options.out, exist_ok=True)
    base = os.path.join(options.out, machine.name)
    for number in range(1, TRIES + 1):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="guest-") as work:
            why = attempt(options, machine, work)
            shutil.copy(f"{work}/console", base + ".log")
            if why is None:
                shutil.copy(f"{work}/capture", base + ".tar.gz")
                print(f"{machine.name}: booted and captured in {time.monotonic() - begun:.0f} s")
                return 0
        print(f"{machine.name}: boot {number} of {TRIES}: {why}; console: {base}.log", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
