//! The arm64 Image: a 64-byte header, then the kernel as it lies in memory.
//!
//! Source: Linux `Documentation/arch/arm64/booting.rst`, "Call the kernel image"; PE/COFF specification, "MS-DOS
//! Stub" and "COFF File Header", for the EFI program that the same file is.

use memblock::PhysRange;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::ImageError;
use super::wire::view;

/// Where in physical memory the kernel wants to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// As close as possible to the start of RAM: memory below is lost to the kernel. Before Linux 4.6.
    NearStartOfRam,
    /// Anywhere within 48 bits of physical address.
    Anywhere,
}

/// What an arm64 Image's header says.
///
/// ```
/// use images::{Arm64Image, arm64_image::Placement};
///
/// let mut header = [0; 64];
/// header[0x10..0x18].copy_from_slice(&0x2b3_0000_u64.to_le_bytes()); // image_size
/// header[0x18] = 0b1010; // anywhere, pages of 4 KiB, little endian
/// header[0x38..0x3c].copy_from_slice(b"ARM\x64");
/// let kernel = Arm64Image::new(&header)?;
/// assert_eq!((kernel.page_size, kernel.placement), (Some(4096), Placement::Anywhere));
/// assert_eq!(kernel.placed_at(0x4000_0000)?.unwrap().to_string(), "40000000-42b2ffff");
/// # Ok::<(), images::ImageError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arm64Image {
    /// The image's offset from a multiple of 2 MiB, in bytes. 0x80000 if `image_size` is `None`: kernels that
    /// old wrote it in their own byte order.
    pub text_offset: u64,
    /// The memory that the kernel uses from the image's start on, in bytes: more than the file. `None` before
    /// Linux 3.17, where the header does not say; kexec_file_load refuses such images.
    pub image_size: Option<u64>,
    /// `flags`, as in the header.
    pub flags: u64,
    /// Whether the kernel runs in big-endian mode.
    pub big_endian: bool,
    /// The kernel's page size in bytes; `None` when the header does not say.
    pub page_size: Option<u32>,
    /// Where it wants to lie.
    pub placement: Placement,
    /// Where the PE header of the EFI program lies in the file; `None` when the kernel has no EFI stub.
    pub pe_offset: Option<u32>,
    /// The length of the file in bytes.
    pub file_size: usize,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHeader {
    code0: [u8; 4],
    _code1: U32,
    text_offset: U64,
    image_size: U64,
    flags: U64,
    _res2: [U64; 3],
    magic: [u8; 4],
    res5: U32,
}
const _: () = assert!(size_of::<WireHeader>() == 64);

/// Signature and the first field of a PE header.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WirePe {
    signature: [u8; 4],
    machine: U16,
}

/// The image's base is a multiple of this.
const BASE_ALIGNMENT: u64 = 2 << 20;
/// The offset from its base of an image that does not give its size.
const OLD_TEXT_OFFSET: u64 = 0x8_0000;
/// `IMAGE_FILE_MACHINE_ARM64`.
const PE_ARM64: u16 = 0xaa64;

impl Arm64Image {
    /// Whether `bytes` have `ARM\x64` at byte `0x38`.
    pub fn has_marks(bytes: &[u8]) -> bool {
        bytes.get(0x38..0x3c) == Some(b"ARM\x64")
    }

    /// Reads and checks the header of `bytes`, a whole file.
    ///
    /// # Errors
    ///
    /// [`ImageError::TooShort`] if header or PE header do not fit into the file, [`ImageError::Value`] for an
    /// invalid magic, size or PE machine, [`ImageError::Range`] if offset and size wrap.
    pub fn new(bytes: &[u8]) -> Result<Self, ImageError> {
        let wire: &WireHeader = view(bytes, 0, "the arm64 Image header")?;
        if wire.magic != *b"ARM\x64" {
            let found = u32::from_le_bytes(wire.magic).into();
            let expected = "0x644d5241, \"ARM\\x64\"";
            return Err(ImageError::Value { what: "the magic", offset: 0x38, found, expected });
        }
        let image_size = Some(wire.image_size.get()).filter(|size| *size != 0);
        if let Some(found) = image_size.filter(|size| *size < size_of::<WireHeader>() as u64) {
            let expected = "0, or the size of the kernel in memory, its header of 64 bytes included";
            return Err(ImageError::Value { what: "image_size", offset: 0x10, found, expected });
        }
        let text_offset = if image_size.is_some() { wire.text_offset.get() } else { OLD_TEXT_OFFSET };
        if let Some(size) = image_size {
            PhysRange::from_size(text_offset, size).map_err(|source| ImageError::Range {
                what: "text_offset and image_size",
                offset: 8,
                source,
            })?;
        }
        // Before 3.17 the field was reserved.
        let flags = if image_size.is_some() { wire.flags.get() } else { 0 };
        Ok(Self {
            text_offset,
            image_size,
            flags,
            big_endian: flags & 1 != 0,
            page_size: match flags >> 1 & 3 {
                1 => Some(4 << 10),
                2 => Some(16 << 10),
                3 => Some(64 << 10),
                _ => None,
            },
            placement: if flags & 8 == 0 { Placement::NearStartOfRam } else { Placement::Anywhere },
            pe_offset: pe_offset(bytes, wire)?,
            file_size: bytes.len(),
        })
    }

    /// The memory of the kernel when its base is `base`, a multiple of 2 MiB; `None` when the header gives no
    /// size.
    ///
    /// # Errors
    ///
    /// [`ImageError::Range`] if it runs past the last address, [`ImageError::Value`] if the base is not a
    /// multiple of 2 MiB.
    pub fn placed_at(&self, base: u64) -> Result<Option<PhysRange>, ImageError> {
        if !base.is_multiple_of(BASE_ALIGNMENT) {
            let expected = "a multiple of 0x200000";
            let what = "the base that text_offset counts from";
            return Err(ImageError::Value { what, offset: 8, found: base, expected });
        }
        let Some(size) = self.image_size else { return Ok(None) };
        let error = |source| ImageError::Range { what: "the image at this base", offset: 8, source };
        // A saturated sum is the last address, above which no size fits.
        PhysRange::from_size(base.saturating_add(self.text_offset), size).map(Some).map_err(error)
    }
}

/// Where the PE header lies: `res5`, if the file begins like an EFI program.
fn pe_offset(bytes: &[u8], wire: &WireHeader) -> Result<Option<u32>, ImageError> {
    let offset = wire.res5.get();
    if !wire.code0.starts_with(b"MZ") || offset == 0 {
        return Ok(None);
    }
    let at = u64::from(offset);
    let pe: &WirePe = view(bytes, usize::try_from(offset).unwrap_or(usize::MAX), "the PE header")?;
    if pe.signature != *b"PE\0\0" {
        let found = u32::from_le_bytes(pe.signature).into();
        let expected = "0x4550, \"PE\\0\\0\"";
        return Err(ImageError::Value { what: "the PE signature", offset: at, found, expected });
    }
    if pe.machine.get() != PE_ARM64 {
        let found = pe.machine.get().into();
        let (what, offset) = ("the PE machine", at.saturating_add(4));
        return Err(ImageError::Value { what, offset, found, expected: "0xaa64, arm64" });
    }
    Ok(Some(offset))
}

#[cfg(test)]
pub(super) mod tests;
