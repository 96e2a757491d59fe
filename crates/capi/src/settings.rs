//! How memory is allocated. The only possible error is PHYSMEM_STATUS_NULL_POINTER.
#![allow(unsafe_code)]

use memblock::Memblock;

use crate::failure::Status;
use crate::handle::{self, Handle};

/// # Safety
///
/// The header's promises.
unsafe fn set(memblock: *mut Handle, set: impl FnOnce(&mut Memblock<'static>)) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        handle::change(memblock, |memblock| {
            set(memblock);
            Ok(())
        })
    }
}

/// Whether memory is allocated from the lowest address up. Off by default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_set_bottom_up(memblock: *mut Handle, on: bool) -> Status {
    // SAFETY: the header's promises.
    unsafe { set(memblock, |memblock| memblock.set_bottom_up(on)) }
}

/// The first address not allowed for requests without an end of their own. By default there is no limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_set_current_limit(memblock: *mut Handle, limit: u64) -> Status {
    // SAFETY: the header's promises.
    unsafe { set(memblock, |memblock| memblock.set_current_limit(limit)) }
}

/// The limit that physmem_memblock_set_current_limit() set; 0 for a null memblock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_current_limit(memblock: *const Handle) -> u64 {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, Memblock::current_limit) }
}

/// Whether allocations avoid PHYSMEM_HOTPLUG memory, like with Linux's boot parameter movable_node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_set_movable_node(memblock: *mut Handle, on: bool) -> Status {
    // SAFETY: the header's promises.
    unsafe { set(memblock, |memblock| memblock.set_movable_node(on)) }
}

/// Whether physmem_memblock_mark_mirror() marks anything, like with Linux's boot parameter kernelcore=mirror.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_set_mirrored_kernelcore(memblock: *mut Handle, on: bool) -> Status {
    // SAFETY: the header's promises.
    unsafe { set(memblock, |memblock| memblock.set_mirrored_kernelcore(on)) }
}

/// Whether allocations use only PHYSMEM_KHO_SCRATCH memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_set_kho_scratch_only(memblock: *mut Handle, on: bool) -> Status {
    // SAFETY: the header's promises.
    unsafe { set(memblock, |memblock| memblock.set_kho_scratch_only(on)) }
}

/// Whether allocations are marked PHYSMEM_RSRV_KERN and get the requested node, as in Linux later than 6.12.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_set_kern_accounting(memblock: *mut Handle, on: bool) -> Status {
    // SAFETY: the header's promises.
    unsafe { set(memblock, |memblock| memblock.set_kern_accounting(on)) }
}
