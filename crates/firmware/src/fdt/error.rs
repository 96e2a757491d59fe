//! Device tree errors.

use memblock::RangeError;

/// Why bytes are not a device tree, or why part of one cannot be read. Offsets are bytes from the start of
/// the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FdtError {
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
    /// The blob does not start with the magic number.
    #[error("byte 0: expected the magic number 0xd00dfeed, found {found:#x}")]
    Magic {
        /// The number found.
        found: u32,
    },
    /// A field, token or property has an invalid value.
    #[error("{what} at byte {offset:#x} is {value:#x}, expected {expected}")]
    Value {
        /// What was being read.
        what: &'static str,
        /// Where it is.
        offset: usize,
        /// The value found.
        value: u64,
        /// What was expected.
        expected: &'static str,
    },
    /// A string is not terminated, or is not UTF-8.
    #[error("{what} at byte {offset:#x}: expected {expected}")]
    Text {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        offset: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// A property has the wrong length.
    #[error("{what} at byte {offset:#x} has {len} bytes, expected {expected}")]
    Length {
        /// The property.
        what: &'static str,
        /// Where its value starts.
        offset: usize,
        /// Its length.
        len: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// An address and a size do not form a range. Linux ignores those of size 0.
    #[error("{what} at byte {offset:#x}: {source}")]
    Range {
        /// What was being read.
        what: &'static str,
        /// Where the pair starts.
        offset: usize,
        /// What is wrong with it.
        source: RangeError,
    },
    /// One of two properties that belong together is missing.
    #[error("node at byte {offset:#x} has {present} but no {missing}")]
    Missing {
        /// Where the node starts.
        offset: usize,
        /// The property that is present.
        present: &'static str,
        /// The property that is missing.
        missing: &'static str,
    },
}

impl FdtError {
    /// The byte of the blob the error is about.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Magic { .. } => 0,
            Self::Truncated { offset, .. }
            | Self::Value { offset, .. }
            | Self::Text { offset, .. }
            | Self::Length { offset, .. }
            | Self::Range { offset, .. }
            | Self::Missing { offset, .. } => offset,
        }
    }

    /// Whether this is only an address with a size of 0, which Linux ignores.
    pub const fn is_empty_range(&self) -> bool {
        matches!(self, Self::Range { source: RangeError::Empty { .. }, .. })
    }
}
