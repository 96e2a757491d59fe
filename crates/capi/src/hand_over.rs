//! The end of early allocation.
#![allow(unsafe_code)]

use core::ffi::c_void;

use memblock::HandOver;

use crate::failure::{Failure, Status};
use crate::handle::{self, Handle};
use crate::types::from_node;

/// Takes 2^`order` free pages, starting at page frame `pfn`, on `node` (or PHYSMEM_NO_NODE). `context` is the
/// argument of physmem_memblock_free_all(). The function must not call anything in this header for the same
/// memblock.
pub type TakePages = Option<unsafe extern "C" fn(context: *mut c_void, pfn: u64, order: u32, node: i32)>;

/// Ends early allocation: passes all free memory to `take`, for the page allocator, in blocks as large as
/// alignment and `max_order` allow, lowest first, up to page frame `end_pfn` (UINT64_MAX for no limit).
///
/// First it clears PHYSMEM_HOTPLUG everywhere, and gives reservations the nodes of the memory they lie in.
/// PHYSMEM_NOMAP and PHYSMEM_DRIVER_MANAGED memory is not passed. The tables do not record what was taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_free_all(
    memblock: *mut Handle,
    max_order: u32,
    end_pfn: u64,
    take: TakePages,
    context: *mut c_void,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| {
            let take = take.ok_or(Failure::NullPointer("take"))?;
            for block in memblock.free_all(HandOver { max_order, end_pfn })? {
                take(context, block.pfn, block.order, from_node(block.node));
            }
            Ok(())
        })
    }
}
