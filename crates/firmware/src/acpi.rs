//! What all ACPI tables share: the header, the checksum, and structures with a length field.
//!
//! Source: ACPI 6.5 section 5.2.6, "System Description Table Header".

mod error;
mod structures;

use core::fmt;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub use self::error::AcpiError;
use self::error::{CHECKSUM, text};
pub use self::structures::Entries;
pub(crate) use self::structures::{Layout, Structure};
use crate::bytes::view;

/// The header at the start of every table.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHeader {
    signature: [u8; 4],
    length: U32,
    revision: u8,
    _checksum: u8,
    oem_id: [u8; 6],
    oem_table_id: [u8; 8],
    oem_revision: U32,
    _creator_id: [u8; 4],
    _creator_revision: U32,
}

/// Size of the header of every table, in bytes.
pub const HEADER_SIZE: usize = 36;
const _: () = assert!(size_of::<WireHeader>() == HEADER_SIZE);
const _: () = assert!(core::mem::offset_of!(WireHeader, _checksum) == CHECKSUM);

/// An ACPI table whose header has been checked.
///
/// Holding one proves that the input is as long as the header says, and that this is at least 36 bytes. From
/// [`Table::new`] it also proves the signature and the checksum; from [`Table::without_checksum`], only the
/// signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Table<'a> {
    /// Exactly the bytes that the header's length covers.
    bytes: &'a [u8],
    header: Header,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    signature: [u8; 4],
    revision: u8,
    oem_id: [u8; 6],
    oem_table_id: [u8; 8],
    oem_revision: u32,
}

impl<'a> Table<'a> {
    /// Checks the length, signature and checksum of the table at the start of `bytes`. Bytes after the table
    /// are ignored.
    ///
    /// # Errors
    ///
    /// [`AcpiError::Truncated`], [`AcpiError::Signature`], [`AcpiError::Length`] or [`AcpiError::Checksum`].
    pub fn new(bytes: &'a [u8], signature: [u8; 4]) -> Result<Self, AcpiError> {
        let table = Self::without_checksum(bytes, signature)?;
        match table.sum() {
            0 => Ok(table),
            sum => Err(AcpiError::Checksum { sum }),
        }
    }

    /// The same without the checksum. Linux only warns about a wrong one and reads the table anyway
    /// (`drivers/acpi/acpica/tbprint.c:acpi_tb_verify_checksum`), so tables of running machines may have one.
    ///
    /// # Errors
    ///
    /// [`AcpiError::Truncated`], [`AcpiError::Signature`] or [`AcpiError::Length`].
    pub fn without_checksum(bytes: &'a [u8], signature: [u8; 4]) -> Result<Self, AcpiError> {
        let truncated =
            |needed| AcpiError::Truncated { what: "ACPI table", offset: 0, needed, available: bytes.len() };
        let wire: &WireHeader = view(bytes, 0).ok_or_else(|| truncated(HEADER_SIZE))?;
        if wire.signature != signature {
            return Err(AcpiError::Signature { expected: signature, found: wire.signature });
        }
        // With a 16-bit usize, no input could be that long.
        let length = usize::try_from(wire.length.get()).unwrap_or(usize::MAX);
        if length < HEADER_SIZE {
            return Err(AcpiError::Length {
                what: "ACPI table",
                offset: 0,
                length: u64::from(wire.length.get()),
                expected: "at least the 36 bytes of its header",
            });
        }
        let header = Header {
            signature,
            revision: wire.revision,
            oem_id: wire.oem_id,
            oem_table_id: wire.oem_table_id,
            oem_revision: wire.oem_revision.get(),
        };
        Ok(Self { bytes: bytes.get(..length).ok_or_else(|| truncated(length))?, header })
    }

    /// The sum of all bytes modulo 256; 0 for an intact table.
    pub fn sum(&self) -> u8 {
        self.bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
    }

    /// The whole table, header included.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The table's four-letter signature.
    pub const fn signature(&self) -> [u8; 4] {
        self.header.signature
    }

    /// The revision of the table's layout.
    pub const fn revision(&self) -> u8 {
        self.header.revision
    }

    /// The vendor of the firmware.
    pub const fn oem_id(&self) -> [u8; 6] {
        self.header.oem_id
    }

    /// The vendor's name for the table.
    pub const fn oem_table_id(&self) -> [u8; 8] {
        self.header.oem_table_id
    }

    /// The vendor's revision of the table. Linux uses a table from the initrd only if this is larger.
    pub const fn oem_revision(&self) -> u32 {
        self.header.oem_revision
    }

