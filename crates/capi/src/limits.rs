//! Limiting memory. Each function writes the number of bytes of memory removed to `removed`, which may be
//! null.
#![allow(unsafe_code)]

use memblock::PhysRange;

use crate::failure::Status;
use crate::handle::{self, Handle};

/// Keeps the lowest `limit` bytes of memory, and cuts off all memory and reservations above. A limit of 0, or
/// more than there is, changes nothing.
///
/// Writes the number of bytes of memory removed to `removed`, which may be null. PHYSMEM_STATUS_IN_USE if the
/// memblock's own tables lie above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_enforce_memory_limit(
    memblock: *mut Handle,
    limit: u64,
    removed: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, removed, |memblock| Ok(memblock.enforce_memory_limit(limit)?)) }
}

/// Keeps memory inside a range, and PHYSMEM_NOMAP memory elsewhere; removes the rest, and all reservations
/// outside. Without memory, nothing happens. Otherwise like physmem_memblock_enforce_memory_limit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_cap_memory_range(
    memblock: *mut Handle,
    start: u64,
    end: u64,
    removed: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::answer(memblock, removed, |memblock| {
            Ok(memblock.cap_memory_range(PhysRange::new(start, end)?)?)
        })
    }
}

/// Keeps the lowest `limit` bytes of memory, and PHYSMEM_NOMAP memory above. Otherwise like
/// physmem_memblock_enforce_memory_limit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_mem_limit_remove_map(
    memblock: *mut Handle,
    limit: u64,
    removed: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, removed, |memblock| Ok(memblock.mem_limit_remove_map(limit)?)) }
}
