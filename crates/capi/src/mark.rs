//! Attributes of regions.
//!
//! Each function changes the part of a range that its table holds, cuts regions at the ends of the range, and
//! merges regions that have become alike.
#![allow(unsafe_code)]

use memblock::PhysRange;

use crate::failure::Status;
use crate::handle::{self, Handle};

/// Marks memory as hot-pluggable (PHYSMEM_HOTPLUG).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_mark_hotplug(
    memblock: *mut Handle,
    start: u64,
    end: u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::change(memblock, |memblock| Ok(memblock.mark_hotplug(PhysRange::new(start, end)?)?)) }
}

/// Undoes physmem_memblock_mark_hotplug().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_clear_hotplug(
    memblock: *mut Handle,
    start: u64,
    end: u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::change(memblock, |memblock| Ok(memblock.clear_hotplug(PhysRange::new(start, end)?)?)) }
}

/// Marks memory as mirrored (PHYSMEM_MIRROR); allocations then prefer it. Does nothing without
/// physmem_memblock_set_mirrored_kernelcore().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_mark_mirror(memblock: *mut Handle, start: u64, end: u64) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::change(memblock, |memblock| Ok(memblock.mark_mirror(PhysRange::new(start, end)?)?)) }
}

/// Marks memory as not to be mapped or allocated (PHYSMEM_NOMAP).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_mark_nomap(memblock: *mut Handle, start: u64, end: u64) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::change(memblock, |memblock| Ok(memblock.mark_nomap(PhysRange::new(start, end)?)?)) }
}

/// Undoes physmem_memblock_mark_nomap().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_clear_nomap(memblock: *mut Handle, start: u64, end: u64) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::change(memblock, |memblock| Ok(memblock.clear_nomap(PhysRange::new(start, end)?)?)) }
}

/// Marks memory as kexec handover scratch memory (PHYSMEM_KHO_SCRATCH).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_mark_kho_scratch(
    memblock: *mut Handle,
    start: u64,
    end: u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| Ok(memblock.mark_kho_scratch(PhysRange::new(start, end)?)?))
    }
}

/// Undoes physmem_memblock_mark_kho_scratch().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_clear_kho_scratch(
    memblock: *mut Handle,
    start: u64,
    end: u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| Ok(memblock.clear_kho_scratch(PhysRange::new(start, end)?)?))
    }
}

/// Marks reservations as having no page structures to initialize (PHYSMEM_RSRV_NOINIT).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserved_mark_noinit(
    memblock: *mut Handle,
    start: u64,
    end: u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| Ok(memblock.reserved_mark_noinit(PhysRange::new(start, end)?)?))
    }
}

/// Marks reservations as the kernel's own (PHYSMEM_RSRV_KERN).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserved_mark_kern(
    memblock: *mut Handle,
    start: u64,
    end: u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| Ok(memblock.reserved_mark_kern(PhysRange::new(start, end)?)?))
    }
}
