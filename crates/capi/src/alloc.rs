//! Early allocation.
#![allow(unsafe_code)]

use core::ptr;

use memblock::Request;

use crate::failure::{Failure, Status};
use crate::handle::{self, Handle};
use crate::types::{CRequest, PHYSMEM_NO_NODE, Range};

/// A request for `size` bytes anywhere below the current limit, aligned to a cache line.
#[unsafe(no_mangle)]
pub extern "C" fn physmem_request(size: u64) -> CRequest {
    CRequest {
        size,
        align: Request::CACHE_LINE,
        min: 0,
        max: 0,
        node: PHYSMEM_NO_NODE,
        exact_node: false,
        min_is_optional: false,
        owner: ptr::null(),
    }
}

/// Finds free memory for a request, reserves it, and writes its location to `range`. The memory itself is not
/// touched, so it is not zeroed.
///
/// First fit, from the top unless physmem_memblock_set_bottom_up() was called. Where the request leaves a
/// choice, memory is searched in Linux's order: as asked; on any node; both again without requiring mirrored
/// memory; all of these again below `min`.
///
/// Errors: PHYSMEM_STATUS_INVALID_REQUEST, PHYSMEM_STATUS_NO_SPACE, or the reason why a table cannot grow.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_alloc(
    memblock: *mut Handle,
    request: *const CRequest,
    range: *mut Range,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        let request = read(request);
        handle::answer(memblock, range, |memblock| Ok(memblock.alloc(&request?)?))
    }
}

/// Finds what physmem_memblock_alloc() would return, without reserving it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_find(
    memblock: *mut Handle,
    request: *const CRequest,
    range: *mut Range,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        let request = read(request);
        handle::answer(memblock, range, |memblock| Ok(memblock.find(&request?)?))
    }
}

/// # Safety
///
/// The header's promises.
unsafe fn read(request: *const CRequest) -> Result<Request, Failure> {
    // SAFETY: the caller's promise.
    unsafe {
        let request = handle::get(request, "request")?;
        let owner = if request.owner.is_null() { None } else { Some(handle::text(request.owner, "owner")?) };
        request.request(owner)
    }
}
