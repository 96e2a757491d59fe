//! What a binary file is, by its first bytes: for a message about a file that was given by mistake.

/// Where they are, the bytes, and the message.
const KNOWN: [(usize, &[u8], &str); 14] = [
    (0, b"\x7fELF", "it is an ELF file (a kernel, a program or a core dump)"),
    (0x202, b"HdrS", "it is an x86 kernel image (bzImage)"),
    (56, b"ARM\x64", "it is an arm64 kernel image"),
    (56, b"RSC\x05", "it is a RISC-V kernel image"),
    (0, b"KDUMP", "it is a crash dump (makedumpfile)"),
    (0, b"DISKDUMP", "it is a crash dump (diskdump)"),
    (0, b"070701", "it is a cpio archive (an initial ramdisk)"),
    (0, b"070702", "it is a cpio archive (an initial ramdisk)"),
    (0, b"\x1f\x8b", "it is compressed with gzip: unpack it first"),
    (0, b"\xfd7zXZ\0", "it is compressed with xz: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it first"),
    (0, b"BZh", "it is compressed with bzip2: unpack it first"),
    (0, b"PK\x03\x04", "it is a zip archive: unpack it first"),
    (0, b"MZ", "it is an EFI program (PE)"),
];

/// What the file is, as the middle of a sentence; `None` if its first bytes are not known.
pub(crate) fn name(bytes: &[u8]) -> Option<&'static str> {
    let begins = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let found = KNOWN.iter().find(|(at, magic, _)| begins(*at, magic));
    let utf16 = || begins(0, b"\xff\xfe").then_some("it is text in UTF-16: convert it to UTF-8");
    found.map(|(.., name)| *name).or_else(utf16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_called_a_kernel_and_the_unknown_nothing() {
        let mut image = vec![0; 0x300];
        image[..2].copy_from_slice(b"MZ");
        image[56..60].copy_from_slice(b"ARM\x64");
        assert_eq!(name(&image), Some("it is an arm64 kernel image"));
        assert_eq!(name(b"\x7fELF\x02"), Some("it is an ELF file (a kernel, a program or a core dump)"));
        assert_eq!(name(b"\0\0\0"), None);
    }
}
