//! EFI zboot images: an EFI program that carries a compressed kernel and unpacks it. arm64, RISC-V and LoongArch
//! build them as `vmlinuz.efi`.
//!
//! No document describes the header. Source: images as built, and the loaders that unpack them (U-Boot, QEMU,
//! kexec-tools), which agree: "MZ" at 0, "zimg" at 4, the payload's offset and size as 32-bit numbers at 8
//! and 0xc, and the NUL-terminated name of its compression in bytes 0x18 to 0x38.

use std::fmt;
use std::ops::Range;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::ImageError;
use super::wire::{slice, view};

mod unpack;

pub use unpack::UnpackError;

/// How the kernel in a zboot image is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression<'a> {
    /// `gzip`.
    Gzip,
    /// `xz` or, as Linux's build names it, `xzkern`.
    Xz,
    /// `zstd` or, as Linux's build names it, `zstd22`.
    Zstd,
    /// Another name, such as `lzma`, `lzo` or `lz4`, which is not unpacked here.
    Other(&'a str),
}

/// The name, without the suffix that only Linux's build adds.
impl fmt::Display for Compression<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Other(name) => name,
        })
    }
}

/// An EFI zboot image.
///
/// A value of this type proves that the payload lies inside the file, after the header.
///
/// ```no_run
/// use images::{Image, Zboot};
///
/// let bytes = std::fs::read("/boot/vmlinuz.efi")?;
/// let kernel = Zboot::new(&bytes)?.unpack(256 << 20)?;
/// println!("{}", Image::new(&kernel)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zboot<'a> {
    payload: &'a [u8],
    offset: usize,
    compression: Compression<'a>,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHeader {
    mz: [u8; 2],
    _reserved: [u8; 2],
    zimg: [u8; 4],
    payload_offset: U32,
    payload_size: U32,
    _reserved1: [u8; 8],
    compression: [u8; 32],
    _linux_pe_magic: [u8; 4],
    _pe_offset: U32,
}
const HEADER_SIZE: u64 = 64;
const _: () = assert!(size_of::<WireHeader>() as u64 == HEADER_SIZE);

impl<'a> Zboot<'a> {
    /// Whether `bytes` have `MZ` at their start and `zimg` at byte 4.
    pub fn has_marks(bytes: &[u8]) -> bool {
        bytes.starts_with(b"MZ") && bytes.get(4..8) == Some(b"zimg")
    }

    /// Reads and checks the header of `bytes`, a whole file.
    ///
    /// # Errors
    ///
    /// [`ImageError::TooShort`] if header or payload do not fit into the file, [`ImageError::Value`] if a
    /// magic is missing, the payload is empty or begins inside the header, or the compression has no name.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let wire: &WireHeader = view(bytes, 0, "the zboot header")?;
        let value = |what, offset, found, expected| Err(ImageError::Value { what, offset, found, expected });
        if wire.mz != *b"MZ" {
            let found = u16::from_le_bytes(wire.mz).into();
            return value("the EFI program's magic", 0, found, "0x5a4d, \"MZ\"");
        }
        if wire.zimg != *b"zimg" {
            return value("the magic", 4, u32::from_le_bytes(wire.zimg).into(), "0x676d697a, \"zimg\"");
        }
        let (offset, size) = (wire.payload_offset.get(), wire.payload_size.get());
        if u64::from(offset) < HEADER_SIZE {
            return value("the payload's offset", 8, offset.into(), "0x40 or more, after the header");
        }
        if size == 0 {
            return value("the payload's size", 0xc, 0, "the compressed kernel's size in bytes");
        }
        let payload = slice(bytes, offset.into(), size.into(), "the payload")?;
        let compression = compression(&wire.compression)?;
        // It fits: the payload is inside the file.
        Ok(Self { payload, offset: usize::try_from(offset).unwrap_or(usize::MAX), compression })
    }

    /// Where the compressed kernel lies in the file, in bytes.
    pub fn payload(&self) -> Range<usize> {
        self.offset..self.offset.saturating_add(self.payload.len())
    }

    /// How it is compressed.
    pub const fn compression(&self) -> Compression<'a> {
        self.compression
    }
}

/// The compression named in a field of the header.
fn compression(field: &[u8; 32]) -> Result<Compression<'_>, ImageError> {
    let len = field.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(field.len());
    let end = field.get(len).copied();
    let name = field.get(..len).and_then(|name| str::from_utf8(name).ok()).unwrap_or("");
    if end != Some(0) || name.is_empty() {
        return Err(ImageError::Value {
            what: "a byte of the compression's name",
            offset: (len as u64).saturating_add(0x18),
            found: end.unwrap_or(0).into(),
            expected: "printable ASCII, at most 31 characters, and then 0",
        });
    }
    Ok(match name {
        "gzip" => Compression::Gzip,
        "xz" | "xzkern" => Compression::Xz,
        "zstd" | "zstd22" => Compression::Zstd,
        other => Compression::Other(other),
    })
}

#[cfg(test)]
pub(super) mod tests;
