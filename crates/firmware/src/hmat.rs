//! The Heterogeneous Memory Attribute Table: how fast each initiator can access each memory.
//!
//! Source: ACPI 6.5 section 5.2.28.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::acpi::{self, AcpiError, HEADER_SIZE, Layout, Structure, Table};
use crate::bytes::view;

/// Memory Proximity Domain Attributes (type 0): which initiator a memory is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryProximityDomain {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The proximity domain of the initiator, if the structure marks it as valid (flag bit 0).
    pub initiator_domain: Option<u32>,
    /// The proximity domain of the memory.
    pub memory_domain: u32,
}

/// The meaning of the numbers in a [`SystemLocality`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// 0: latency of reads and writes.
    AccessLatency,
    /// 1: latency of reads.
    ReadLatency,
    /// 2: latency of writes.
    WriteLatency,
    /// 3: bandwidth of reads and writes.
    AccessBandwidth,
    /// 4: bandwidth of reads.
    ReadBandwidth,
    /// 5: bandwidth of writes.
    WriteBandwidth,
    /// A number the specification does not define.
    Other(u8),
}

impl From<u8> for DataType {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::AccessLatency,
            1 => Self::ReadLatency,
            2 => Self::WriteLatency,
            3 => Self::AccessBandwidth,
            4 => Self::ReadBandwidth,
            5 => Self::WriteBandwidth,
            other => Self::Other(other),
        }
    }
}

/// One number of a [`SystemLocality`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Performance {
    /// The entry is 0: no information about this pair.
    NotProvided,
    /// The entry is `0xffff`: the initiator cannot reach the target.
    Unreachable,
    /// Entry times base unit: a bandwidth in MB/s, or a latency in picoseconds. Revision 1 of the table (ACPI
    /// 6.2) has a different unit for latencies: check [`Table::revision`] before comparing.
    Value(u64),
}

/// System Locality Latency and Bandwidth Information (type 1): a matrix of initiators and targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemLocality<'a> {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// Bits 0 to 3: memory hierarchy (0 memory, 1 to 3 cache levels); bit 4 and 5: minimum transfer size,
    /// non-sequential transfers.
    pub flags: u8,
    /// The meaning of the numbers.
    pub data_type: DataType,
    /// Minimum transfer size to reach the performance, as a power of two of bytes; 0 if it does not matter.
    pub min_transfer_size: u8,
    /// What an entry is multiplied by.
    pub base_unit: u64,
    initiators: &'a [u8],
    targets: &'a [u8],
    matrix: &'a [u8],
}

impl<'a> SystemLocality<'a> {
    /// The proximity domains of the initiators, the rows of the matrix.
    pub fn initiators(&self) -> impl ExactSizeIterator<Item = u32> + Clone + 'a {
        domains(self.initiators)
    }

    /// The proximity domains of the targets, the columns of the matrix.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = u32> + Clone + 'a {
        domains(self.targets)
    }

    /// The number for an initiator and a target, given by their *positions* in
    /// [`initiators`](Self::initiators) and [`targets`](Self::targets). `None` if there is no such position
    /// or the product does not fit 64 bits.
    pub fn performance(&self, initiator: usize, target: usize) -> Option<Performance> {
        let columns = self.targets.len() / 4;
        if target >= columns {
            return None;
        }
        let index = initiator.checked_mul(columns)?.checked_add(target)?;
        let entry: &U16 = view(self.matrix, index.checked_mul(2)?)?;
        Some(match entry.get() {
            0 => Performance::NotProvided,
            0xffff => Performance::Unreachable,
            entry => Performance::Value(u64::from(entry).checked_mul(self.base_unit)?),
        })
    }
}

fn domains(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> + Clone + '_ {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|domain| u32::from_le_bytes(*domain))
}

