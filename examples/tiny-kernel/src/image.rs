//! Where the kernel itself is.
#![allow(unsafe_code)]

use memblock::{PhysRange, RangeError};

// SAFETY: `link.ld` defines both, and nothing is read through them: only their addresses are used.
unsafe extern "C" {
    safe static image_start: [u8; 0];
    safe static image_end: [u8; 0];
}

/// Code, data, page tables and stack of the kernel: whole pages.
///
/// # Errors
///
/// If `link.ld` is wrong.
pub(crate) fn range() -> Result<PhysRange, RangeError> {
    PhysRange::new((&raw const image_start).addr() as u64, (&raw const image_end).addr() as u64)
}
