//! The memblock library beside Linux's own memblock: the same calls, to compare their answers and their
//! speed.
//!
//! `referee/build.sh` builds Linux's part. Without it this crate is empty.

#[cfg(linux_memblock)]
pub mod compare;
#[cfg(linux_memblock)]
pub mod differences;
#[cfg(linux_memblock)]
pub mod generate;
#[cfg(linux_memblock)]
pub mod linux;
#[cfg(linux_memblock)]
pub mod operation;
#[cfg(linux_memblock)]
pub mod ours;
#[cfg(linux_memblock)]
pub mod sequence;

/// What stands in place of every result when Linux's memblock is not there.
pub const SKIPPED: &str = "SKIPPED: Linux's memblock is not built: run referee/build.sh";
