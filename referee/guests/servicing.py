"""Debian's kdump-tools in a guest: its script, its rule, and the udev that runs it."""

import os

import ramdisk
from stage import CRASH, KERNEL

# Where both wait, and are counted.
GROUP = "/sys/fs/cgroup/measured"
# What the script takes from lsb-base and from `file`, in as few words as it needs.
MESSAGES = "".join(f'{name}() {{ echo "$@"; }}\n' for name in ("log_action_msg", "log_failure_msg", "log_success_msg", "log_warning_msg"))
FILE = '#!/bin/sh\nif [ -h "$1" ]; then echo "$1: symbolic link to $(readlink "$1")"; else echo "$1: Linux kernel x86 boot executable bzImage"; fi\n'
DEFAULTS = f"""\
USE_KDUMP=1
KDUMP_KERNEL=/var/lib/kdump/vmlinuz
KDUMP_INITRD=/var/lib/kdump/initrd.img
KDUMP_COREDIR=/var/crash
KDUMP_CMDLINE="{CRASH}"
KDUMP_CMDLINE_APPEND="irqpoll"
"""
UDEVD = '#!/bin/sh\nexec /tools/ld.so --argv0 systemd-udevd --library-path /tools /tools/udevadm "$@"\n'
OF_THE_PACKAGE = {
    "usr/sbin/kdump-config": 0o100755,
    "usr/lib/udev/rules.d/50-kdump-tools.rules": 0o100644,
    "etc/kdump/sysctl.conf": 0o100644,
}


def files(tree):
    """{name: (mode, content)} of the ramdisk: the package's own script and rule, and what they need."""
    root = ramdisk.programs(tree, ("udevadm", "flock"))
    root |= {name: ramdisk.content(os.path.join(tree, name), mode) for name, mode in OF_THE_PACKAGE.items()}
    texts = {
        "lib/lsb/init-functions": MESSAGES,
        "bin/file": FILE,
        "bin/udevd": UDEVD,
        "sbin/kexec": '#!/bin/sh\nexec /bin/kexec "$@"\n',
        "etc/default/kdump-tools": DEFAULTS,
        "etc/udev/udev.conf": "",
    }
    programs = ("bin/", "sbin/")
    return root | {name: (0o100755 if name.startswith(programs) else 0o100644, text.encode()) for name, text in texts.items()}


def prepare(stage):
    """The files that the service keeps, and a group of processes whose use is measured."""
    initrd = "/var/lib/kdump/initrd.img-$(uname -r)"
    for line in (
        f"ln -s {KERNEL} /boot/vmlinuz-$(uname -r)",
        f"mkdir -p /var/lib/kdump /var/crash && ln /boot/initrd {initrd}",
        "cp /etc/kdump/sysctl.conf /var/lib/kdump/latest_sysctls-$(uname -r)",
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup && echo +memory >/sys/fs/cgroup/cgroup.subtree_control",
        f"mkdir {GROUP}",
    ):
        stage.guest.text(line)


def used(stage):
    """(most memory at a time in KiB, seconds of CPU) of all that ran in the group."""
    seconds = int(stage.guest.text(f"sed -n 's/^usage_usec //p' {GROUP}/cpu.stat")) / 1e6
    return int(stage.guest.text(f"cat {GROUP}/memory.peak")) // 1024, seconds
