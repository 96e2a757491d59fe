//! Why a table cannot be read.

use memblock::RangeError;

/// Where the header has the checksum.
pub(super) const CHECKSUM: usize = 9;

/// Why bytes are not the requested table, or why a structure in it cannot be read. Offsets are bytes from the
/// start of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcpiError {
    /// The input ends too early.
    #[error("{what} at byte {offset:#x} needs {needed} bytes, {available} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        offset: usize,
        /// Bytes it needs.
        needed: usize,
        /// Bytes left from `offset`.
        available: usize,
    },
    /// This is a different table.
    #[error("byte 0: expected the signature {:?}, found {:?}", text(.expected), text(.found))]
    Signature {
        /// The signature of the requested table.
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
    /// A length field is wrong.
    #[error("{what} at byte {offset:#x} has length {length}, expected {expected}")]
    Length {
        /// What has the length.
        what: &'static str,
        /// Where it starts.
        offset: usize,
        /// The length found.
        length: u64,
        /// What was expected.
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
        /// What was expected.
        expected: &'static str,
    },
    /// Base and length do not form a range.
    #[error("{what} at byte {offset:#x}: {source}")]
    Range {
        /// What has the range.
        what: &'static str,
        /// Where it starts.
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

pub(super) fn text(signature: &[u8; 4]) -> &str {
    core::str::from_utf8(signature).unwrap_or("no text")
}
