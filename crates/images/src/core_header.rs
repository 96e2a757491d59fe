//! The ELF header of a dump: what a crash kernel finds at `elfcorehdr=` and shows as the beginning of `/proc/vmcore`.
//!
//! It is all that a crash kernel knows about the memory it dumps. Memory that it does not list is not dumped,
//! and memory that it lists is read even if it is gone.
//!
//! Source: System V ABI (gABI), chapters "ELF Header" and "Program Header"; kernel/crash_core.c:
//! crash_prepare_elf64_headers (6.12).

use memblock::PhysRange;
use object::elf::{self as wire, FileHeader64, ProgramHeader64};
use object::pod::{bytes_of, from_bytes, slice_from_bytes};
use object::read::elf::ProgramHeader as _;
use object::{LittleEndian, U16, U32, U64};

use crate::ImageError;
use crate::elf::Machine;

type Header = FileHeader64<LittleEndian>;
type Segment = ProgramHeader64<LittleEndian>;

const LE: LittleEndian = LittleEndian;
/// Bytes of the file header, `e_ehsize`.
pub const FILE_HEADER: u16 = 64;
/// Bytes of a program header, `e_phentsize`.
pub const PROGRAM_HEADER: u16 = 56;
const _: () = assert!(size_of::<Header>() == 64 && size_of::<Segment>() == 56);

/// The header of a dump.
///
/// ```
/// use images::core_header::{CoreHeader, CoreLoad};
/// use images::elf::Machine;
/// use memblock::PhysRange;
///
/// let memory = PhysRange::new(0x10_0000, 0x800_0000)?;
/// let load = CoreLoad { memory, offset: memory.start(), virtual_address: 0xffff_8880_0010_0000 };
/// let header = CoreHeader { machine: Machine::X86_64, notes: Vec::new(), loads: vec![load] };
/// let bytes = header.to_bytes();
/// assert_eq!(bytes.len(), 64 + 56);
/// assert_eq!(CoreHeader::new(&bytes)?, header);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreHeader {
    /// The processor of the kernel that crashed.
    pub machine: Machine,
    /// Where the notes lie: in memory while the header waits for a crash, one for each possible CPU and the
    /// kernel's own (vmcoreinfo); in a dump, in its file.
    pub notes: Vec<CoreNote>,
    /// The memory of the dump, in the order of the header.
    pub loads: Vec<CoreLoad>,
}

/// A note: PT_NOTE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreNote {
    /// Where its content lies: `p_offset`.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// A part of the dump's memory: PT_LOAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreLoad {
    /// The memory: `p_paddr` and `p_memsz`.
    pub memory: PhysRange,
    /// Where its content lies: `p_offset`. While the header waits for a crash, the physical address again; in
    /// a dump, the place in its file.
    pub offset: u64,
    /// Where the crashed kernel saw it: `p_vaddr`.
    pub virtual_address: u64,
}

impl CoreHeader {
    /// Reads the header at the start of `bytes`, which may be longer: a dump, or the memory reserved for a
    /// header.
    ///
    /// # Errors
    ///
    /// [`ImageError::Value`] for bytes that are not an ELF core file of a known 64-bit machine, or for
    /// headers of another size; [`ImageError::TooShort`] if they end before the last header;
    /// [`ImageError::Range`] for memory that wraps.
    pub fn new(bytes: &[u8]) -> Result<Self, ImageError> {
        let short = |what, start: usize, size: usize| ImageError::TooShort {
            what,
            start: start as u64,
            size: size as u64,
            len: bytes.len(),
        };
        let (header, _) =
            from_bytes::<Header>(bytes).map_err(|()| short("the ELF header", 0, FILE_HEADER.into()))?;
        let machine = checked(header)?;
        let count: usize = header.e_phnum.get(LE).into();
        let start = usize::try_from(header.e_phoff.get(LE)).unwrap_or(usize::MAX);
        let (headers, _) =
            bytes.get(start..).and_then(|rest| slice_from_bytes::<Segment>(rest, count).ok()).ok_or_else(
                || short("the program headers", start, count.saturating_mul(PROGRAM_HEADER.into())),
            )?;
        let (mut notes, mut loads) = (Vec::new(), Vec::new());
        for (index, segment) in headers.iter().enumerate() {
            let offset = segment.p_offset(LE);
            let size = segment.p_memsz(LE);
            match segment.p_type(LE) {
                // In a dump, notes have no memory.
                wire::PT_NOTE => notes.push(CoreNote { offset, size: segment.p_filesz(LE) }),
                wire::PT_LOAD if size > 0 => {
                    let memory = PhysRange::from_size(segment.p_paddr(LE), size);
                    let at = start.saturating_add(index.saturating_mul(PROGRAM_HEADER.into())) as u64;
                    let memory = memory.map_err(|source| ImageError::Range {
                        what: "p_paddr and p_memsz of a PT_LOAD",
                        offset: at.saturating_add(0x18),
                        source,
                    })?;
                    loads.push(CoreLoad { memory, offset, virtual_address: segment.p_vaddr(LE) });
                }
                _ => {}
            }
        }
        Ok(Self { machine, notes, loads })
    }

