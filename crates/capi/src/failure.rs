//! Errors: as a number for C, and as text.

use core::fmt;

use memblock::{
    AllocError, AllocFailure, MemblockError, RangeError, ReserveMemError, TableKind, TooManySlabs,
};

/// The result of a call. Anything other than PHYSMEM_STATUS_OK means that nothing was changed;
/// physmem_memblock_last_error_message() then has the details.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A pointer is null that must not be.
    NullPointer = 1,
    /// A range is empty, or its end lies before its start.
    InvalidRange = 2,
    /// A node is INT32_MAX, or negative but not PHYSMEM_NO_NODE.
    InvalidNode = 3,
    /// There is no table with this number.
    InvalidTable = 4,
    /// A string is not UTF-8.
    InvalidText = 5,
    /// A request for 0 bytes, with an alignment that is not a power of two, or between addresses that leave
    /// nothing.
    InvalidRequest = 6,
    /// No free memory fits the request.
    NoSpace = 7,
    /// A table is full. Hand it memory with physmem_memblock_grow(), or let tables take memory by themselves
    /// with physmem_memblock_allow_growth().
    TableFull = 8,
    /// A table is full, and there is no free memory for it to grow into.
    CannotGrow = 9,
    /// A table had to grow, but the map function returned no pointer, or not a multiple of 8, for the memory.
    NotMapped = 10,
    /// A table has been handed memory 32 times. Hand over more at a time.
    TooManyBuffers = 11,
    /// The range holds the memblock's own tables.
    InUse = 12,
    /// The name is taken, or all eight names are.
    NameTaken = 13,
    /// The name or the parameter is malformed.
    InvalidName = 14,
    /// An error that is not in this list yet.
    Other = 15,
}

/// An error with its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The argument's name.
    NullPointer(&'static str),
    /// Not a range.
    Range(RangeError),
    /// Not a node.
    Node(i32),
    /// Not a table.
    Table(u32),
    /// The argument's name.
    Text(&'static str),
    /// An allocation failed.
    Alloc(AllocError),
    /// A table could not be changed.
    Memblock(MemblockError),
    /// A table was handed memory too often.
    TooManySlabs(TableKind, TooManySlabs),
    /// Memory could not be reserved by name.
    ReserveMem(ReserveMemError),
}

impl Failure {
    /// The number for C.
    pub const fn status(&self) -> Status {
        match self {
            Self::NullPointer(_) => Status::NullPointer,
            Self::Range(_) => Status::InvalidRange,
            Self::Node(_) => Status::InvalidNode,
            Self::Table(_) => Status::InvalidTable,
            Self::Text(_) => Status::InvalidText,
            Self::Alloc(error) | Self::ReserveMem(ReserveMemError::Alloc(error)) => of_alloc(&error.failure),
            Self::Memblock(error) | Self::ReserveMem(ReserveMemError::Table(error)) => of_memblock(error),
            Self::TooManySlabs(..) => Status::TooManyBuffers,
            Self::ReserveMem(ReserveMemError::NameTaken { .. } | ReserveMemError::TooMany) => {
                Status::NameTaken
            }
            Self::ReserveMem(ReserveMemError::ZeroSize) => Status::InvalidRequest,
            Self::ReserveMem(ReserveMemError::Name | ReserveMemError::Syntax { .. }) => Status::InvalidName,
            Self::ReserveMem(_) => Status::Other,
        }
    }
}

const fn of_alloc(failure: &AllocFailure) -> Status {
    match failure {
        AllocFailure::ZeroSize | AllocFailure::Alignment | AllocFailure::EmptyWindow { .. } => {
            Status::InvalidRequest
        }
        AllocFailure::NoSpace(_) => Status::NoSpace,
        AllocFailure::Table(error) => of_memblock(error),
        _ => Status::Other,
    }
}

const fn of_memblock(error: &MemblockError) -> Status {
    match error {
        MemblockError::Full { .. } => Status::TableFull,
        MemblockError::CannotGrow { .. } => Status::CannotGrow,
        MemblockError::NotMapped { .. } => Status::NotMapped,
        MemblockError::TooManySlabs { .. } => Status::TooManyBuffers,
        MemblockError::InUse { .. } => Status::InUse,
        _ => Status::Other,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullPointer(argument) => write!(f, "{argument} is a null pointer"),
            Self::Range(error) => error.fmt(f),
            Self::Node(node) => write!(f, "{node} is not a node: nodes count from 0, and -1 means none"),
            Self::Table(table) => write!(f, "{table} is not a table: 0 is memory, 1 reserved, 2 physmem"),
            Self::Text(argument) => write!(f, "{argument} is not UTF-8"),
            Self::Alloc(error) => error.fmt(f),
            Self::Memblock(error) => error.fmt(f),
            Self::TooManySlabs(table, error) => write!(f, "memblock.{table}: {error}"),
            Self::ReserveMem(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Failure {}

macro_rules! from {
    ($($error:ty => $variant:ident),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(RangeError => Range, AllocError => Alloc, MemblockError => Memblock, ReserveMemError => ReserveMem);
