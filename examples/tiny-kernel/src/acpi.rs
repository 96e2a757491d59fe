//! The way to the ACPI tables: RSDP, then RSDT or XSDT, then any table.
//!
//! Source: ACPI 6.5 sections 5.2.5, "Root System Description Pointer (RSDP)", 5.2.7 and 5.2.8.

use core::fmt;

use firmware::acpi::{AcpiError, HEADER_SIZE, Table};
use memblock::PhysRange;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::physical::Untouched;
use crate::read::{Found, Unreachable};
use crate::serial::say;

/// The RSDP of revision 0.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireRsdp {
    signature: [u8; 8],
    _checksum: u8,
    _oem_id: [u8; 6],
    revision: u8,
    rsdt_at: U32,
}

/// The RSDP of revision 2.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireRsdp2 {
    _revision_0: WireRsdp,
    _length: U32,
    xsdt_at: U64,
    _extended_checksum: u8,
    _reserved: [u8; 3],
}

/// The start of every table.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHeader {
    signature: [u8; 4],
    length: U32,
    _rest: [u8; HEADER_SIZE - 8],
}

const _: () = assert!(size_of::<WireRsdp>() == 20);
const _: () = assert!(size_of::<WireRsdp2>() == 36);
const _: () = assert!(size_of::<WireHeader>() == HEADER_SIZE);

/// No table is near this size: a larger length is not a real one.
const LARGEST_TABLE: u64 = 16 << 20;

/// Why there are no tables, or one cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTable {
    /// A pointer leads nowhere.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// Not an RSDP.
    #[error("RSDP at {address:#x} begins with {found:02x?}, expected \"RSD PTR \"")]
    RsdpSignature { address: u64, found: [u8; 8] },
    /// An RSDP with a wrong checksum.
    #[error("RSDP at {address:#x}: {size} bytes sum to {sum:#04x}, expected 0")]
    RsdpChecksum { address: u64, size: usize, sum: u8 },
    /// An impossible length.
    #[error("ACPI table at {address:#x} has length {length:#x}, expected 36 to {LARGEST_TABLE:#x}")]
    Length { address: u64, length: u32 },
    /// A table that is not the one expected, or has a wrong checksum.
    #[error("ACPI table at {address:#x}: {source}")]
    Table { address: u64, source: AcpiError },
}

/// The root table, and access to all others.
pub(crate) struct Tables<'a> {
    memory: &'a Untouched,
    rsdp: PhysRange,
    root: Placed<'a>,
    /// Bytes of each pointer in the root table: 4 in an RSDT, 8 in an XSDT.
    pointer_size: usize,
}

/// A table and its location. The header has been checked, but not the checksum.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) range: PhysRange,
    pub(crate) table: Table<'a>,
}

/// Returns the tables, if there are any, and prints which. A machine with unreadable tables has no nodes, but
/// still has its memory.
pub(crate) fn find(memory: &Untouched, rsdp: Option<u64>) -> Option<Tables<'_>> {
    let Some(address) = rsdp else {
        say!("acpi: the loader names no RSDP");
        return None;
    };
    let tables = Tables::read(memory, address).inspect_err(|fault| say!("acpi: not used: {fault}")).ok()?;
    say!("acpi: {} of RSDP {}", tables.root, tables.rsdp);
    for table in tables.iter() {
        match table {
            Ok(table) => say!("acpi: {table}"),
            Err(fault) => say!("acpi: left out: {fault}"),
        }
    }
    Some(tables)
}

impl<'a> Tables<'a> {
    /// Checks the RSDP at `address` and the root table it names, checksums included.
    fn read(memory: &'a Untouched, address: u64) -> Result<Self, NoTable> {
        let Found { range: mut rsdp, value: wire } = rsdp_part::<WireRsdp>(memory, address)?;
        if wire.signature != *b"RSD PTR " {
            return Err(NoTable::RsdpSignature { address, found: wire.signature });
        }
        let mut root_at = wire.rsdt_at.get().into();
        let mut signature = *b"RSDT";
        let mut pointer_size = size_of::<u32>();
        if wire.revision >= 2 {
            let Found { range, value: wire } = rsdp_part::<WireRsdp2>(memory, address)?;
            rsdp = range;
            if wire.xsdt_at.get() != 0 {
                (root_at, signature, pointer_size) = (wire.xsdt_at.get(), *b"XSDT", size_of::<u64>());
            }
        }
        let root = Placed::read(memory, root_at)?;
        Table::new(root.table.bytes(), signature)
            .map_err(|source| NoTable::Table { address: root_at, source })?;
        Ok(Self { memory, rsdp, root, pointer_size })
    }

    /// Where the RSDP lies.
    pub(crate) const fn rsdp(&self) -> PhysRange {
        self.rsdp
    }

    /// The RSDT or XSDT.
    pub(crate) const fn root(&self) -> Placed<'a> {
        self.root
    }

    /// The tables listed in the root table, in its order; one that cannot be read is an error in its place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<Placed<'a>, NoTable>> {
        let (_, pointers) = self.root.table.bytes().split_at(HEADER_SIZE);
        pointers.chunks_exact(self.pointer_size).map(|pointer| {
            let address = pointer.iter().rev().fold(0, |address, byte| address << 8 | u64::from(*byte));
            Placed::read(self.memory, address)
        })
    }
}

impl<'a> Placed<'a> {
    fn read(memory: &'a Untouched, address: u64) -> Result<Self, NoTable> {
        const WHAT: &str = "ACPI table";
        let header = memory.one::<WireHeader>(WHAT, address)?.value;
        let length = header.length.get();
        if !(HEADER_SIZE as u64..=LARGEST_TABLE).contains(&length.into()) {
            return Err(NoTable::Length { address, length });
        }
        let Found { range, value } = memory.many(WHAT, address, length.into())?;
        let table = Table::without_checksum(value, header.signature)
            .map_err(|source| NoTable::Table { address, source })?;
        Ok(Self { range, table })
    }

    /// The table's four-letter signature.
    pub(crate) fn name(&self) -> &'a str {
        let (signature, _) = self.table.bytes().split_at(4);
        core::str::from_utf8(signature).unwrap_or("????")
    }
}

impl fmt::Display for Placed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name(), self.range)
    }
}

/// The RSDP of one revision; the bytes of each revision sum to 0.
fn rsdp_part<T>(memory: &Untouched, address: u64) -> Result<Found<'_, T>, NoTable>
where
    T: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned,
{
    let found = memory.one::<T>("RSDP", address)?;
    let bytes = found.value.as_bytes();
    match bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)) {
        0 => Ok(found),
        sum => Err(NoTable::RsdpChecksum { address, size: bytes.len(), sum }),
    }
}
