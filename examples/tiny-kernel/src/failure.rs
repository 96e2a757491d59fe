//! Why a boot fails.

use alloc::collections::TryReserveError;

use memblock::{AllocError, MemblockError, RangeError};

use crate::physical::ImageNotReserved;
use crate::pvh::PvhError;

/// The errors that end a boot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Without the start info, there is no memory map.
    #[error("pvh: {0}")]
    Pvh(#[from] PvhError),
    /// The map has no whole page of RAM.
    #[error("pvh: the memory map has no RAM")]
    NoMemory,
    /// A constant in the kernel or its linker script is wrong.
    #[error("range: {0}")]
    Range(#[from] RangeError),
    /// A table is full and could not grow.
    #[error(transparent)]
    Memblock(#[from] MemblockError),
    /// Early memory ran out.
    #[error("alloc: {0}")]
    Alloc(#[from] AllocError),
    /// The buddy allocator has no memory.
    #[error("heap: {0}")]
    Heap(#[from] TryReserveError),
    /// The kernel would hand itself out.
    #[error("check: {0}")]
    Unreserved(#[from] ImageNotReserved),
    /// A check of the kernel's own results failed.
    #[error("check: {0}")]
    Wrong(&'static str),
}
