//! Errors, and the tables they name.

use core::fmt;

use crate::{PhysRange, TableFull, TooManySlabs};

/// One of the tables of a [`Memblock`](crate::Memblock).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// The memory there is.
    Memory,
    /// The memory in use.
    Reserved,
    /// The memory that is really there, including what a limit cut off.
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
    /// A table needs memory, and may not take any by itself
    /// ([`Memblock::allow_growth`](crate::Memblock::allow_growth)).
    #[error("memblock.{table}: {cause}")]
    Full {
        /// The table.
        table: TableKind,
        /// The request, and how many chunks are missing.
        #[source]
        cause: TableFull,
    },
    /// A table needs memory, and there is none free.
    #[error(
        "memblock.{table}: {cause}, but no {bytes} contiguous bytes of memory are free outside that range"
    )]
    CannotGrow {
        /// The table.
        table: TableKind,
        /// The request, and how many chunks are missing.
        #[source]
        cause: TableFull,
        /// The smallest size that would have sufficed.
        bytes: u64,
    },
    /// The [`DirectMap`](crate::DirectMap) has no pointer for the memory that a table was to grow into.
    #[error(
        "memblock.{table}: the direct map has no aligned pointer for {range}, where the table was to grow"
    )]
    NotMapped {
        /// The table.
        table: TableKind,
        /// The memory.
        range: PhysRange,
    },
    /// A table has been given memory 32 times already.
    #[error("memblock.{table}: {cause}")]
    TooManySlabs {
        /// The table.
        table: TableKind,
        /// The limit.
        #[source]
        cause: TooManySlabs,
    },
    /// The range holds memblock's own tables ([`Memblock::own_memory`](crate::Memblock::own_memory)). Linux
    /// would free or remove them while using them.
    #[error("{range} holds memblock's own tables, at {own}")]
    InUse {
        /// The range of the request.
        range: PhysRange,
        /// The first of memblock's own memory in it.
        own: PhysRange,
    },
}
