//! The Maximum System Characteristics Table: how much each proximity domain may ever hold.
//!
//! Source: ACPI 6.5 section 5.2.19.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::acpi::{self, AcpiError, HEADER_SIZE, Layout, Structure, Table};

/// What a run of proximity domains may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaximumProximity {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The first domain.
    pub first: u32,
    /// The last domain, inclusive.
    pub last: u32,
    /// Processors in each of them; 0 for none.
    pub processors: u32,
    /// Bytes of memory in each of them; 0 for none.
    pub memory: u64,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireFixed {
    proximity_at: U32,
    last_domain: U32,
    last_clock_domain: U32,
    last_address: U64,
}
const _: () = assert!(size_of::<WireFixed>() == 20);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireProximity {
    _revision: u8,
    _length: u8,
    first: U32,
    last: U32,
    processors: U32,
    memory: U64,
}
const _: () = assert!(size_of::<WireProximity>() == 22);

/// One byte of revision, one byte of length.
const LAYOUT: Layout =
    Layout { what: "MSCT proximity structure", type_width: 1, length_at: 1, length_width: 1 };

/// A Maximum System Characteristics Table.
///
/// Holding one proves that its fixed part is complete and that the structures begin inside the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msct<'a> {
    table: Table<'a>,
    structures_at: usize,
    /// The largest proximity domain that may appear.
    pub last_domain: u32,
    /// The last physical address that may appear, inclusive.
    pub last_address: u64,
}

impl<'a> Msct<'a> {
    /// Reads a table with an already checked header.
    ///
    /// # Errors
    ///
    /// [`AcpiError::Signature`] for a different table, [`AcpiError::Truncated`] if its fixed part is not whole,
    /// [`AcpiError::Value`] if its structures begin outside the table.
    pub fn from_table(table: Table<'a>) -> Result<Self, AcpiError> {
        let table = table.expect_signature(*b"MSCT")?;
        let wire: &WireFixed = table.view(HEADER_SIZE, "MSCT fixed part")?;
        let at = usize::try_from(wire.proximity_at.get()).unwrap_or(usize::MAX);
        if at > table.bytes().len() || at < HEADER_SIZE {
            return Err(AcpiError::Value {
                what: "MSCT offset of the proximity structures",
                offset: HEADER_SIZE,
                value: u64::from(wire.proximity_at.get()),
                expected: "a place inside the table, after its header",
            });
        }
        Ok(Self {
            table,
            structures_at: at,
            last_domain: wire.last_domain.get(),
            last_address: wire.last_address.get(),
        })
    }

    /// The table's header.
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    /// The proximity structures, in the table's order. After one with an unusable length, the iterator ends.
    pub const fn entries(&self) -> acpi::Entries<'a, MaximumProximity> {
        self.table.entries(self.structures_at, LAYOUT, read)
    }
}

fn read(structure: &Structure<'_>) -> Result<MaximumProximity, AcpiError> {
    let wire: &WireProximity = structure.read("MSCT proximity structure", "22")?;
    Ok(MaximumProximity {
        offset: structure.offset,
        first: wire.first.get(),
        last: wire.last.get(),
        processors: wire.processors.get(),
        memory: wire.memory.get(),
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::acpi::test_table;

    fn table() -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(56u32.to_le_bytes());
        body.extend(3u32.to_le_bytes());
        body.extend(0u32.to_le_bytes());
        body.extend(0xff_ffff_ffffu64.to_le_bytes());
        body.extend([1, 22]);
        for number in [0u32, 3, 16] {
            body.extend(number.to_le_bytes());
        }
        body.extend((64u64 << 30).to_le_bytes());
        test_table(*b"MSCT", 1, &body)
    }

    #[test]
    fn what_each_domain_may_hold_is_read() {
        let bytes = table();
        let msct = Msct::from_table(Table::new(&bytes, *b"MSCT").unwrap()).unwrap();
        assert_eq!((msct.last_domain, msct.last_address), (3, 0xff_ffff_ffff));
        let one = msct.entries().next().unwrap().unwrap();
        assert_eq!((one.first, one.last, one.processors, one.memory), (0, 3, 16, 64 << 30));
    }

    #[test]
    fn any_byte_changed_gives_an_error_or_values_and_always_an_end() {
        let whole = table();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let table = Table::without_checksum(&bytes, *b"MSCT");
                if let Ok(msct) = table.and_then(Msct::from_table) {
                    assert!(msct.entries().count() <= bytes.len());
                }
            }
        }
    }
}
