//! The header of a kdump-compressed file, which makedumpfile writes (`-l`, `-c`, `-z`, `-p`), as most dumps are kept.
//!
//! Its first bitmap has a bit for each page frame: whether the dump's ELF header listed it. That tells as much as the ELF
//! header did, in whole pages. The second bitmap, which pages were kept and which were filtered out, is not read here.
//!
//! ```text
//! block 0: header | block 1..: sub header | from block 1 + sub_hdr_size: first bitmap, second bitmap | pages
//! ```
//!
//! Source: IMPLEMENTATION of makedumpfile, "disk_dump_header" and "kdump_sub_header" (header version 6), for 64-bit
//! machines, little endian.

use memblock::PhysRange;

use crate::ImageError;
use crate::elf::Machine;

/// Bytes that have all that [`KdumpCompressed::new`] reads: blocks are pages, at most 64 KiB.
pub const LONGEST_START: u64 = 0x1_0000 + 0x100;

const SIGNATURE: &[u8; 8] = b"KDUMP   ";
/// What `makedumpfile -F` writes: the parts of such a file, each with its place, to be put together by `makedumpfile -R`.
const FLATTENED: &[u8] = b"makedumpfile";
const VERSION: usize = 0x08;
/// `utsname.machine`, the fifth name of 65 bytes.
const MACHINE: usize = 0x0c + 4 * 65;
const NAME: usize = 65;
/// `status`, and its bit DUMP_DH_COMPRESSED_INCOMPLETE.
const STATUS: usize = 0x1a8;
const INCOMPLETE: u32 = 8;
const BLOCK_SIZE: usize = 0x1ac;
const SUB_HDR_SIZE: usize = 0x1b0;
const BITMAP_BLOCKS: usize = 0x1b4;
const MAX_MAPNR: usize = 0x1b8;
/// Of the sub header: `max_mapnr_64`, since version 6.
const MAX_MAPNR_64: usize = 0x60;

/// Where a dump's first bitmap lies, and what its bits stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdumpCompressed {
    /// The processor of the kernel that crashed.
    pub machine: Machine,
    /// Bytes in a page, and in a block of the file.
    pub page: u64,
    /// The page frames that the dump knows: those below this number.
    pub frames: u64,
    /// Where the first bitmap begins in the file.
    pub bitmap: u64,
    /// Its bytes.
    pub bitmap_size: u64,
    /// Whether makedumpfile could not write all pages, for lack of space.
    pub is_incomplete: bool,
}

/// Whether these bytes begin such a file.
pub fn is_kdump_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// Whether these bytes begin a flattened file, which `makedumpfile -R` makes into a dump.
pub fn is_flattened(bytes: &[u8]) -> bool {
    bytes.starts_with(FLATTENED)
}

impl KdumpCompressed {
    /// Reads the header at the start of a dump; `bytes` may be its first [`LONGEST_START`] bytes, or fewer if it is
    /// shorter.
    ///
    /// # Errors
    /// [`ImageError`]: these bytes are no such header, end too early, or have a value that none has.
    pub fn new(bytes: &[u8]) -> Result<Self, ImageError> {
        if !is_kdump_compressed(bytes) {
            let found = bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
            let expected = "\"KDUMP   \"";
            return Err(ImageError::Value { what: "the signature", offset: 0, found, expected });
        }
        let version = number(bytes, VERSION)?;
        let page = u64::from(number(bytes, BLOCK_SIZE)?);
        if !(0x1000..=0x1_0000).contains(&page) || !page.is_power_of_two() {
            let (what, expected) = ("block_size", "the size of a page, 4 to 64 KiB");
            return Err(ImageError::Value { what, offset: BLOCK_SIZE as u64, found: page, expected });
        }
        let machine = machine(bytes)?;
        let blocks = |count: u32| u64::from(count).saturating_mul(page);
        let bitmap = blocks(number(bytes, SUB_HDR_SIZE)?).saturating_add(page);
        // Both bitmaps have the same size.
        let bitmap_size = blocks(number(bytes, BITMAP_BLOCKS)?) / 2;
        let frames = if version >= 6 {
            let at = usize::try_from(page).unwrap_or(usize::MAX).saturating_add(MAX_MAPNR_64);
            array(bytes, at, "max_mapnr_64").map(u64::from_le_bytes)?
        } else {
            number(bytes, MAX_MAPNR)?.into()
        };
        if frames.div_ceil(8) > bitmap_size {
            let expected = "as many bits as there are page frames";
            let (what, offset) = ("bitmap_blocks", BITMAP_BLOCKS as u64);
            return Err(ImageError::Value { what, offset, found: bitmap_size / page, expected });
        }
        let is_incomplete = number(bytes, STATUS)? & INCOMPLETE != 0;
        Ok(Self { machine, page, frames, bitmap, bitmap_size: frames.div_ceil(8), is_incomplete })
    }

    /// The memory that the bits of this part of the first bitmap stand for, ascending. `from` is the number of the first
    /// byte. O(bytes).
    pub fn memory(&self, from: u64, bytes: &[u8]) -> Vec<PhysRange> {
        let mut found: Vec<PhysRange> = Vec::new();
        let mut begun: Option<u64> = None;
        let mut frame = from.saturating_mul(8);
        let mut end = |begun: &mut Option<u64>, frame: u64| {
            let Some(first) = begun.take() else { return };
            let address = |frame: u64| frame.saturating_mul(self.page);
            found.extend(PhysRange::new(address(first), address(frame)));
        };
        for byte in bytes {
            for bit in 0..8_u32 {
                let is_there = byte >> bit & 1 == 1 && frame < self.frames;
                match (is_there, begun) {
                    (true, None) => begun = Some(frame),
                    (false, Some(_)) => end(&mut begun, frame),
                    _ => {}
                }
                frame = frame.saturating_add(1);
            }
        }
        end(&mut begun, frame);
        found
    }
}

fn machine(bytes: &[u8]) -> Result<Machine, ImageError> {
    let name: [u8; NAME] = array(bytes, MACHINE, "utsname")?;
    let known = [("x86_64", Machine::X86_64), ("aarch64", Machine::Aarch64)];
    let known = known
        .into_iter()
        .find(|(known, _)| name.strip_prefix(known.as_bytes()).is_some_and(|rest| rest.first() == Some(&0)));
    known.map(|(_, machine)| machine).ok_or_else(|| ImageError::Value {
        what: "utsname.machine",
        offset: MACHINE as u64,
        found: name.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)),
        expected: "\"x86_64\" or \"aarch64\"",
    })
}

fn number(bytes: &[u8], at: usize) -> Result<u32, ImageError> {
    array(bytes, at, "the header").map(u32::from_le_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize, what: &'static str) -> Result<[u8; N], ImageError> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
    part.copied().ok_or(ImageError::TooShort { what, start: at as u64, size: N as u64, len: bytes.len() })
}

#[cfg(test)]
mod tests;
