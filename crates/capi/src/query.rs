//! Queries about memory and reservations. For a null memblock, an invalid range or an invalid table, the
//! answer is false or 0.
#![allow(unsafe_code)]

use memblock::PhysRange;

use crate::handle::{self, Handle};
use crate::types::{CRegion, Pages, Range, Table, to_node, to_table};

/// Whether an address is memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_is_memory(memblock: *const Handle, address: u64) -> bool {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, false, |memblock| memblock.is_memory(address)) }
}

/// Whether an address is memory that the kernel maps: not PHYSMEM_NOMAP.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_is_map_memory(memblock: *const Handle, address: u64) -> bool {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, false, |memblock| memblock.is_map_memory(address)) }
}

/// Whether an address is reserved.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_is_reserved(memblock: *const Handle, address: u64) -> bool {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, false, |memblock| memblock.is_reserved(address)) }
}

/// Whether all of a range is memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_is_region_memory(
    memblock: *const Handle,
    start: u64,
    end: u64,
) -> bool {
    let Ok(range) = PhysRange::new(start, end) else { return false };
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, false, |memblock| memblock.is_region_memory(range)) }
}

/// Whether any of a range is reserved.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_is_region_reserved(
    memblock: *const Handle,
    start: u64,
    end: u64,
) -> bool {
    let Ok(range) = PhysRange::new(start, end) else { return false };
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, false, |memblock| memblock.is_region_reserved(range)) }
}

/// Bytes of memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_memory_size(memblock: *const Handle) -> u64 {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, memblock::Memblock::memory_size) }
}

/// Reserved bytes, in memory or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserved_size(memblock: *const Handle) -> u64 {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, memblock::Memblock::reserved_size) }
}

/// Bytes of memory that are not reserved, whatever their attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_free_size(memblock: *const Handle) -> u64 {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, memblock::Memblock::free_size) }
}

/// Bytes of whole pages of memory that have no node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_nodeless_size(memblock: *const Handle) -> u64 {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, memblock::Memblock::nodeless_size) }
}

/// Bytes below `limit` reserved for the kernel itself (PHYSMEM_RSRV_KERN) on a node, or on any with
/// PHYSMEM_NO_NODE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserved_kern_size(
    memblock: *const Handle,
    limit: u64,
    node: i32,
) -> u64 {
    let Ok(node) = to_node(node) else { return 0 };
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, |memblock| memblock.reserved_kern_size(limit, node)) }
}

/// Number of regions in a table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_region_count(memblock: *const Handle, table: Table) -> usize {
    let Ok(table) = to_table(table) else { return 0 };
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, |memblock| memblock.table(table).len()) }
}

/// How many regions can be added to a table, anywhere, before it needs more memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_room(memblock: *const Handle, table: Table) -> usize {
    let Ok(table) = to_table(table) else { return 0 };
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, 0, |memblock| memblock.table(table).room()) }
}

/// Whether a region of the table contains an address. Writes that region to `region`, which may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_region_at(
    memblock: *const Handle,
    table: Table,
    address: u64,
    region: *mut CRegion,
) -> bool {
    let Ok(table) = to_table(table) else { return false };
    // SAFETY: the header's promises.
    unsafe {
        let found = handle::look(memblock, None, |memblock| memblock.table(table).region_at(address));
        handle::put_found(region, found)
    }
}

/// The range from the lowest to the highest address of memory, including gaps. False without memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_dram(memblock: *const Handle, range: *mut Range) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        let span = handle::look(memblock, None, |memblock| memblock.memory().span());
        handle::put_found(range, span)
    }
}

/// The region of memory that contains page frame `pfn`, both ends rounded down to pages. False if it is not
/// memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_search_pfn(
    memblock: *const Handle,
    pfn: u64,
    pages: *mut Pages,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        let found = handle::look(memblock, None, |memblock| memblock.search_pfn_nid(pfn));
        handle::put_found(pages, found)
    }
}

/// Whether memory was marked as mirrored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_has_mirror(memblock: *const Handle) -> bool {
    // SAFETY: the header's promises.
    unsafe { handle::look(memblock, false, memblock::Memblock::has_mirror) }
}
