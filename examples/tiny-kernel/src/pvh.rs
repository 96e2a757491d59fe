//! The data from the PVH loader: the start info, the memory map, the modules and the command line.
//!
//! Source: Xen, `xen/include/public/arch-x86/hvm/start_info.h`.

use firmware::e820::E820Type;
use memblock::{PhysRange, RangeError};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::physical::Untouched;
use crate::read::{Found, Unreachable};

/// `struct hvm_start_info` of version 1.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireStartInfo {
    magic: U32,
    version: U32,
    _flags: U32,
    modules: U32,
    modules_at: U64,
    command_line_at: U64,
    rsdp_at: U64,
    memory_map_at: U64,
    memory_map_entries: U32,
    _reserved: U32,
}

/// `struct hvm_memmap_table_entry`.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireMapEntry {
    start: U64,
    size: U64,
    kind: U32,
    _reserved: U32,
}

/// `struct hvm_modlist_entry`.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireModule {
    start: U64,
    size: U64,
    /// Ignored: this kernel does nothing with modules.
    _command_line_at: U64,
    _reserved: U64,
}

const _: () = assert!(size_of::<WireStartInfo>() == 56);
const _: () = assert!(size_of::<WireMapEntry>() == 24);
const _: () = assert!(size_of::<WireModule>() == 32);

/// "xEn3", with the top bit of the E set.
const MAGIC: u32 = 0x336e_c578;

/// Where the search for the end of a command line stops.
const LONGEST_COMMAND_LINE: u64 = 4096;

/// Why the start info cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PvhError {
    /// The start info, or part of it, is not where the loader says.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// Not a start info.
    #[error("start info at {address:#x} begins with {found:#x}, expected {MAGIC:#x}: was this a PVH boot?")]
    Magic { address: u64, found: u32 },
    /// Version 0 ends before the memory map.
    #[error("start info at {address:#x} has version 0, expected 1 or later, which has a memory map")]
    Version { address: u64 },
}

/// The start info and everything it points to, readable.
pub(crate) struct StartInfo<'a> {
    info: Found<'a, WireStartInfo>,
    memory_map: Option<Found<'a, [WireMapEntry]>>,
    modules: Option<Found<'a, [WireModule]>>,
    command_line: Option<Found<'a, [u8]>>,
}

/// One entry of the memory map. The types are e820's.
#[derive(Clone, Copy)]
pub(crate) struct MapEntry {
    pub(crate) range: PhysRange,
    pub(crate) kind: E820Type,
}

impl<'a> StartInfo<'a> {
    /// Checks the start info at `address`, and that everything it points to can be read.
    pub(crate) fn read(memory: &'a Untouched, address: u64) -> Result<Self, PvhError> {
        let info = memory.one::<WireStartInfo>("start info", address)?;
        let wire = info.value;
        if wire.magic.get() != MAGIC {
            return Err(PvhError::Magic { address, found: wire.magic.get() });
        }
        if wire.version.get() == 0 {
            return Err(PvhError::Version { address });
        }
        let memory_map = match wire.memory_map_entries.get() {
            0 => None,
            count => Some(memory.many("memory map", wire.memory_map_at.get(), count.into())?),
        };
        let modules = match wire.modules.get() {
            0 => None,
            count => Some(memory.many("list of modules", wire.modules_at.get(), count.into())?),
        };
        let command_line = match wire.command_line_at.get() {
            0 => None,
            address => Some(command_line(memory, address)?),
        };
        Ok(Self { info, memory_map, modules, command_line })
    }

    /// The version of the start info's layout.
    pub(crate) fn version(&self) -> u32 {
        self.info.value.version.get()
    }

    /// The command line from the user of the loader.
    pub(crate) fn command_line(&self) -> &'a str {
        let bytes = self.command_line.map_or(&[][..], |found| found.value);
        core::str::from_utf8(bytes.strip_suffix(&[0]).unwrap_or(bytes)).unwrap_or("(not UTF-8)")
    }

    /// The address of the RSDP, if the loader knows one.
    pub(crate) fn rsdp(&self) -> Option<u64> {
        Some(self.info.value.rsdp_at.get()).filter(|address| *address != 0)
    }

    /// The memory map, in the loader's order. An entry that is not a range is an error in its place.
    pub(crate) fn memory_map(&self) -> impl Iterator<Item = Result<MapEntry, RangeError>> + use<'a> {
        self.memory_map.map_or(&[][..], |found| found.value).iter().map(|entry| {
            let range = PhysRange::from_size(entry.start.get(), entry.size.get())?;
            Ok(MapEntry { range, kind: E820Type::from(entry.kind.get()) })
        })
    }

    /// The ranges of memory that the loader filled, and with what.
    pub(crate) fn filled(&self) -> impl Iterator<Item = (&'static str, PhysRange)> {
        let own = [
            ("PVH start info", Some(self.info.range)),
            ("PVH memory map", self.memory_map.map(|found| found.range)),
            ("PVH modules", self.modules.map(|found| found.range)),
            ("command line", self.command_line.map(|found| found.range)),
        ];
        let modules = self.modules.map_or(&[][..], |found| found.value).iter();
        // A module that is not a range has no memory that could be handed out.
        let modules = modules.map(|module| PhysRange::from_size(module.start.get(), module.size.get()).ok());
        let all = own.into_iter().chain(modules.map(|range| ("module", range)));
        all.filter_map(|(what, range)| Some((what, range?)))
    }
}

/// The bytes up to and including the first NUL.
fn command_line(memory: &Untouched, address: u64) -> Result<Found<'_, [u8]>, Unreachable> {
    let what = "command line";
    let longest = memory.many::<u8>(what, address, LONGEST_COMMAND_LINE)?;
    let len = longest.value.iter().take_while(|byte| **byte != 0).count() as u64;
    memory.many(what, address, (len + 1).min(LONGEST_COMMAND_LINE))
}
