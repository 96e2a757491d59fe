//! Why a change came to nothing, or to less than it should.

use core::ffi::c_int;

use memblock::TableFull;

const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;

/// What went wrong. Linux's functions tell C no more than an errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An array could not grow.
    NoMemory,
    /// The records are not sorted and disjoint: C code changed them.
    NotSorted,
    /// The table is none of the three.
    NotATable,
}

impl Fault {
    /// What C gets: 0, or a negative errno.
    pub(super) const fn status(done: Result<(), Self>) -> c_int {
        match done {
            Ok(()) => 0,
            Err(Self::NoMemory) => -ENOMEM,
            Err(Self::NotSorted | Self::NotATable) => -EINVAL,
        }
    }
}

impl From<TableFull> for Fault {
    /// What is lent has room for whatever comes of it, as long as it is sorted and disjoint.
    fn from(_: TableFull) -> Self {
        Self::NotSorted
    }
}
