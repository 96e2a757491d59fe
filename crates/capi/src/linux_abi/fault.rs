//! Why a change failed, completely or partly.

use core::ffi::c_int;

use memblock::TableFull;

const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;

/// What went wrong. Linux's functions only return an errno to C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An array could not grow.
    NoMemory,
    /// The records are not sorted and disjoint: C code changed them.
    NotSorted,
    /// Not one of the three tables.
    NotATable,
}

impl Fault {
    /// The result for C: 0, or a negative errno.
    pub(super) const fn status(done: Result<(), Self>) -> c_int {
        match done {
            Ok(()) => 0,
            Err(Self::NoMemory) => -ENOMEM,
            Err(Self::NotSorted | Self::NotATable) => -EINVAL,
        }
    }
}

impl From<TableFull> for Fault {
    /// A lent table has room for any result, as long as its records are sorted and disjoint.
    fn from(_: TableFull) -> Self {
        Self::NotSorted
    }
}
