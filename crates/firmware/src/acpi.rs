//! What all ACPI tables share: the header, the checksum, and structures that carry their own length.
//!
//! Source: ACPI 6.5 section 5.2.6, "System Description Table Header".

use core::fmt;

use memblock::RangeError;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::bytes::view;

/// Why bytes are not the table, or a structure inside it cannot be read. Offsets are bytes from the start of
/// the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcpiError {
    /// The input ends before what has to be there.
    #[error("{what} at byte {offset:#x} needs {needed} bytes, {available} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        offset: usize,
        /// Bytes it needs.
        needed: usize,
        /// Bytes left from `offset`.
        available: usize,
    },
    /// This is another table.
    #[error("byte 0: expected the signature {:?}, found {:?}", text(.expected), text(.found))]
    Signature {
        /// The signature of the table asked for.
        expected: [u8; 4],
        /// The signature found.
        found: [u8; 4],
    },
    /// The bytes of the table do not sum to 0.
    #[error("byte 0x9: the table sums to {sum:#04x}, expected 0")]
    Checksum {
        /// The sum of all bytes, modulo 256.
        sum: u8,
    },
    /// A length field contradicts what it is the length of.
    #[error("{what} at byte {offset:#x} has length {length}, expected {expected}")]
    Length {
        /// What has the length.
        what: &'static str,
        /// Where it begins.
        offset: usize,
        /// The length found.
        length: u64,
        /// What would have been good.
        expected: &'static str,
    },
    /// A field holds a value the specification does not define.
    #[error("{what} at byte {offset:#x} is {value:#x}, expected {expected}")]
    Value {
        /// The field.
        what: &'static str,
        /// Where the field is.
        offset: usize,
        /// The value found.
        value: u64,
        /// What would have been good.
        expected: &'static str,
    },
    /// Base and length do not make a range.
    #[error("{what} at byte {offset:#x}: {source}")]
    Range {
        /// What has the range.
        what: &'static str,
        /// Where it begins.
        offset: usize,
        /// What is wrong with it.
        source: RangeError,
    },
}

impl AcpiError {
    /// The byte of the table the error is about.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Signature { .. } => 0,
            Self::Checksum { .. } => CHECKSUM,
            Self::Truncated { offset, .. }
            | Self::Length { offset, .. }
            | Self::Value { offset, .. }
            | Self::Range { offset, .. } => offset,
        }
    }
}

fn text(signature: &[u8; 4]) -> &str {
    core::str::from_utf8(signature).unwrap_or("no text")
}

/// The header every table begins with.
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
const CHECKSUM: usize = 9;
const _: () = assert!(size_of::<WireHeader>() == HEADER_SIZE);
const _: () = assert!(core::mem::offset_of!(WireHeader, _checksum) == CHECKSUM);

/// An ACPI table whose header has been checked.
///
/// Holding one proves that the input is as long as the header says, and that the header says at least 36
/// bytes. From [`Table::new`] it also proves signature and checksum; from [`Table::without_checksum`], the
/// signature alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Table<'a> {
    /// Exactly the bytes the header's length covers.
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
    /// Checks length, signature and checksum of the table at the start of `bytes`. Anything behind the
    /// table's own length is ignored.
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

    /// The same without the checksum: Linux warns about a wrong one and reads the table all the same
    /// (`drivers/acpi/acpica/tbprint.c:acpi_tb_verify_checksum`), so a table of a running machine may have one.
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
        // On a 16-bit usize no input could be that long.
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

    /// The sum of all bytes modulo 256; 0 for a sound table.
    pub fn sum(&self) -> u8 {
        self.bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
    }

    /// The whole table, header included.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The four letters the table is known by.
    pub const fn signature(&self) -> [u8; 4] {
        self.header.signature
    }

    /// The revision of the table's layout.
    pub const fn revision(&self) -> u8 {
        self.header.revision
    }

    /// Who made the firmware.
    pub const fn oem_id(&self) -> [u8; 6] {
        self.header.oem_id
    }

    /// The maker's name for the table.
    pub const fn oem_table_id(&self) -> [u8; 8] {
        self.header.oem_table_id
    }

    /// The maker's revision of the table. Linux takes a table from the initrd only when this is larger.
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

    /// The structures from `offset` to the end of the table.
    pub(crate) const fn structures(&self, offset: usize, layout: Layout) -> Structures<'a> {
        Structures { bytes: self.bytes, at: offset, layout }
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

