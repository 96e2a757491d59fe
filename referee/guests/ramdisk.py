"""What a guest runs from: its initial ramdisk."""

import gzip
import lzma
import os
import re
import subprocess

import cpio

HERE = os.path.dirname(os.path.abspath(__file__))
UNPACK = {".ko": bytes, ".ko.xz": lzma.decompress, ".ko.gz": gzip.decompress}


def content(path, mode=0o100755):
    """A file of the ramdisk: its mode, its bytes."""
    with open(path, "rb") as file:
        return mode, file.read()


def libraries(program):
    """The shared libraries that a program needs, with the paths at which its loader looks for them."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if said.returncode:
        return []  # a static program
    return sorted(set(re.findall(r"(/\S+) \(0x", said.stdout)))


def programs(tree, names):
    """Programs of another Debian, each at bin/NAME: with the libraries of their own in a directory of their own, since
    those that physmem was linked with may be older."""
    found = {name: path for top, _, files in os.walk(tree) for name in files for path in [os.path.join(top, name)]}
    loader = os.path.realpath(found["ld-linux-x86-64.so.2"])
    own = os.path.dirname(loader)
    own = f"{own}:{own}/systemd"
    root = {"tools/ld.so": content(loader)}
    for name in names:
        path = found[name]
        listed = [loader, "--library-path", own, "--list", path]
        said = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        for library, where in re.findall(r"(\S+) => (/\S+) \(0x", said):
            root[f"tools/{os.path.basename(library)}"] = content(where)
        root[f"tools/{name}"] = content(path)
        script = f'#!/bin/sh\nexec /tools/ld.so --library-path /tools /tools/{name} "$@"\n'
        root[f"bin/{name}"] = (0o100755, script.encode())
    return root


def modules(directory, release):
    """The kernel's modules in `directory`, unpacked, with the list of dependencies that modprobe reads."""
    files, needs = {}, {}
    for name in sorted(os.listdir(directory)):
        stem = name.partition(".")[0].replace("-", "_")
        unpack = UNPACK.get(name[name.index(".") :]) if "." in name else None
        if unpack is None:
            raise ValueError(f"{directory}/{name}: expected a module, .ko, .ko.xz or .ko.gz")
        module = unpack(content(os.path.join(directory, name))[1])
        files[stem] = module
        # A module names what it needs in its section .modinfo: words that end in a zero byte.
        said = re.search(rb"\0depends=([^\0]*)\0", module)
        needs[stem] = [need.replace("-", "_") for need in said[1].decode().split(",") if need] if said else []

    def loading(stem, order):
        """What is loaded for a module, in order, it last. What is built in is in no file."""
        for need in needs[stem]:
            if need in files and need not in order:
                loading(need, order)
        order.append(stem)
        return order

    def chain(stem):
        # modprobe begins at the end of the line.
        return reversed(loading(stem, [])[:-1])

    lines = [f"{stem}.ko: " + " ".join(f"{need}.ko" for need in chain(stem)) + "\n" for stem in files]
    place = f"lib/modules/{release}"
    root = {f"{place}/{stem}.ko": (0o100644, module) for stem, module in files.items()}
    return root | {f"{place}/modules.dep": (0o100644, "".join(lines).encode())}


def archive(options, tables, more=()):
    """The ramdisk: ACPI tables first, in an archive of their own as Linux asks, then the guest's files.

    `options`: busybox, physmem, release, config. `tables` and `more`: {name: (mode, content)}.
    """
    files = {
        "init": content(os.path.join(HERE, "init")),
        "bin/busybox": content(options.busybox),
        "bin/physmem": content(options.physmem),
    } | dict(more)
    if options.config:
        files[f"boot/config-{options.release}"] = content(options.config, 0o100644)
    for path in libraries(options.physmem):
        files[path.lstrip("/")] = content(path)
    directories = {"proc", "sys", "dev", "tmp", "run"}
    for name in files:
        while name := os.path.dirname(name):
            directories.add(name)
    root = {name: (0o40755, b"") for name in sorted(directories)} | files
    return (cpio.archive(tables) if tables else b"") + cpio.archive(root)
