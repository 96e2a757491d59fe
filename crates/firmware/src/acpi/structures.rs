//! Structures with a type and a length field: the contents of SRAT, HMAT and CEDT.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::error::AcpiError;
use crate::bytes::{little_endian, view};

/// How the structures of a table start.
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

/// One structure: its offset, its type, and all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Structure<'a> {
    pub(crate) offset: usize,
    pub(crate) kind: u16,
    pub(crate) bytes: &'a [u8],
    /// The revision of the table. Some fields depend on it.
    pub(crate) revision: u8,
}

impl<'a> Structure<'a> {
    /// The fixed part `T` of the structure.
    pub(crate) fn read<T>(&self, what: &'static str, expected: &'static str) -> Result<&'a T, AcpiError>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        view(self.bytes, 0).ok_or_else(|| self.bad_length(what, expected))
    }

    /// `len` bytes at `offset` of the structure, for parts with a length given in the fixed part.
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

/// Iterator over the structures of an SRAT, HMAT or CEDT, in the table's order.
///
/// For a structure that cannot be read, an error takes its place, and the next structure follows. After a
/// structure with an unusable length, the iterator ends.
#[derive(Clone, Debug)]
pub struct Entries<'a, T> {
    /// The whole table.
    bytes: &'a [u8],
    revision: u8,
    at: usize,
    layout: Layout,
    read: fn(&Structure<'a>) -> Result<T, AcpiError>,
}

impl<'a, T> Entries<'a, T> {
    /// The structures from `at` to the end of the table in `bytes`, each read by `read`.
    pub(super) const fn new(
        bytes: &'a [u8],
        revision: u8,
        at: usize,
        layout: Layout,
        read: fn(&Structure<'a>) -> Result<T, AcpiError>,
    ) -> Self {
        Self { bytes, revision, at, layout, read }
    }

    /// The structure at the start of `rest`, as bytes.
    fn structure(&self, rest: &'a [u8]) -> Result<Structure<'a>, AcpiError> {
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
        Ok(Structure { offset: self.at, kind, bytes, revision: self.revision })
    }
}

impl<T> Iterator for Entries<'_, T> {
    type Item = Result<T, AcpiError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let structure = self.structure(rest);
        self.at = match &structure {
            Ok(structure) => self.at.saturating_add(structure.bytes.len()),
            Err(_) => self.bytes.len(),
        };
        Some(structure.and_then(|structure| (self.read)(&structure)))
    }
}

impl<T> core::iter::FusedIterator for Entries<'_, T> {}

/// Two walks are equal when they are at the same place of equal tables: the layout and `T` say how they read.
impl<T> PartialEq for Entries<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        (self.bytes, self.revision, self.at, self.layout)
            == (other.bytes, other.revision, other.at, other.layout)
    }
}

impl<T> Eq for Entries<'_, T> {}
