//! Adding, removing, reserving and freeing.
#![allow(unsafe_code)]

use core::ffi::c_char;

use memblock::PhysRange;

use crate::failure::Status;
use crate::handle::{self, Handle, put};
use crate::types::{CRegion, Table, to_node, to_table};

/// Adds memory without node or attributes. What is memory already stays as it is.
///
/// The bytes that are new are written to `added`, which may be null.
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

/// Adds memory of a node with attributes; otherwise as physmem_memblock_add().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_add_node(
    memblock: *mut Handle,
    region: CRegion,
    added: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, added, |memblock| Ok(memblock.add_node(region.region()?)?)) }
}

/// Adds to physmem; otherwise as physmem_memblock_add().
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

/// Takes a range out of memory. Reservations stay.
///
/// The bytes that went are written to `removed`, and how many of them are still reserved, so that somebody may
/// be using them, to `still_reserved`. Both may be null. PHYSMEM_STATUS_IN_USE for the memblock's own tables.
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
/// The bytes that were not reserved before are written to `reserved`, which may be null.
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

/// Reserves a range of a node with attributes; otherwise as physmem_memblock_reserve().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserve_region(
    memblock: *mut Handle,
    region: CRegion,
    reserved: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, reserved, |memblock| Ok(memblock.reserve_region(region.region()?)?)) }
}

/// Reserves a range and notes who for; otherwise as physmem_memblock_reserve().
///
/// `owner` is in UTF-8 and must stay as it is for as long as the memblock is used. 125 names are told apart.
/// Regions of different owners do not merge.
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

/// Ends what is reserved of a range.
///
/// The bytes that were reserved are written to `freed`, which may be null. PHYSMEM_STATUS_IN_USE for the
/// memblock's own tables.
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

/// Sets the node of what a table has of a range. PHYSMEM_NO_NODE takes it away.
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

/// Shrinks every region of memory to multiples of `align` bytes, and drops those that hold none. 0 counts as 1.
///
/// The bytes that went are written to `removed`, which may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_trim_memory(
    memblock: *mut Handle,
    align: u64,
    removed: *mut u64,
) -> Status {
    // SAFETY: the header's promises.
    unsafe { handle::answer(memblock, removed, |memblock| Ok(memblock.trim_memory(align))) }
}