/// Memory Side Cache Information (type 2): a cache in front of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySideCache<'a> {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The proximity domain of the memory.
    pub memory_domain: u32,
    /// Size of the cache in bytes.
    pub size: u64,
    /// Bits 0 to 3: number of cache levels; 4 to 7: this level; 8 to 11: associativity; 12 to 15: write
    /// policy; 16 to 31: line size in bytes.
    pub attributes: u32,
    handles: &'a [u8],
}

impl<'a> MemorySideCache<'a> {
    /// SMBIOS handles of the memory devices that make up the cache.
    pub fn smbios_handles(&self) -> impl ExactSizeIterator<Item = u16> + Clone + 'a {
        let (chunks, _) = self.handles.as_chunks::<2>();
        chunks.iter().map(|handle| u16::from_le_bytes(*handle))
    }

    /// Number of cache levels in front of this memory.
    pub const fn levels(&self) -> u32 {
        self.attributes & 0xf
    }

    /// The level of this cache, from 1.
    pub const fn level(&self) -> u32 {
        self.attributes >> 4 & 0xf
    }

    /// Size of a cache line in bytes.
    pub const fn line_size(&self) -> u32 {
        self.attributes >> 16
    }
}

/// One structure of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Type 0.
    MemoryProximityDomain(MemoryProximityDomain),
    /// Type 1.
    SystemLocality(SystemLocality<'a>),
    /// Type 2.
    MemorySideCache(MemorySideCache<'a>),
    /// Any other type.
    Other {
        /// Offset of the structure in the table, in bytes.
        offset: usize,
        /// Its type.
        kind: u16,
        /// Its length in bytes.
        len: usize,
    },
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireProximityDomain {
    _header: [u8; 8],
    flags: U16,
    _reserved: U16,
    initiator: U32,
    memory: U32,
    _reserved2: [u8; 20],
}
const _: () = assert!(size_of::<WireProximityDomain>() == 40);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireLocality {
    _header: [u8; 8],
    flags: u8,
    data_type: u8,
    min_transfer_size: u8,
    _reserved: u8,
    initiators: U32,
    targets: U32,
    _reserved2: U32,
    base_unit: U64,
}
const LOCALITY_SIZE: usize = 32;
const _: () = assert!(size_of::<WireLocality>() == LOCALITY_SIZE);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCache {
    _header: [u8; 8],
    memory: U32,
    _reserved: U32,
    size: U64,
    attributes: U32,
    _address_mode: U16,
    handles: U16,
}
const CACHE_SIZE: usize = 32;
const _: () = assert!(size_of::<WireCache>() == CACHE_SIZE);

/// The header, then 4 reserved bytes.
const FIRST_STRUCTURE: usize = HEADER_SIZE + 4;

/// Two bytes of type, two reserved, four of length.
const LAYOUT: Layout = Layout { what: "HMAT structure", type_width: 2, length_at: 4, length_width: 4 };

/// A Heterogeneous Memory Attribute Table.
///
/// Holding one proves that the table is complete and, from [`Hmat::new`], that its checksum is right.
///
/// ```
/// use firmware::hmat::{DataType, Entry, Hmat, Performance};
///
/// // bytes: /sys/firmware/acpi/tables/HMAT
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/acpi_tables.HMAT"));
/// for entry in Hmat::new(bytes)?.entries() {
///     if let Entry::SystemLocality(matrix) = entry? {
///         assert_eq!(matrix.data_type, DataType::ReadLatency);
///         assert_eq!(matrix.performance(0, 0), Some(Performance::Value(500)));
///     }
/// }
/// # Ok::<(), firmware::acpi::AcpiError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hmat<'a> {
    table: Table<'a>,
}

impl<'a> Hmat<'a> {
    /// Checks the table at the start of `bytes`, checksum included.
    ///
    /// # Errors
    ///
    /// Those of [`Table::new`], and [`AcpiError::Length`] if the table ends before its first structure.
    pub fn new(bytes: &'a [u8]) -> Result<Self, AcpiError> {
        Self::from_table(Table::new(bytes, *b"HMAT")?)
    }

    /// The same for a table with an already checked header.
    ///
    /// # Errors
    ///
    /// [`AcpiError::Signature`] for a different table, [`AcpiError::Length`] if the table ends before its
    /// first structure.
    pub fn from_table(table: Table<'a>) -> Result<Self, AcpiError> {
        let table = table.expect_signature(*b"HMAT")?;
        Ok(Self { table: table.expect_length(FIRST_STRUCTURE, "HMAT", "at least 40 bytes")? })
    }

    /// The table's header. Its revision determines the unit of latencies, see [`Performance::Value`].
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    /// All structures, in the table's order. A structure that is too short for its declared contents is an
    /// error in its place. After a structure with an unusable length, the iterator ends.
    pub const fn entries(&self) -> Entries<'a> {
        self.table.entries(FIRST_STRUCTURE, LAYOUT, read)
    }
}

