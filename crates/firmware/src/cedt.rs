//! The CXL Early Discovery Table: the host bridges, and the windows of physical addresses where their memory
//! can appear.
//!
//! Source: CXL 3.1 section 9.18.1.

use memblock::PhysRange;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::acpi::{self, AcpiError, HEADER_SIZE, Layout, Structure, Table};

/// CXL Host Bridge Structure (CHBS, type 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostBridge {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The bridge's ACPI `_UID`.
    pub uid: u32,
    /// 0: a CXL 1.1 bridge, with an RCRB as `registers`; 1: a later one, with component registers.
    pub cxl_version: u32,
    /// Physical addresses of the register block.
    pub registers: PhysRange,
}

/// How a fixed memory window selects the target of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterleaveArithmetic {
    /// 0: modulo.
    Modulo,
    /// 1: modulo combined with XOR, see [`Entry::XorInterleaveMath`].
    ModuloXor,
    /// A number the specification does not define.
    Other(u8),
}

/// CXL Fixed Memory Window Structure (CFMWS, type 1): where CXL memory may appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedMemoryWindow<'a> {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// Host physical addresses of the window.
    pub window: PhysRange,
    /// Number of targets the window is interleaved over: 1, 2, 3, 4, 6, 8, 12 or 16.
    pub ways: u32,
    /// Number of consecutive bytes that go to one target: 256 to 16384.
    pub granularity: u32,
    /// How the target of an address is selected.
    pub arithmetic: InterleaveArithmetic,
    /// What the window may be used for. Bit 0: device-coherent memory; 1: host-only coherent memory;
    /// 2: volatile; 3: persistent; 4: its configuration is fixed; 5: back-invalidate.
    pub restrictions: u16,
    /// Identifier of the `QoS` throttling group.
    pub qtg_id: u16,
    targets: &'a [u8],
}

impl<'a> FixedMemoryWindow<'a> {
    /// `_UID`s of the host bridges, in interleave order; there are [`ways`](Self::ways) of them.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = u32> + Clone + 'a {
        let (chunks, _) = self.targets.as_chunks::<4>();
        chunks.iter().map(|uid| u32::from_le_bytes(*uid))
    }

    /// Restriction bit 2: the window may hold volatile memory.
    pub const fn volatile(&self) -> bool {
        self.restrictions & 1 << 2 != 0
    }

    /// Restriction bit 3: the window may hold persistent memory.
    pub const fn persistent(&self) -> bool {
        self.restrictions & 1 << 3 != 0
    }
}

/// CXL XOR Interleave Math Structure (CXIMS, type 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XorInterleaveMath<'a> {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The granularity of the windows it applies to, in bytes.
    pub granularity: u32,
    maps: &'a [u8],
}

impl<'a> XorInterleaveMath<'a> {
    /// The XOR maps, starting with the one for bit 0 of the target's position.
    pub fn maps(&self) -> impl ExactSizeIterator<Item = u64> + Clone + 'a {
        let (chunks, _) = self.maps.as_chunks::<8>();
        chunks.iter().map(|map| u64::from_le_bytes(*map))
    }
}

