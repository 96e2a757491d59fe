//! Queries.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_ulong};

use super::pfn;
use crate::handle::put;
use crate::linux_abi::dump::Dump;
use crate::linux_abi::layout::Table;
use crate::linux_abi::{fail, globals, nid, query, switches};

/// Bytes of memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_phys_mem_size() -> u64 {
    // SAFETY: the caller's promise.
    unsafe { globals::look() }.memory.total_size()
}

/// Reserved bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_reserved_size() -> u64 {
    // SAFETY: the caller's promise.
    unsafe { globals::look() }.reserved.total_size()
}

/// Pages of memory minus reserved pages.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_estimated_nr_free_pages() -> usize {
    // SAFETY: the caller's promise.
    let public = unsafe { globals::look() };
    pfn(query::free_pages(&public.memory, &public.reserved))
}

/// First address of memory, 0 without any.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
unsafe extern "C" fn memblock_start_of_DRAM() -> u64 {
    // SAFETY: the caller's promise.
    query::start(&unsafe { globals::look() }.memory)
}

/// First address after all memory, 0 without any.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
unsafe extern "C" fn memblock_end_of_DRAM() -> u64 {
    // SAFETY: the caller's promise.
    query::end(&unsafe { globals::look() }.memory)
}

/// Whether an address is memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_is_memory(address: u64) -> bool {
    // SAFETY: the caller's promise.
    query::contains(&unsafe { globals::look() }.memory, address)
}

/// Whether an address is memory that the kernel maps.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_is_map_memory(address: u64) -> bool {
    // SAFETY: the caller's promise.
    query::is_mapped(&unsafe { globals::look() }.memory, address)
}

/// Whether an address is reserved.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_is_reserved(address: u64) -> bool {
    // SAFETY: the caller's promise.
    query::contains(&unsafe { globals::look() }.reserved, address)
}

/// Whether a range lies in one region of memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_is_region_memory(base: u64, size: u64) -> bool {
    // SAFETY: the caller's promise.
    query::is_in_one_region(&unsafe { globals::look() }.memory, base, size)
}

/// Whether any of a range is reserved.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_is_region_reserved(base: u64, size: u64) -> bool {
    // SAFETY: the caller's promise.
    query::overlaps(&unsafe { globals::look() }.reserved, base, size)
}

/// Whether any of a range lies in a table.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_overlaps_region(table: *const Table, base: u64, size: u64) -> bool {
    // SAFETY: the caller's promise.
    query::overlaps(unsafe { &*table }, base, size)
}

/// Whether two ranges have a byte in common.
#[unsafe(no_mangle)]
extern "C" fn memblock_addrs_overlap(base1: u64, size1: u64, base2: u64, size2: u64) -> c_ulong {
    query::addresses_overlap(base1, size1, base2, size2).into()
}

/// The node of a page frame, and the region that contains it; -1 if it is not memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_search_pfn_nid(number: usize, start: *mut usize, end: *mut usize) -> c_int {
    // SAFETY: the caller's promise.
    let public = unsafe { globals::look() };
    let Some((first, after, nid)) = query::search_pfn(&public.memory, number as u64) else {
        return nid::NO_NODE;
    };
    // SAFETY: the caller's promise.
    unsafe {
        put(start, pfn(first));
        put(end, pfn(after));
    }
    nid
}

/// Whether at most `threshold` bytes of memory have no node.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_validate_numa_coverage(threshold: usize) -> bool {
    // SAFETY: the caller's promise.
    let nodeless = query::nodeless_size(&unsafe { globals::look() }.memory);
    let is_covered = nodeless <= threshold as u64;
    if !is_covered {
        fail::say(format_args!("memblock: {nodeless} bytes of memory have no node"));
    }
    is_covered
}

/// Whether memory was marked as mirrored.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_has_mirror() -> bool {
    // SAFETY: the caller's promise.
    unsafe { globals::has_mirror() }
}

/// Prints the tables, if `memblock_debug` is set.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_dump_all() {
    if !switches::debug() {
        return;
    }
    // SAFETY: the caller's promise.
    let public = unsafe { globals::look() };
    let (memory, reserved) = (&public.memory, &public.reserved);
    fail::say(format_args!(
        "MEMBLOCK configuration:\n memory size = {:#018x} reserved size = {:#018x}\n{}{}",
        memory.total_size(),
        reserved.total_size(),
        Dump(memory),
        Dump(reserved),
    ));
}
