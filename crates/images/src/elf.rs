//! ELF kernels: `vmlinux`, as it was linked.
//!
//! kexec_load takes them, through kexec-tools. kexec_file_load does so on some architectures, but not on x86
//! or arm64.
//!
//! Source: System V ABI (gABI), chapters "ELF Header" and "Program Header".

use std::fmt;
use std::ops::Range;

use memblock::PhysRange;
use object::LittleEndian;
use object::elf::{self as wire, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

use super::ImageError;
use super::wire::slice;

type Header = FileHeader64<LittleEndian>;
type WireSegment = wire::ProgramHeader64<LittleEndian>;

/// The processor a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// `EM_X86_64`, 62.
    X86_64,
    /// `EM_AARCH64`, 183.
    Aarch64,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        })
    }
}

/// A part of the file and the memory it is loaded to: a program header of type `PT_LOAD`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// Where the program header lies in the file, in bytes.
    pub header_offset: u64,
    /// Where the content lies in the file, in bytes. May be empty.
    pub file: Range<usize>,
    /// Where it goes: `p_paddr` and `p_memsz`. Memory past the end of the content is filled with zeros.
    ///
    /// arm64 links `p_paddr` equal to `p_vaddr`: only differences are meaningful there.
    pub memory: PhysRange,
    /// The virtual address at which the kernel will see it, `p_vaddr`. 0 for x86's per-CPU data.
    pub virtual_address: u64,
    /// Whether it holds code, `PF_X`.
    pub executable: bool,
}

/// What an ELF kernel's headers say.
///
/// A value of this type proves that every segment's content lies inside the file and that no two segments
/// overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ElfImage {
    /// The processor.
    pub machine: Machine,
    /// `e_entry`, as in the header: a physical address for x86, a virtual one for arm64.
    pub entry: u64,
    /// The segments that are loaded, in order of their physical addresses; at least one.
    pub segments: Vec<Segment>,
}

const SEGMENT_SIZE: u64 = size_of::<WireSegment>() as u64;

impl ElfImage {
    /// Whether `bytes` begin with `\x7fELF`.
    pub fn has_marks(bytes: &[u8]) -> bool {
        bytes.starts_with(b"\x7fELF")
    }

    /// Reads the headers of `bytes`, a whole file. Cost: `n log n` in the number of program headers.
    ///
    /// # Errors
    ///
    /// [`ImageError::Value`] for another class, byte order, machine or type, and for an invalid entry or
    /// size; [`ImageError::TooShort`] if headers or contents lie past the end of the file;
    /// [`ImageError::Range`] and [`ImageError::Overlap`] for memory that wraps or is claimed twice.
    pub fn new(bytes: &[u8]) -> Result<Self, ImageError> {
        let (header, machine) = header(bytes)?;
        let mut segments = Vec::new();
        for (offset, segment) in program_headers(bytes, header)? {
            if segment.p_type(LittleEndian) == wire::PT_LOAD {
                segments.extend(load(bytes, offset, segment)?);
            }
        }
        segments.sort_by_key(|segment| segment.memory);
        for (lower, upper) in segments.iter().zip(segments.iter().skip(1)) {
            if let Some(range) = lower.memory.intersect(upper.memory) {
                let (offset, other) = (upper.header_offset, lower.header_offset);
                return Err(ImageError::Overlap { offset, other, range });
            }
        }
        let entry = header.e_entry(LittleEndian);
        if segments.is_empty() {
            let found = header.e_phnum(LittleEndian).into();
            let expected = "program headers with at least one of type PT_LOAD that has memory";
            return Err(ImageError::Value { what: "e_phnum", offset: 0x38, found, expected });
        }
        let image = Self { machine, entry, segments };
        if image.entry_address().is_none() {
            let expected = "an address inside a loaded segment of code";
            return Err(ImageError::Value { what: "e_entry", offset: 0x18, found: entry, expected });
        }
        Ok(image)
    }

    /// The physical address of the entry, when every segment lies where its header says.
    ///
    /// An entry that is not a physical address of code is assumed to be virtual. Always `Some` for a parsed
    /// image.
    pub fn entry_address(&self) -> Option<u64> {
        // Code only: x86's per-CPU data have the virtual address 0, and would contain an entry of 0.
        let mut code = self.segments.iter().filter(|segment| segment.executable);
        if code.clone().any(|segment| segment.memory.contains(self.entry)) {
            return Some(self.entry);
        }
        code.find_map(|segment| {
            let inside = self.entry.checked_sub(segment.virtual_address)?;
            (inside < segment.memory.size()).then(|| segment.memory.start().saturating_add(inside))
        })
    }

    /// From the first byte of the first segment to the last of the last: the room the kernel needs.
    pub fn extent(&self) -> Option<PhysRange> {
        Some(self.segments.first()?.memory.hull(self.segments.last()?.memory))
    }
}