/// One structure of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Type 0, CHBS.
    HostBridge(HostBridge),
    /// Type 1, CFMWS.
    FixedMemoryWindow(FixedMemoryWindow<'a>),
    /// Type 2, CXIMS.
    XorInterleaveMath(XorInterleaveMath<'a>),
    /// Any other type: 3 is RDPAS and 4 is CSDS, neither of which says anything about memory.
    Other {
        /// Offset of the structure in the table, in bytes.
        offset: usize,
        /// Its type.
        kind: u8,
        /// Its length in bytes.
        len: u16,
    },
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHostBridge {
    _header: [u8; 4],
    uid: U32,
    cxl_version: U32,
    _reserved: U32,
    base: U64,
    length: U64,
}
const _: () = assert!(size_of::<WireHostBridge>() == 32);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireWindow {
    _header: [u8; 4],
    _reserved: U32,
    base: U64,
    size: U64,
    encoded_ways: u8,
    arithmetic: u8,
    _reserved2: U16,
    encoded_granularity: U32,
    restrictions: U16,
    qtg_id: U16,
}
const WINDOW_SIZE: usize = 36;
const _: () = assert!(size_of::<WireWindow>() == WINDOW_SIZE);
const WINDOW_WAYS: usize = core::mem::offset_of!(WireWindow, encoded_ways);
const WINDOW_GRANULARITY: usize = core::mem::offset_of!(WireWindow, encoded_granularity);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireXorMath {
    _header: [u8; 4],
    _reserved: U16,
    encoded_granularity: u8,
    maps: u8,
}
const XOR_MATH_SIZE: usize = 8;
const _: () = assert!(size_of::<WireXorMath>() == XOR_MATH_SIZE);

/// One byte of type, one reserved, two of length.
const LAYOUT: Layout = Layout { what: "CEDT structure", type_width: 1, length_at: 2, length_width: 2 };

/// A CXL Early Discovery Table.
///
/// Holding one proves that the table is complete and, from [`Cedt::new`], that its checksum is right.
///
/// ```
/// // bytes: /sys/firmware/acpi/tables/CEDT
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/acpi_tables.CEDT"));
/// for window in firmware::cedt::Cedt::new(bytes)?.windows() {
///     let window = window?;
///     assert_eq!(window.window.to_string(), "100000000-2ffffffff");
///     assert_eq!((window.ways, window.granularity), (2, 4096));
/// }
/// # Ok::<(), firmware::acpi::AcpiError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cedt<'a> {
    table: Table<'a>,
}

impl<'a> Cedt<'a> {
    /// Checks the table at the start of `bytes`, checksum included.
    ///
    /// # Errors
    ///
    /// Those of [`Table::new`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, AcpiError> {
        Self::from_table(Table::new(bytes, *b"CEDT")?)
    }

    /// The same for a table with an already checked header.
    ///
    /// # Errors
    ///
    /// [`AcpiError::Signature`] for a different table.
    pub fn from_table(table: Table<'a>) -> Result<Self, AcpiError> {
        Ok(Self { table: table.expect_signature(*b"CEDT")? })
    }

    /// The table's header.
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    /// All structures, in the table's order. A structure that is too short, or has an undefined encoding, is
    /// an error in its place. After a structure with an unusable length, the iterator ends.
    pub const fn entries(&self) -> Entries<'a> {
        self.table.entries(HEADER_SIZE, LAYOUT, read)
    }

    /// Only the fixed memory windows, and every error, since any bad structure might have been one.
    pub fn windows(&self) -> impl Iterator<Item = Result<FixedMemoryWindow<'a>, AcpiError>> + 'a {
        self.entries().filter_map(|entry| match entry {
            Ok(Entry::FixedMemoryWindow(window)) => Some(Ok(window)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// Iterator over the structures of a CEDT, from [`Cedt::entries`].
pub type Entries<'a> = acpi::Entries<'a, Entry<'a>>;

fn read<'a>(structure: &Structure<'a>) -> Result<Entry<'a>, AcpiError> {
    let offset = structure.offset;
    Ok(match structure.kind {
        0 => {
            const WHAT: &str = "CEDT host bridge structure";
            let wire: &WireHostBridge = structure.read(WHAT, "32")?;
            Entry::HostBridge(HostBridge {
                offset,
                uid: wire.uid.get(),
                cxl_version: wire.cxl_version.get(),
                registers: PhysRange::from_size(wire.base.get(), wire.length.get())
                    .map_err(|source| AcpiError::Range { what: WHAT, offset, source })?,
            })
        }
        1 => Entry::FixedMemoryWindow(window(structure)?),
        2 => {
            const WHAT: &str = "CEDT XOR interleave math structure";
            const EXPECTED: &str = "8, and 8 per map";
            let wire: &WireXorMath = structure.read(WHAT, EXPECTED)?;
            let len = usize::from(wire.maps).checked_mul(8);
            Entry::XorInterleaveMath(XorInterleaveMath {
                offset,
                granularity: granularity(u32::from(wire.encoded_granularity), offset.saturating_add(6))?,
                maps: structure.tail(XOR_MATH_SIZE, len, WHAT, EXPECTED)?,
            })
        }
        // The type has one byte and the length two, so neither conversion loses anything.
        kind => Entry::Other {
            offset,
            kind: u8::try_from(kind).unwrap_or(u8::MAX),
            len: u16::try_from(structure.bytes.len()).unwrap_or(u16::MAX),
        },
    })
}

fn window<'a>(structure: &Structure<'a>) -> Result<FixedMemoryWindow<'a>, AcpiError> {
    const WHAT: &str = "CEDT fixed memory window structure";
    const EXPECTED: &str = "36, and 4 per target";
    let wire: &WireWindow = structure.read(WHAT, EXPECTED)?;
    let offset = structure.offset;
    let ways: u8 = match wire.encoded_ways {
        0 => 1,
        1 => 2,
        2 => 4,
        3 => 8,
        4 => 16,
        8 => 3,
        9 => 6,
        10 => 12,
        other => {
            return Err(AcpiError::Value {
                what: "CEDT encoded interleave ways",
                offset: offset.saturating_add(WINDOW_WAYS),
                value: u64::from(other),
                expected: "0 to 4 or 8 to 10",
            });
        }
    };
    Ok(FixedMemoryWindow {
        offset,
        window: PhysRange::from_size(wire.base.get(), wire.size.get())
            .map_err(|source| AcpiError::Range { what: WHAT, offset, source })?,
        ways: u32::from(ways),
        granularity: granularity(wire.encoded_granularity.get(), offset.saturating_add(WINDOW_GRANULARITY))?,
        arithmetic: match wire.arithmetic {
            0 => InterleaveArithmetic::Modulo,
            1 => InterleaveArithmetic::ModuloXor,
            other => InterleaveArithmetic::Other(other),
        },
        restrictions: wire.restrictions.get(),
        qtg_id: wire.qtg_id.get(),
        targets: structure.tail(WINDOW_SIZE, usize::from(ways).checked_mul(4), WHAT, EXPECTED)?,
    })
}

/// `256 << encoded` for the encodings the specification defines.
fn granularity(encoded: u32, offset: usize) -> Result<u32, AcpiError> {
    match encoded {
        0..=6 => Ok(256 << encoded),
        _ => Err(AcpiError::Value {
            what: "CEDT host bridge interleave granularity",
            offset,
            value: u64::from(encoded),
            expected: "0 to 6",
        }),
    }
}

#[cfg(test)]
mod tests;