/// Iterator over the structures of an HMAT, from [`Hmat::entries`].
pub type Entries<'a> = acpi::Entries<'a, Entry<'a>>;

fn read<'a>(structure: &Structure<'a>) -> Result<Entry<'a>, AcpiError> {
    let offset = structure.offset;
    Ok(match structure.kind {
        0 => {
            let wire: &WireProximityDomain =
                structure.read("HMAT memory proximity domain attributes", "40")?;
            Entry::MemoryProximityDomain(MemoryProximityDomain {
                offset,
                initiator_domain: (wire.flags.get() & 1 != 0).then(|| wire.initiator.get()),
                memory_domain: wire.memory.get(),
            })
        }
        1 => Entry::SystemLocality(locality(structure)?),
        2 => {
            const WHAT: &str = "HMAT memory side cache";
            const EXPECTED: &str = "32, and 2 per SMBIOS handle";
            let wire: &WireCache = structure.read(WHAT, EXPECTED)?;
            let len = usize::from(wire.handles.get()).checked_mul(2);
            Entry::MemorySideCache(MemorySideCache {
                offset,
                memory_domain: wire.memory.get(),
                size: wire.size.get(),
                attributes: wire.attributes.get(),
                handles: structure.tail(CACHE_SIZE, len, WHAT, EXPECTED)?,
            })
        }
        kind => Entry::Other { offset, kind, len: structure.bytes.len() },
    })
}

fn locality<'a>(structure: &Structure<'a>) -> Result<SystemLocality<'a>, AcpiError> {
    const WHAT: &str = "HMAT system locality";
    const EXPECTED: &str = "32, 4 per initiator, 4 per target and 2 per pair";
    let wire: &WireLocality = structure.read(WHAT, EXPECTED)?;
    let rows = usize::try_from(wire.initiators.get()).ok();
    let columns = usize::try_from(wire.targets.get()).ok();
    let part = |offset: Option<usize>, len: Option<usize>| {
        structure.tail(offset.unwrap_or(usize::MAX), len, WHAT, EXPECTED)
    };
    let initiators_len = rows.and_then(|n| n.checked_mul(4));
    let targets_len = columns.and_then(|n| n.checked_mul(4));
    let matrix_len = rows.zip(columns).and_then(|(n, m)| n.checked_mul(m)?.checked_mul(2));
    let targets_at = initiators_len.and_then(|len| LOCALITY_SIZE.checked_add(len));
    let matrix_at = targets_at.zip(targets_len).and_then(|(at, len)| at.checked_add(len));
    Ok(SystemLocality {
        offset: structure.offset,
        flags: wire.flags,
        data_type: DataType::from(wire.data_type),
        min_transfer_size: wire.min_transfer_size,
        base_unit: wire.base_unit.get(),
        initiators: part(Some(LOCALITY_SIZE), initiators_len)?,
        targets: part(targets_at, targets_len)?,
        matrix: part(matrix_at, matrix_len)?,
    })
}

#[cfg(test)]
mod tests;