/// The file header, after the checks that its fields need to mean anything.
fn header(bytes: &[u8]) -> Result<(&Header, Machine), ImageError> {
    let size = size_of::<Header>() as u64;
    let too_short = ImageError::TooShort { what: "the ELF header", start: 0, size, len: bytes.len() };
    let value = |what, offset, found, expected| Err(ImageError::Value { what, offset, found, expected });
    // Class and byte order first: with others, the rest would be read from the wrong places.
    let ident = bytes.get(..16).ok_or(too_short)?;
    let byte = |at: usize| u64::from(ident.get(at).copied().unwrap_or(0));
    if !ElfImage::has_marks(ident) {
        let found = u32::from_be_bytes([0, 1, 2, 3].map(|at| ident.get(at).copied().unwrap_or(0)));
        return value("the ELF magic", 0, found.into(), "0x7f454c46, \"\\x7fELF\"");
    }
    if byte(4) != u64::from(wire::ELFCLASS64.0) {
        return value("the ELF class", 4, byte(4), "2, 64-bit");
    }
    if byte(5) != u64::from(wire::ELFDATA2LSB.0) {
        return value("the ELF byte order", 5, byte(5), "1, little endian");
    }
    if byte(6) != 1 {
        return value("the ELF version", 6, byte(6), "1");
    }
    let header = Header::parse(bytes).map_err(|_| too_short)?;
    let machine = match header.e_machine(LittleEndian) {
        wire::EM_X86_64 => Machine::X86_64,
        wire::EM_AARCH64 => Machine::Aarch64,
        other => return value("e_machine", 0x12, other.0.into(), "62 (x86_64) or 183 (aarch64)"),
    };
    match header.e_type(LittleEndian) {
        wire::ET_EXEC | wire::ET_DYN => Ok((header, machine)),
        wire::ET_CORE => value("e_type", 0x10, 4, "2 or 3, a program; 4 is a memory dump"),
        wire::ET_REL => value("e_type", 0x10, 1, "2 or 3, a program; 1 is an object file or a kernel module"),
        other => value("e_type", 0x10, other.0.into(), "2 or 3, a program"),
    }
}

/// The program headers, each with its place in the file.
fn program_headers<'a>(
    bytes: &'a [u8],
    header: &Header,
) -> Result<impl Iterator<Item = (u64, &'a WireSegment)>, ImageError> {
    let value = |what, offset, found, expected| Err(ImageError::Value { what, offset, found, expected });
    let (count, each) = (header.e_phnum(LittleEndian), header.e_phentsize(LittleEndian));
    let start = header.e_phoff(LittleEndian);
    // 0xffff means that the number is stored elsewhere. No kernel has that many, so the file is damaged.
    if count == wire::PN_XNUM {
        return value("e_phnum", 0x38, count.into(), "fewer than 0xffff program headers");
    }
    if count != 0 && u64::from(each) != SEGMENT_SIZE {
        return value("e_phentsize", 0x36, each.into(), "0x38, the size of a program header");
    }
    if count != 0 && start < size_of::<Header>() as u64 {
        return value("e_phoff", 0x20, start, "0x40 or more, after the ELF header");
    }
    let size = u64::from(count) * SEGMENT_SIZE;
    let what = "the table of program headers";
    slice(bytes, start, size, what)?;
    let headers = header.program_headers(LittleEndian, bytes);
    let headers = headers.map_err(|_| ImageError::TooShort { what, start, size, len: bytes.len() })?;
    Ok((0_u64..).map(move |index| start.saturating_add(index * SEGMENT_SIZE)).zip(headers))
}

/// A segment that is loaded; `None` when it takes no memory.
fn load(bytes: &[u8], offset: u64, wire: &WireSegment) -> Result<Option<Segment>, ImageError> {
    let file_size = wire.p_filesz(LittleEndian);
    let memory_size = wire.p_memsz(LittleEndian);
    if file_size > memory_size {
        let expected = "at most p_memsz, the memory it is loaded to";
        let offset = offset.saturating_add(0x20);
        return Err(ImageError::Value { what: "p_filesz", offset, found: file_size, expected });
    }
    let start = wire.p_offset(LittleEndian);
    slice(bytes, start, file_size, "a segment's content")?;
    if memory_size == 0 {
        return Ok(None);
    }
    let memory = PhysRange::from_size(wire.p_paddr(LittleEndian), memory_size).map_err(|source| {
        ImageError::Range { what: "p_paddr and p_memsz", offset: offset.saturating_add(0x18), source }
    })?;
    // Both fit: the content is inside the file.
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let end = start.saturating_add(usize::try_from(file_size).unwrap_or(usize::MAX));
    let virtual_address = wire.p_vaddr(LittleEndian);
    let executable = wire.p_flags(LittleEndian).0 & object::elf::PF_X.0 != 0;
    Ok(Some(Segment { header_offset: offset, file: start..end, memory, virtual_address, executable }))
}

#[cfg(test)]
pub(super) mod tests;
