//! Adding, removing, reserving and freeing.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_void};

use crate::linux_abi::fault::Fault;
use crate::linux_abi::layout::Table;
use crate::linux_abi::linux::Kind;
use crate::linux_abi::{address, config, globals, lend, nid};

/// Memory without node or flags. 0, or -ENOMEM.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_add(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.add(Kind::Memory, nid::region(base, size, config::MAX_NUMNODES, 0)))
}

/// Memory of a node, with flags. 0, or -ENOMEM.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_add_node(base: u64, size: u64, nid: c_int, flags: u32) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.add(Kind::Memory, nid::region(base, size, nid, flags)))
}

/// Removes a range from memory; reservations stay. 0, or -ENOMEM.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_remove(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.remove(nid::range(base, size)))
}

/// Reserves a range, which need not be memory. 0, or -ENOMEM.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_reserve(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.reserve(nid::range(base, size)))
}

/// Frees whatever part of a range is reserved. 0, or -ENOMEM.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_phys_free(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.free(nid::range(base, size)))
}

/// Frees what one of the allocating functions returned. Does nothing for a null pointer.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_free(pointer: *mut c_void, size: usize) {
    if !pointer.is_null() {
        // SAFETY: the caller's promise.
        let mut linux = unsafe { globals::change() };
        // Linux's function cannot report a failure either.
        let _ = linux.free(nid::range(address::of(pointer), size as u64));
    }
}

/// Memory that is really there. 0, or -ENOMEM.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_physmem_add(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.add(Kind::Physmem, nid::region(base, size, config::MAX_NUMNODES, 0)))
}

/// Shrinks memory regions to multiples of `align`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_trim_memory(align: u64) {
    // SAFETY: the caller's promise.
    let linux = unsafe { globals::change() };
    let _ = lend::trim(&mut linux.public.memory, align);
}

/// Sets the node of whatever part of a range the table holds. 0, -ENOMEM, or -EINVAL for an unknown table.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_set_node(base: u64, size: u64, table: *mut Table, nid: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    let Some(kind) = globals::kind_of(table) else { return Fault::status(Err(Fault::NotATable)) };
    Fault::status(linux.set_node(kind, nid::range(base, size), nid::in_table(nid)))
}

/// From now on, tables may grow into free memory by themselves.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_allow_resize() {
    // SAFETY: the caller's promise.
    unsafe { globals::change() }.state.can_resize = true;
}
