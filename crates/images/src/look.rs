//! What a file looks like that is not a kernel image.

use std::fmt;

/// What the first bytes of a file suggest it is. A guess for messages; nothing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    /// An empty file.
    Empty,
    /// A compressed file, with the name of the tool that unpacks it. Distributions ship arm64 kernels this
    /// way.
    Compressed(&'static str),
    /// A cpio archive, which may be an initial ramdisk.
    Cpio,
    /// A flattened device tree.
    DeviceTree,
    /// An EFI or Windows program without a kernel's magic, or too short to have one.
    Efi {
        /// Length of the file.
        len: usize,
    },
    /// A RISC-V Image, a kernel of an architecture that this project does not know.
    RiscV,
    /// Printable text.
    Text,
    /// Nothing but zeros, as left by a failed download or a hole.
    Zeros,
    /// None of these: the first four bytes, with zeros where the file is shorter.
    Unknown([u8; 4]),
}

/// How many bytes of a file are checked to call it text.
const TEXT: usize = 512;
/// The magic of each compression. Sources: RFC 1952, RFC 8878, the xz and lz4 file formats; the others as
/// listed in Linux `Documentation/arch/x86/boot.rst`, "payload_offset".
const COMPRESSIONS: [(&[u8], &str); 8] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (b"BZh", "bzip2"),
    (&[0x5d, 0, 0], "lzma"),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (&[0x89, b'L', b'Z', b'O'], "lzop"),
];

impl Look {
    /// What `bytes` look like.
    pub fn of(bytes: &[u8]) -> Self {
        if let Some((_, tool)) = COMPRESSIONS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Self::Compressed(tool);
        }
        let start = bytes.get(..TEXT).unwrap_or(bytes);
        match bytes {
            [] => Self::Empty,
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', ..] | [0xc7, 0x71, ..] => Self::Cpio,
            [0xd0, 0x0d, 0xfe, 0xed, ..] => Self::DeviceTree,
            _ if bytes.get(0x38..0x3c) == Some(b"RSC\x05") => Self::RiscV,
            [b'M', b'Z', ..] => Self::Efi { len: bytes.len() },
            _ if start.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')) => Self::Text,
            _ if bytes.iter().all(|byte| *byte == 0) => Self::Zeros,
            _ => {
                let mut first = [0; 4];
                first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                Self::Unknown(first)
            }
        }
    }
}

/// What the file is and, if there is one, the next step.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty file"),
            Self::Compressed(tool) => write!(f, "a file compressed with {tool} (unpack it first: {tool} -d)"),
            Self::Cpio => f.write_str("a cpio archive (an initial ramdisk?)"),
            Self::DeviceTree => f.write_str("a flattened device tree"),
            // The last magic, a bzImage's "HdrS", ends here.
            Self::Efi { len } if *len < 0x206 => {
                write!(f, "an EFI program that was cut off at byte {len:#x}")
            }
            Self::Efi { .. } => f.write_str("an EFI program without a kernel's marks"),
            Self::RiscV => f.write_str("a RISC-V Image (\"RSC\\x05\" at byte 0x38)"),
            Self::Text => f.write_str("text"),
            Self::Zeros => f.write_str("a file of zeros"),
            Self::Unknown(first) => write!(f, "a file of an unknown format (it begins with {first:02x?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_files_are_called_by_what_they_are() {
        for (bytes, words) in [
            (&b""[..], "an empty file"),
            (b"\x1f\x8b\x08\x00", "a file compressed with gzip (unpack it first: gzip -d)"),
            (b"\xfd7zXZ\0\0", "a file compressed with xz (unpack it first: xz -d)"),
            (b"070701000002D1", "a cpio archive (an initial ramdisk?)"),
            (b"\xd0\x0d\xfe\xed\0\0", "a flattened device tree"),
            (b"MZ\x90\0", "an EFI program that was cut off at byte 0x4"),
            (b"#!/bin/sh\nexit 1\n", "text"),
            (&[0; 4096], "a file of zeros"),
            (b"\x7fEL", "a file of an unknown format (it begins with [7f, 45, 4c, 00])"),
        ] {
            assert_eq!(Look::of(bytes).to_string(), words);
        }
    }

    #[test]
    fn a_kernel_of_another_architecture_is_named() {
        let mut bytes = vec![0; 64];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x38..0x3c].copy_from_slice(b"RSC\x05");
        assert_eq!(Look::of(&bytes), Look::RiscV);
    }

    #[test]
    fn a_whole_efi_program_is_not_called_cut_off() {
        let mut bytes = vec![0; 0x206];
        bytes[..2].copy_from_slice(b"MZ");
        assert_eq!(Look::of(&bytes).to_string(), "an EFI program without a kernel's marks");
    }
}
