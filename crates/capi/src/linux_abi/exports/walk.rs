//! The steps of Linux's `for_each_...` macros.
#![allow(unsafe_code)]

use core::ffi::c_int;

use memblock::{RegionFlags, Selection};

use super::pfn;
use crate::handle::put;
use crate::linux_abi::layout::{Record, Table};
use crate::linux_abi::linux::Kind;
use crate::linux_abi::walk::{END, Walk};
use crate::linux_abi::{globals, nid, query, switches};

/// The next piece upwards that is in `a` but not in `b`, if there is a `b`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __next_mem_range(
    cursor: *mut u64,
    nid: c_int,
    flags: u32,
    a: *const Table,
    b: *const Table,
    start: *mut u64,
    end: *mut u64,
    node: *mut c_int,
) {
    let step = Step { cursor, start, end, node };
    // SAFETY: the caller's promise.
    unsafe { step.take(false, a, b, selection(nid, flags)) }
}

/// The next piece downwards.
#[unsafe(no_mangle)]
unsafe extern "C" fn __next_mem_range_rev(
    cursor: *mut u64,
    nid: c_int,
    flags: u32,
    a: *const Table,
    b: *const Table,
    start: *mut u64,
    end: *mut u64,
    node: *mut c_int,
) {
    let step = Step { cursor, start, end, node };
    // SAFETY: the caller's promise.
    unsafe { step.take(true, a, b, selection(nid, flags)) }
}

/// The whole pages of the next memory region that has any. `cursor` is the index of the previous region.
#[unsafe(no_mangle)]
unsafe extern "C" fn __next_mem_pfn_range(
    cursor: *mut c_int,
    nid: c_int,
    start: *mut usize,
    end: *mut usize,
    node: *mut c_int,
) {
    // SAFETY: the caller's promise.
    let (public, index) = unsafe { (globals::look(), *cursor) };
    let skipped = usize::try_from(index.saturating_add(1)).unwrap_or(0);
    let mut regions = public.memory.records().iter().zip(0..).skip(skipped);
    let found = regions.find_map(|(record, index)| {
        let (first, after, its_nid) = query::pages(record)?;
        (!nid::is_valid(nid) || nid::wanted(nid) == record.region()?.node)
            .then_some((index, first, after, its_nid))
    });
    // SAFETY: the caller's promise.
    unsafe {
        let Some((index, first, after, its_nid)) = found else { return cursor.write(-1) };
        cursor.write(index);
        put(start, pfn(first));
        put(end, pfn(after));
        put(node, its_nid);
    }
}

fn selection(nid: c_int, flags: u32) -> Selection {
    Selection { node: nid::wanted(nid), flags: RegionFlags::from_bits_retain(flags) }
}

/// Where to write the results for C. All except the cursor may be null.
struct Step {
    cursor: *mut u64,
    start: *mut u64,
    end: *mut u64,
    node: *mut c_int,
}

impl Step {
    /// # Safety
    ///
    /// The promises of `linux_abi`: `a` and the cursor are not null.
    unsafe fn take(self, downwards: bool, a: *const Table, b: *const Table, selection: Selection) {
        // Only memory is selected by node and flags.
        let filters = globals::kind_of(a) == Some(Kind::Memory);
        let movable_node = switches::movable_node();
        let is_shown = |record: &Record| match record.region() {
            Some(region) => !filters || selection.shows(&region, movable_node),
            None => false,
        };
        // SAFETY: the caller's promise.
        let (walk, cursor) = unsafe { (Walk { a: &*a, b: b.as_ref(), is_shown }, *self.cursor) };
        let step = if downwards { walk.next_back(cursor) } else { walk.next(cursor) };
        // SAFETY: the caller's promise.
        unsafe {
            let Some((piece, cursor)) = step else { return self.cursor.write(END) };
            self.cursor.write(cursor);
            put(self.start, piece.start);
            put(self.end, piece.end);
            put(self.node, piece.nid);
        }
    }
}
