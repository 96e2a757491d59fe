"""Archives that Linux unpacks as an initial ramdisk: cpio, format "newc" (Documentation/driver-api/early-userspace)."""


def archive(files):
    """An archive of {name: (mode, content)}, in this order. Directories must be named before what lies in them."""
    out = bytearray()
    entries = [*files.items(), ("TRAILER!!!", (0, b""))]
    for inode, (name, (mode, content)) in enumerate(entries, 1):
        name = name.encode() + b"\0"
        links = 2 if mode & 0o40000 else 1
        numbers = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08x" % n for n in numbers) + name
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out + bytes(-len(out) % 512))