    /// The structure `T` at `offset` of the table.
    pub(crate) fn view<T>(&self, offset: usize, what: &'static str) -> Result<&'a T, AcpiError>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        view(self.bytes, offset).ok_or(AcpiError::Truncated {
            what,
            offset,
            needed: size_of::<T>(),
            available: self.bytes.len().saturating_sub(offset),
        })
    }

    /// The table itself if it has this signature.
    pub(crate) fn expect_signature(self, expected: [u8; 4]) -> Result<Self, AcpiError> {
        match self.signature() {
            found if found == expected => Ok(self),
            found => Err(AcpiError::Signature { expected, found }),
        }
    }

    /// The table itself if it has at least `least` bytes.
    pub(crate) fn expect_length(
        self,
        least: usize,
        what: &'static str,
        expected: &'static str,
    ) -> Result<Self, AcpiError> {
        let length = self.bytes.len();
        if length < least {
            return Err(AcpiError::Length { what, offset: 0, length: length as u64, expected });
        }
        Ok(self)
    }

    /// The structures from `at` to the end of the table, each read by `read`.
    pub(crate) const fn entries<T>(
        &self,
        at: usize,
        layout: Layout,
        read: fn(&Structure<'a>) -> Result<T, AcpiError>,
    ) -> Entries<'a, T> {
        Entries::new(self.bytes, self.revision(), at, layout, read)
    }
}

impl fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("signature", &text(&self.header.signature))
            .field("length", &self.bytes.len())
            .field("revision", &self.header.revision)
            .finish_non_exhaustive()
    }
}

/// A table with this signature and body, with length and checksum filled in.
#[cfg(test)]
pub(crate) fn test_table(signature: [u8; 4], revision: u8, body: &[u8]) -> std::vec::Vec<u8> {
    let mut table = std::vec![0; HEADER_SIZE];
    table[..4].copy_from_slice(&signature);
    table[8] = revision;
    table.extend_from_slice(body);
    let length = u32::try_from(table.len()).unwrap();
    table[4..8].copy_from_slice(&length.to_le_bytes());
    let sum = table.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    table[CHECKSUM] = sum.wrapping_neg();
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRAT: &[u8] = include_bytes!("../tests/data/x86-numa4.SRAT");

    #[test]
    fn a_real_header_is_read_as_its_firmware_wrote_it() {
        let table = Table::new(SRAT, *b"SRAT").unwrap();
        assert_eq!((table.oem_id(), table.oem_table_id()), (*b"BOCHS ", *b"BXPC    "));
        assert_eq!((table.revision(), table.oem_revision(), table.bytes().len()), (1, 1, SRAT.len()));
    }

    #[test]
    fn an_error_for_a_table_cut_anywhere_says_how_much_it_needs() {
        for len in 0..SRAT.len() {
            let error = Table::new(&SRAT[..len], *b"SRAT").unwrap_err();
            assert!(
                matches!(error, AcpiError::Truncated { offset: 0, available, needed, .. }
                    if available == len && needed > len),
                "{error}"
            );
        }
    }

    #[test]
    fn bytes_after_the_table_are_not_part_of_it() {
        let mut longer = SRAT.to_vec();
        longer.extend([0xee; 100]);
        assert_eq!(Table::new(&longer, *b"SRAT").unwrap().bytes(), SRAT);
    }

    #[test]
    fn the_checksum_detects_any_single_changed_byte() {
        for at in 0..SRAT.len() {
            let mut table = SRAT.to_vec();
            table[at] ^= 0x10;
            assert!(Table::new(&table, *b"SRAT").is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_an_error_only_if_it_is_checked() {
        let mut table = SRAT.to_vec();
        table[CHECKSUM] = table[CHECKSUM].wrapping_add(3);
        assert_eq!(Table::new(&table, *b"SRAT"), Err(AcpiError::Checksum { sum: 3 }));
        assert_eq!(Table::without_checksum(&table, *b"SRAT").unwrap().sum(), 3);
    }

    #[test]
    fn a_length_shorter_than_the_header_is_refused() {
        let mut table = SRAT.to_vec();
        table[4..8].copy_from_slice(&35u32.to_le_bytes());
        assert!(matches!(Table::new(&table, *b"SRAT"), Err(AcpiError::Length { length: 35, .. })));
    }

    #[test]
    fn another_table_is_named_in_the_error() {
        let error = Table::new(SRAT, *b"SLIT").unwrap_err();
        assert_eq!(std::format!("{error}"), "byte 0: expected the signature \"SLIT\", found \"SRAT\"");
    }
}
