//! Allocating memory. Addresses are physical, 0 for none; pointers are null for none.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_void};
use core::ptr;

use crate::linux_abi::alloc::{ACCESSIBLE, AllocArgs};
use crate::linux_abi::{address, globals, nid};

/// Memory between two addresses, preferably of a node; only of that node if `exact_nid` is set.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_alloc_range_nid(
    size: u64,
    align: u64,
    start: u64,
    end: u64,
    nid: c_int,
    exact_nid: bool,
) -> u64 {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    linux.alloc(AllocArgs { size, align, start, end, nid, exact_nid }).unwrap_or(0)
}

/// Memory between two addresses.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_phys_alloc_range(size: u64, align: u64, start: u64, end: u64) -> u64 {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    linux.alloc(AllocArgs { size, align, start, end, nid: nid::NO_NODE, exact_nid: false }).unwrap_or(0)
}

/// Memory, preferably of a node.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_phys_alloc_try_nid(size: u64, align: u64, nid: c_int) -> u64 {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    linux.alloc(AllocArgs { size, align, start: 0, end: ACCESSIBLE, nid, exact_nid: false }).unwrap_or(0)
}

/// A pointer to memory of one node only, not zeroed.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_alloc_exact_nid_raw(
    size: u64,
    align: u64,
    start: u64,
    end: u64,
    nid: c_int,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    pointer(linux.alloc_mapped(AllocArgs { size, align, start, end, nid, exact_nid: true }))
}

/// A pointer to memory, preferably of a node, not zeroed.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_alloc_try_nid_raw(
    size: u64,
    align: u64,
    start: u64,
    end: u64,
    nid: c_int,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    pointer(linux.alloc_mapped(AllocArgs { size, align, start, end, nid, exact_nid: false }))
}

/// A pointer to zeroed memory, preferably of a node.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_alloc_try_nid(
    size: u64,
    align: u64,
    start: u64,
    end: u64,
    nid: c_int,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    let found = linux.alloc_mapped(AllocArgs { size, align, start, end, nid, exact_nid: false });
    if let Some(range) = found.and_then(|found| nid::range(found, size)) {
        address::clear(range);
    }
    pointer(found)
}

/// The pointer for C to memory at a physical address, or null.
fn pointer(found: Option<u64>) -> *mut c_void {
    found.map_or(ptr::null_mut(), address::pointer)
}
