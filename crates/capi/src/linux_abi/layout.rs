//! The structs of include/linux/memblock.h, as C sees them.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_char};
use core::mem::offset_of;
use core::ops::Range;
use core::slice;

use memblock::Region;

use super::fault::Fault;
use super::{config, nid};

/// `struct memblock_region`. Without `CONFIG_NUMA`, C has padding in place of `nid`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) base: u64,
    pub(super) size: u64,
    pub(super) flags: u32,
    pub(super) nid: i32,
}

/// `struct memblock_type`. C's `unsigned long` is `usize`, as everywhere in Linux.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Table {
    cnt: usize,
    max: usize,
    total_size: u64,
    regions: *mut Record,
    name: *const c_char,
}

/// `struct memblock`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Public {
    /// C's `bool`. Not Rust's, for which any byte other than 0 and 1 is undefined behavior.
    pub(super) bottom_up: u8,
    pub(super) current_limit: u64,
    pub(super) memory: Table,
    pub(super) reserved: Table,
}

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the feature linux-abi has the layout of 64-bit Linux");

const _: () = {
    assert!(size_of::<Record>() == 24 && size_of::<Table>() == 40 && size_of::<Public>() == 96);
    assert!(align_of::<Record>() == 8 && align_of::<Table>() == 8 && align_of::<Public>() == 8);
    assert!(offset_of!(Record, base) == 0 && offset_of!(Record, size) == 8);
    assert!(offset_of!(Record, flags) == 16 && offset_of!(Record, nid) == 20);
    assert!(offset_of!(Table, cnt) == 0 && offset_of!(Table, max) == 8);
    assert!(offset_of!(Table, total_size) == 16 && offset_of!(Table, regions) == 24);
    assert!(offset_of!(Table, name) == 32);
    assert!(offset_of!(Public, bottom_up) == 0 && offset_of!(Public, current_limit) == 8);
    assert!(offset_of!(Public, memory) == 16 && offset_of!(Public, reserved) == 56);
};

impl Record {
    /// The contents of an unused place, the same as Linux leaves in the first place of an empty table.
    pub(super) const VACANT: Self = Self { base: 0, size: 0, flags: 0, nid: config::MAX_NUMNODES };

    /// The region, or `None` if C code left something invalid here: empty, or at the last address.
    #[inline]
    pub(super) fn region(&self) -> Option<Region> {
        nid::region(self.base, self.size, self.nid, self.flags)
    }

    #[inline]
    pub(super) fn of(region: &Region) -> Self {
        let Region { range, node, flags } = *region;
        Self { base: range.start(), size: range.size(), flags: flags.bits(), nid: nid::of(node) }
    }

    /// First address after it.
    #[inline]
    pub(super) const fn end(&self) -> u64 {
        self.base.saturating_add(self.size)
    }
}

impl Table {
    /// An empty table over an array.
    ///
    /// # Safety
    ///
    /// 1. `regions` points to `max` initialized records, for as long as the table is used.
    /// 2. During that time they are accessed only through this table, and by C code as [`super`] allows.
    pub(super) const unsafe fn new(regions: *mut Record, max: usize, name: &'static CStr) -> Self {
        Self { cnt: 0, max, total_size: 0, regions, name: name.as_ptr() }
    }

    /// Number of places.
    #[inline]
    pub(super) const fn max(&self) -> usize {
        if self.regions.is_null() { 0 } else { self.max }
    }

    /// Number of regions; never more than the number of places, whatever C code wrote.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.cnt.min(self.max())
    }

    /// Total bytes of all regions.
    #[inline]
    pub(super) const fn total_size(&self) -> u64 {
        self.total_size
    }

    /// The records in use.
    #[inline]
    pub(super) fn records(&self) -> &[Record] {
        if self.count() == 0 {
            return &[];
        }
        // SAFETY:
        // 1. `regions` is not null, and `new` and the callers of this interface promise `max` initialized
        //    records there; `count` is at most that.
        // 2. Nobody writes to them meanwhile: they are accessed through the table, which is borrowed.
        unsafe { slice::from_raw_parts(self.regions, self.count()) }
    }

    /// All places, used ones first.
    #[inline]
    fn places_mut(&mut self) -> &mut [Record] {
        if self.max() == 0 {
            return &mut [];
        }
        // SAFETY:
        // 1. As in `records`, and `max` is the number promised.
        // 2. Nobody else accesses them meanwhile: the table is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.regions, self.max()) }
    }

    /// Replaces the records at `window` with `new`, which yields `len` records, and updates the total size.
    /// The array must have room for them.
    pub(super) fn splice(
        &mut self,
        window: Range<usize>,
        new: impl Iterator<Item = Record>,
        len: usize,
    ) -> Result<(), Fault> {
        let count = self.count();
        let Range { start, end } = window;
        let added_to = start.saturating_add(len);
        let count_after = added_to.saturating_add(count.saturating_sub(end));
        if start > end || end > count || count_after > self.max() {
            // There is room for any result of sorted and disjoint records.
            return Err(Fault::NotSorted);
        }
        let size = |records: &[Record]| records.iter().fold(0_u64, |sum, it| sum.wrapping_add(it.size));
        let places = self.places_mut();
        let size_before = places.get(start..end).map_or(0, size);
        if end != added_to {
            places.copy_within(end..count, added_to);
        }
        let mut size_after = 0;
        if let Some(window) = places.get_mut(start..added_to) {
            window.iter_mut().zip(new).for_each(|(place, record)| *place = record);
            size_after = size(window);
        }
        if let Some(vacated) = places.get_mut(count_after..count) {
            vacated.fill(Record::VACANT);
        }
        self.cnt = count_after;
        // C code may have written any total: then it stays off by the same amount.
        self.total_size = self.total_size.wrapping_sub(size_before).wrapping_add(size_after);
        Ok(())
    }

    /// Moves the regions to a larger array, and returns the old one.
    ///
    /// # Safety
    ///
    /// As for [`Table::new`], except that the new records need not be initialized. `max` is at least the
    /// number of regions.
    pub(super) unsafe fn move_to(&mut self, regions: *mut Record, max: usize) -> *mut Record {
        for at in 0..max {
            let record = self.records().get(at).copied().unwrap_or(Record::VACANT);
            // SAFETY: `at` is less than `max`, and the caller promises that many places.
            unsafe { regions.add(at).write(record) };
        }
        self.cnt = self.count();
        self.max = max;
        core::mem::replace(&mut self.regions, regions)
    }

    /// The name, for messages.
    pub(super) fn name(&self) -> &str {
        if self.name.is_null() {
            return "?";
        }
        // SAFETY: it is the name passed to `new`, or a string that C code put in its place.
        let name = unsafe { CStr::from_ptr(self.name) };
        name.to_str().unwrap_or("?")
    }
}
