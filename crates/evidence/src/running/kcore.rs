//! The program headers of `/proc/kcore`, the running kernel's own memory as an ELF core file.

use memblock::PhysRange;

const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const PT_LOAD: u64 = 1;

/// Memory that a kernel maps, and whose place it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Physical addresses.
    pub memory: PhysRange,
    /// The virtual address of the first byte.
    pub virtual_address: u64,
    /// Where the file has the first byte.
    pub file_offset: u64,
}

impl Segment {
    /// What is added to its physical addresses.
    pub(crate) const fn offset(&self) -> u64 {
        self.virtual_address.wrapping_sub(self.memory.start())
    }

    /// Whether it is the kernel's text, which is mapped a second time: by x86_64 in the last 2 GiB of addresses
    /// (Documentation/arch/x86/x86_64/mm.rst), elsewhere at another distance than the memory that it lies in.
    pub(crate) fn is_text(&self, all: &[Self]) -> bool {
        let is_around = |other: &Self| other.memory.encloses(self.memory) && other.memory != self.memory;
        self.virtual_address >= 0xffff_ffff_8000_0000
            || all.iter().any(|other| is_around(other) && other.offset() != self.offset())
    }
}

/// Bytes of the file header and the program headers, by the file header at the start of `bytes`; `None` if it is none.
pub fn headers_size(bytes: &[u8]) -> Option<usize> {
    let is_core = bytes.get(..6)? == b"\x7fELF\x02\x01" && number(bytes, 0x10, 2)? == 4;
    let is_usual = number(bytes, 0x36, 2)? == u64::try_from(PROGRAM_HEADER).ok()?;
    let start = usize::try_from(number(bytes, 0x20, 8)?).ok()?;
    let count = usize::try_from(number(bytes, 0x38, 2)?).ok()?;
    let end = start.checked_add(count.checked_mul(PROGRAM_HEADER)?)?;
    Some(end.max(FILE_HEADER)).filter(|_| is_core && is_usual)
}

/// The PT_LOADs with a physical address, by the headers at the start of `bytes`; `None` if they are none or cut off.
/// The kernel gives none to memory that it maps piece by piece, such as modules:
/// all ones (fs/proc/kcore.c:read_kcore_iter, 6.12), and old kernels give 0 to all.
pub fn segments(bytes: &[u8]) -> Option<Vec<Segment>> {
    let end = headers_size(bytes)?;
    let start = usize::try_from(number(bytes, 0x20, 8)?).ok()?;
    let headers = bytes.get(start..end)?.chunks_exact(PROGRAM_HEADER);
    let loads: Vec<&[u8]> = headers.filter(|header| number(header, 0, 4) == Some(PT_LOAD)).collect();
    if loads.iter().all(|header| number(header, 0x18, 8) == Some(0)) {
        return Some(Vec::new());
    }
    let segment = |header: &[u8]| {
        let memory = PhysRange::from_size(number(header, 0x18, 8)?, number(header, 0x28, 8)?).ok()?;
        Some(Segment {
            memory,
            virtual_address: number(header, 0x10, 8)?,
            file_offset: number(header, 0x08, 8)?,
        })
    };
    Some(loads.into_iter().filter_map(segment).collect())
}

/// A little-endian number.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}
