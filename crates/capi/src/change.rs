//! Adding, removing, reserving and freeing.
#![allow(unsafe_code)]

use core::ffi::c_char;

use memblock::PhysRange;

use crate::failure::Status;
use crate::handle::{self, Handle, put};
use crate::types::{CRegion, Table, to_node, to_table};

/// Adds memory without node or attributes. Existing memory is unchanged.
///
/// Writes the number of new bytes to `added`, which may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_add(
    memblock: *mut Handle,
    start: u64,
    end: u64,
    added: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, added, |memblock| Ok(memblock.add(PhysRange::new(start, end)?)?)) }
}

/// Adds memory with a node and attributes. Otherwise like physmem_memblock_add().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_add_node(
    memblock: *mut Handle,
    region: CRegion,
    added: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, added, |memblock| Ok(memblock.add_node(region.region()?)?)) }
}

/// Adds to physmem. Otherwise like physmem_memblock_add().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_physmem_add(
    memblock: *mut Handle,
    start: u64,
    end: u64,
    added: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::answer(memblock, added, |memblock| Ok(memblock.physmem_add(PhysRange::new(start, end)?)?))
    }
}

/// Removes a range from memory. Reservations stay.
///
/// Writes the number of bytes removed to `removed`, and how many of these are still reserved, and so may be
/// in use, to `still_reserved`. Both may be null. PHYSMEM_STATUS_IN_USE for the memblock's own tables.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_remove(
    memblock: *mut Handle,
    start: u64,
    end: u64,
    removed: *mut u64,
    still_reserved: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| {
            let done = memblock.remove(PhysRange::new(start, end)?)?;
            put(removed, done.size);
            put(still_reserved, done.still_reserved);
            Ok(())
        })
    }
}

/// Reserves a range, which need not be memory, without node or attributes.
///
/// Writes the number of bytes that were not reserved before to `reserved`, which may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserve(
    memblock: *mut Handle,
    start: u64,
    end: u64,
    reserved: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::answer(memblock, reserved, |memblock| Ok(memblock.reserve(PhysRange::new(start, end)?)?))
    }
}

/// Reserves a range with a node and attributes. Otherwise like physmem_memblock_reserve().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserve_region(
    memblock: *mut Handle,
    region: CRegion,
    reserved: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, reserved, |memblock| Ok(memblock.reserve_region(region.region()?)?)) }
}

/// Reserves a range for an owner. Otherwise like physmem_memblock_reserve().
///
/// `owner` is UTF-8 and must stay unchanged for as long as the memblock is used. Up to 125 different names
/// are kept. Regions with different owners do not merge.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserve_for(
    memblock: *mut Handle,
    start: u64,
    end: u64,
    owner: *const c_char,
    reserved: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::answer(memblock, reserved, |memblock| {
            let owner = handle::text(owner, "owner")?;
            Ok(memblock.reserve_for(PhysRange::new(start, end)?, owner)?)
        })
    }
}

/// Frees whatever part of a range is reserved.
///
/// Writes the number of bytes freed to `freed`, which may be null. PHYSMEM_STATUS_IN_USE for the memblock's
/// own tables.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_free(
    memblock: *mut Handle,
    start: u64,
    end: u64,
    freed: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, freed, |memblock| Ok(memblock.free(PhysRange::new(start, end)?)?)) }
}

/// Sets the node of whatever part of a range the table holds. PHYSMEM_NO_NODE removes it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_set_node(
    memblock: *mut Handle,
    table: Table,
    start: u64,
    end: u64,
    node: i32,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| {
            Ok(memblock.set_node(to_table(table)?, PhysRange::new(start, end)?, to_node(node)?)?)
        })
    }
}

/// Shrinks every region of memory to multiples of `align` bytes, and drops regions that hold none. 0 counts
/// as 1.
///
/// Writes the number of bytes removed to `removed`, which may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_trim_memory(
    memblock: *mut Handle,
    align: u64,
    removed: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, removed, |memblock| Ok(memblock.trim_memory(align))) }
}
