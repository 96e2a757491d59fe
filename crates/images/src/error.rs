//! Why a file is not a kernel image, or is damaged.

use memblock::{PhysRange, RangeError};

use super::Look;

/// Why bytes are not a kernel image. Offsets are bytes from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The file has the magic of no kernel format.
    #[error(
        "this is {looks}; expected a kernel image: an x86 bzImage (\"HdrS\" at byte 0x202), a 64-bit ELF file, \
         an arm64 Image (\"ARMd\" at byte 0x38) or an EFI zboot image (\"zimg\" at byte 4)"
    )]
    NotKernel {
        /// What the file looks like.
        looks: Look,
    },
    /// A part lies past the end of the file: the file was truncated, or the header is damaged.
    #[error("byte {start:#x}: {what} has {size:#x} bytes from there, but the file ends at byte {len:#x}")]
    TooShort {
        /// What does not fit.
        what: &'static str,
        /// Where it begins.
        start: u64,
        /// Its size in bytes.
        size: u64,
        /// The length of the file.
        len: usize,
    },
    /// A field has an invalid value.
    #[error("byte {offset:#x}: {what} is {found:#x}, expected {expected}")]
    Value {
        /// The field.
        what: &'static str,
        /// Where it lies.
        offset: u64,
        /// The value found.
        found: u64,
        /// The values allowed.
        expected: &'static str,
    },
    /// An address and a size do not form a range of memory.
    #[error("byte {offset:#x}: {what}: {source}")]
    Range {
        /// What the range is.
        what: &'static str,
        /// Where its address lies in the file.
        offset: u64,
        /// What is wrong with it.
        source: RangeError,
    },
    /// Two parts of an ELF image claim the same physical memory.
    #[error("byte {offset:#x}: the segment overlaps the one whose header is at byte {other:#x}, in {range}")]
    Overlap {
        /// Where the program header of the segment with the higher address lies.
        offset: u64,
        /// Where the other's lies.
        other: u64,
        /// The physical addresses both claim.
        range: PhysRange,
    },
}