    /// The RAM of the dump, in the header's order. The kernel's text is left out: Linux lists it a second
    /// time, before everything else, because it is mapped twice.
    pub fn ram(&self) -> impl Iterator<Item = PhysRange> {
        let text = self
            .loads
            .first()
            .filter(|text| self.loads.iter().skip(1).any(|load| load.memory.overlaps(text.memory)));
        self.loads.iter().skip(usize::from(text.is_some())).map(|load| load.memory)
    }

    /// The bytes of the header as Linux writes them, not padded.
    ///
    /// Notes and loads from the 65,536th on, which the header cannot count, are left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = self.notes.len().saturating_add(self.loads.len());
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let ident = wire::Ident {
            magic: wire::ELFMAG,
            class: wire::ELFCLASS64,
            data: wire::ELFDATA2LSB,
            version: wire::EV_CURRENT,
            os_abi: wire::ELFOSABI_NONE,
            abi_version: 0,
            padding: [0; 7],
        };
        let header = Header {
            e_ident: ident,
            e_type: U16::new(LE, wire::ET_CORE),
            e_machine: U16::new(
                LE,
                match self.machine {
                    Machine::X86_64 => wire::EM_X86_64,
                    Machine::Aarch64 => wire::EM_AARCH64,
                },
            ),
            e_version: U32::new(LE, 1),
            e_entry: U64::new(LE, 0),
            e_phoff: U64::new(LE, FILE_HEADER.into()),
            e_shoff: U64::new(LE, 0),
            e_flags: U32::new(LE, wire::FileFlags(0)),
            e_ehsize: U16::new(LE, FILE_HEADER),
            e_phentsize: U16::new(LE, PROGRAM_HEADER),
            e_phnum: U16::new(LE, count),
            e_shentsize: U16::new(LE, 0),
            e_shnum: U16::new(LE, 0),
            e_shstrndx: U16::new(LE, wire::SHN_UNDEF),
        };
        let notes = self.notes.iter().map(|note| Segment {
            p_type: U32::new(LE, wire::PT_NOTE),
            p_flags: U32::new(LE, wire::ProgramFlags(0)),
            p_offset: U64::new(LE, note.offset),
            p_vaddr: U64::new(LE, 0),
            // Linux gives the note's place twice.
            p_paddr: U64::new(LE, note.offset),
            p_filesz: U64::new(LE, note.size),
            p_memsz: U64::new(LE, note.size),
            p_align: U64::new(LE, 0),
        });
        let loads = self.loads.iter().map(|load| Segment {
            p_type: U32::new(LE, wire::PT_LOAD),
            p_flags: U32::new(LE, wire::PF_R | wire::PF_W | wire::PF_X),
            p_offset: U64::new(LE, load.offset),
            p_vaddr: U64::new(LE, load.virtual_address),
            p_paddr: U64::new(LE, load.memory.start()),
            p_filesz: U64::new(LE, load.memory.size()),
            p_memsz: U64::new(LE, load.memory.size()),
            p_align: U64::new(LE, 0),
        });
        let mut bytes = bytes_of(&header).to_vec();
        for segment in notes.chain(loads).take(count.into()) {
            bytes.extend_from_slice(bytes_of(&segment));
        }
        bytes
    }
}

/// The processor, if this is the header of a 64-bit core file of a known one.
fn checked(header: &Header) -> Result<Machine, ImageError> {
    let value = |what, offset, found: u64, expected| ImageError::Value { what, offset, found, expected };
    let ident = &header.e_ident;
    if ident.magic != wire::ELFMAG {
        let found = u32::from_le_bytes(ident.magic).into();
        return Err(value("the magic", 0, found, "\\x7fELF, 0x464c457f"));
    }
    if ident.class != wire::ELFCLASS64 || ident.data != wire::ELFDATA2LSB {
        let found = u16::from_le_bytes([ident.class.0, ident.data.0]).into();
        return Err(value("EI_CLASS and EI_DATA", 4, found, "0x102: 64 bits, little endian"));
    }
    let kind = header.e_type.get(LE);
    if kind != wire::ET_CORE {
        return Err(value("e_type", 0x10, kind.0.into(), "4, a core file"));
    }
    let size = header.e_phentsize.get(LE);
    if size != PROGRAM_HEADER {
        return Err(value("e_phentsize", 0x36, size.into(), "56"));
    }
    match header.e_machine.get(LE) {
        wire::EM_X86_64 => Ok(Machine::X86_64),
        wire::EM_AARCH64 => Ok(Machine::Aarch64),
        other => Err(value("e_machine", 0x12, other.0.into(), "62, x86-64, or 183, arm64")),
    }
}

#[cfg(test)]
mod tests;