/// How the structures of a table begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Name of the structures in errors.
    pub(crate) what: &'static str,
    /// Type field: its width in bytes, at offset 0.
    pub(crate) type_width: usize,
    /// Length field: where it is.
    pub(crate) length_at: usize,
    /// Length field: its width in bytes.
    pub(crate) length_width: usize,
}

/// One structure: where it is, what it says it is, and all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Structure<'a> {
    pub(crate) offset: usize,
    pub(crate) kind: u16,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Structure<'a> {
    /// The fixed part `T` of the structure.
    pub(crate) fn read<T>(&self, what: &'static str, expected: &'static str) -> Result<&'a T, AcpiError>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        view(self.bytes, 0).ok_or_else(|| self.bad_length(what, expected))
    }

    /// `len` bytes at `offset` of the structure: the part whose length its fixed part gives.
    pub(crate) fn tail(
        &self,
        offset: usize,
        len: Option<usize>,
        what: &'static str,
        expected: &'static str,
    ) -> Result<&'a [u8], AcpiError> {
        len.and_then(|len| self.bytes.get(offset..offset.checked_add(len)?))
            .ok_or_else(|| self.bad_length(what, expected))
    }

    fn bad_length(&self, what: &'static str, expected: &'static str) -> AcpiError {
        AcpiError::Length { what, offset: self.offset, length: self.bytes.len() as u64, expected }
    }
}

/// Iterator over structures that carry their own length. Ends after a length that cannot be stepped over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Structures<'a> {
    bytes: &'a [u8],
    at: usize,
    layout: Layout,
}

impl<'a> Structures<'a> {
    fn read(&self, rest: &'a [u8]) -> Result<Structure<'a>, AcpiError> {
        let Layout { what, type_width, length_at, length_width } = self.layout;
        let header_size = length_at.saturating_add(length_width);
        let header = rest.get(..header_size).ok_or(AcpiError::Truncated {
            what,
            offset: self.at,
            needed: header_size,
            available: rest.len(),
        })?;
        let kind = little_endian(header.get(..type_width).unwrap_or(&[]));
        let length = little_endian(header.get(length_at..).unwrap_or(&[]));
        let bytes = usize::try_from(length)
            .ok()
            .filter(|length| *length >= header_size)
            .and_then(|length| rest.get(..length))
            .ok_or(AcpiError::Length {
                what,
                offset: self.at,
                length,
                expected: "at least its own header and no more than the table has left",
            })?;
        // Types are one or two bytes wide.
        let kind = u16::try_from(kind).unwrap_or(u16::MAX);
        Ok(Structure { offset: self.at, kind, bytes })
    }
}

impl<'a> Iterator for Structures<'a> {
    type Item = Result<Structure<'a>, AcpiError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let structure = self.read(rest);
        self.at = match &structure {
            Ok(structure) => self.at.saturating_add(structure.bytes.len()),
            Err(_) => self.bytes.len(),
        };
        Some(structure)
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// A table with the signature and body given, its length and checksum filled in.
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
    fn a_real_header_reads_as_its_firmware_wrote_it() {
        let table = Table::new(SRAT, *b"SRAT").unwrap();
        assert_eq!((table.oem_id(), table.oem_table_id()), (*b"BOCHS ", *b"BXPC    "));
        assert_eq!((table.revision(), table.oem_revision(), table.bytes().len()), (1, 1, SRAT.len()));
    }

    #[test]
    fn a_table_cut_anywhere_says_how_much_it_needs() {
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
    fn bytes_behind_the_table_are_not_part_of_it() {
        let mut longer = SRAT.to_vec();
        longer.extend([0xee; 100]);
        assert_eq!(Table::new(&longer, *b"SRAT").unwrap().bytes(), SRAT);
    }

    #[test]
    fn any_single_changed_byte_is_seen_by_the_checksum() {
        for at in 0..SRAT.len() {
            let mut table = SRAT.to_vec();
            table[at] ^= 0x10;
            assert!(Table::new(&table, *b"SRAT").is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_fatal_only_where_it_is_asked_for() {
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
