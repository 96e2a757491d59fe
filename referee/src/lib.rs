//! The memblock library next to Linux's own memblock: the same calls, to compare answers and speed.
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

/// Printed in place of results if Linux's memblock is not there.
pub const SKIPPED: &str = "SKIPPED: Linux's memblock is not built: run referee/build.sh";
