//! What can go wrong.

use core::fmt;

use crate::TableFull;

/// One of the tables of a [`Memblock`](crate::Memblock).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// What memory there is.
    Memory,
    /// What of it is taken.
    Reserved,
    /// What memory is really there, whatever was cut from it.
    Physmem,
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Reserved => "reserved",
            Self::Physmem => "physmem",
        })
    }
}

/// Why a request to a [`Memblock`](crate::Memblock) failed. Nothing was changed.
///
/// ```
/// use memblock::{Memblock, MemblockError, PhysRange, TableKind};
/// let mut memblock = Memblock::new();
/// let error = (0..).find_map(|page| {
///     memblock.reserve(PhysRange::from_size(page * 0x2000, 0x1000).unwrap()).err()
/// });
/// assert!(matches!(error, Some(MemblockError::Full { table: TableKind::Reserved, .. })));
/// assert_eq!(
///     error.unwrap().to_string(),
///     "memblock.reserved: no room in the region table for 0007e000-0007efff: \
///      hand it 2 more chunks of 1552 bytes"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemblockError {
    /// A table needs memory first.
    #[error("memblock.{table}: {cause}")]
    Full {
        /// The table.
        table: TableKind,
        /// The request, and how many chunks are missing.
        #[source]
        cause: TableFull,
    },
}
