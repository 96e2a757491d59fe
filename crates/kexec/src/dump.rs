//! Crash dumps: what a dump contains, what it leaves out and why, and how large its header is.

mod coverage;
pub(crate) mod header;
pub(crate) mod ranges;

pub use coverage::{Difference, LeftOut, left_out};
pub use header::{CrashKernel, HeaderSize};
pub use ranges::{dumped, dumped_of_memblock};
