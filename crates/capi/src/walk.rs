//! Walks over the tables, one step per call.
//!
//! A cursor is an address: everything below it (on a downward walk, everything from it up) has been returned.
//! So a table may change between two steps; each step sees it as it is then.
#![allow(unsafe_code)]

use memblock::{Memblock, PfnRange, PhysRange, Region, Selection, ranges};

use crate::failure::Failure;
use crate::handle::{self, Handle, put};
use crate::types::{CRegion, CSelection, Pages, Range, Table, to_node, to_table};

/// The next region of a table upwards. Start with a cursor of 0, and call until the result is false: `while
/// (physmem_memblock_next_region(memblock, PHYSMEM_TABLE_RESERVED, &cursor, &region)) ...`
///
/// False also for a null `memblock` or `cursor`, and for a table that does not exist. `region` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_next_region(
    memblock: *const Handle,
    table: Table,
    cursor: *mut u64,
    region: *mut CRegion,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        step(memblock, cursor, region, Up, |memblock, ahead| {
            Ok(memblock.table(to_table(table)?).overlapping(ahead).next())
        })
    }
}

/// The next region of a table downwards. Start with a cursor of UINT64_MAX. Otherwise like
/// physmem_memblock_next_region().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_prev_region(
    memblock: *const Handle,
    table: Table,
    cursor: *mut u64,
    region: *mut CRegion,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        step(memblock, cursor, region, Down, |memblock, ahead| {
            Ok(memblock.table(to_table(table)?).overlapping(ahead).next_back())
        })
    }
}

/// The next region of memory upwards that `selection` includes. Otherwise like
/// physmem_memblock_next_region().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_next_memory(
    memblock: *const Handle,
    selection: CSelection,
    cursor: *mut u64,
    region: *mut CRegion,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        step(memblock, cursor, region, Up, |memblock, ahead| {
            Ok(shown(memblock, selection.selection()?, ahead).next())
        })
    }
}

/// The next region of memory downwards that `selection` includes. Otherwise like
/// physmem_memblock_prev_region().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_prev_memory(
    memblock: *const Handle,
    selection: CSelection,
    cursor: *mut u64,
    region: *mut CRegion,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        step(memblock, cursor, region, Down, |memblock, ahead| {
            Ok(shown(memblock, selection.selection()?, ahead).next_back())
        })
    }
}

/// The next free piece upwards of the memory that `selection` includes, with the memory's node and
/// attributes. Otherwise like physmem_memblock_next_region().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_next_free(
    memblock: *const Handle,
    selection: CSelection,
    cursor: *mut u64,
    region: *mut CRegion,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        step(memblock, cursor, region, Up, |memblock, ahead| {
            let memory = shown(memblock, selection.selection()?, ahead);
            Ok(ranges::difference(memory, memblock.reserved().overlapping(ahead))
                .find(|piece| is_in(piece, ahead)))
        })
    }
}

/// The next free piece downwards. Start with a cursor of UINT64_MAX. Otherwise like
/// physmem_memblock_next_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_prev_free(
    memblock: *const Handle,
    selection: CSelection,
    cursor: *mut u64,
    region: *mut CRegion,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        step(memblock, cursor, region, Down, |memblock, ahead| {
            let memory = shown(memblock, selection.selection()?, ahead);
            Ok(ranges::difference(memory, memblock.reserved().overlapping(ahead))
                .rfind(|piece| is_in(piece, ahead)))
        })
    }
}

/// The next piece upwards that is in physmem but not in table `without`. Otherwise like
/// physmem_memblock_next_region().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_next_physmem(
    memblock: *const Handle,
    without: Table,
    cursor: *mut u64,
    region: *mut CRegion,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        step(memblock, cursor, region, Up, |memblock, ahead| {
            let without = memblock.table(to_table(without)?).overlapping(ahead);
            let pieces = ranges::difference(memblock.physmem().overlapping(ahead), without);
            Ok({ pieces }.find(|piece| is_in(piece, ahead)))
        })
    }
}

/// The whole pages of the next region of memory that has any, on a node or, with PHYSMEM_NO_NODE, on any
/// node, whatever its attributes. Otherwise like physmem_memblock_next_region(); the cursor is an address
/// here too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_next_pages(
    memblock: *const Handle,
    node: i32,
    cursor: *mut u64,
    pages: *mut Pages,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        let (Ok(from), Ok(node)) = (handle::get(cursor, "cursor"), to_node(node)) else { return false };
        handle::look(memblock, false, |memblock| {
            let regions = memblock.memory().iter_from(from);
            let mut of_node = regions.filter(|region| node.is_none() || region.node == node);
            let found = of_node.find_map(|region| {
                let (start, end) = memblock.page_size().whole_pages(region.range)?;
                Some((region.range.end(), PfnRange { start, end, node: region.node }))
            });
            let Some((next, found)) = found else { return false };
            put(cursor, next);
            put(pages, found.into());
            true
        })
    }
}

/// The next range of memory that the memblock's own tables took. Otherwise like
/// physmem_memblock_next_region(). When you no longer need the memblock, collect these ranges; then you may
/// use them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_next_own(
    memblock: *const Handle,
    cursor: *mut u64,
    range: *mut Range,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        let Ok(from) = handle::get(cursor, "cursor") else { return false };
        handle::look(memblock, false, |memblock| {
            let found = memblock.own_memory().find(|own| own.start() >= from);
            let Some(own) = found else { return false };
            put(cursor, own.end());
            put(range, own.into());
            true
        })
    }
}

/// The regions of memory in a range that a selection includes.
fn shown<'a>(
    memblock: &'a Memblock<'static>,
    selection: Selection,
    within: PhysRange,
) -> impl DoubleEndedIterator<Item = Region> + Clone + 'a {
    let movable_node = memblock.movable_node();
    memblock.memory().overlapping(within).filter(move |region| selection.shows(region, movable_node))
}

/// Leaves out pieces of a region that overlaps the range but lie outside it.
fn is_in(piece: &Region, range: PhysRange) -> bool {
    piece.range.overlaps(range)
}

/// Which way a walk goes.
#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}
use Direction::{Down, Up};

/// One step: returns what `find` finds in the addresses ahead of the cursor, cut to them, and moves the
/// cursor past it.
///
/// # Safety
///
/// The header's promises.
unsafe fn step(
    handle: *const Handle,
    cursor: *mut u64,
    region: *mut CRegion,
    direction: Direction,
    find: impl FnOnce(&Memblock<'static>, PhysRange) -> Result<Option<Region>, Failure>,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let Ok(from) = handle::get(cursor, "cursor") else { return false };
        let ahead = match direction {
            Up => PhysRange::new(from, u64::MAX),
            Down => PhysRange::new(0, from),
        };
        let Ok(ahead) = ahead else { return false };
        handle::look(handle, false, |memblock| {
            let Ok(Some(found)) = find(memblock, ahead) else { return false };
            let Some(range) = found.range.intersect(ahead) else { return false };
            let next = match direction {
                Up => range.end(),
                Down => range.start(),
            };
            put(cursor, next);
            put(region, Region { range, ..found }.into());
            true
        })
    }
}
