//! The functions of `referee/linux/calls.c`.
#![allow(unsafe_code)]
// `self` is not read: holding it is what permits the call.
#![allow(clippy::unused_self)]

use std::ffi::{CStr, c_char};

use super::{Linux, Piece, RawRegion};

/// Declares C functions that take and return integers, and methods of [`Linux`] that call them.
macro_rules! integer_calls {
    ($($method:ident = $function:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {
        unsafe extern "C" {
            $(fn $function($($argument: $type),*) $(-> $answer)?;)*
        }

        // Linux's calls have that many arguments.
        #[allow(clippy::too_many_arguments)]
        impl Linux {
            $(
                #[inline]
                pub(super) fn $method(&mut self, $($argument: $type),*) $(-> $answer)? {
                    // SAFETY:
                    // 1. The signature is that of `calls.c`: 64-bit integers in and out.
                    // 2. Linux's memblock is a global without a lock; `self` is the only access to it, and
                    //    there is only one at a time.
                    unsafe { $function($($argument),*) }
                }
            )*
        }
    };
}

integer_calls! {
    raw_reset = linux_reset();
    raw_clear = linux_clear();
    raw_set_can_grow = linux_set_can_grow(on: u64);
    raw_make_room = linux_make_room(table: u64, regions: u64) -> i64;
    raw_set_bottom_up = linux_set_bottom_up(on: u64);
    raw_set_current_limit = linux_set_current_limit(limit: u64);
    raw_current_limit = linux_current_limit() -> u64;
    raw_set_movable_node = linux_set_movable_node(on: u64);
    raw_set_mirrored_kernelcore = linux_set_mirrored_kernelcore(on: u64);
    raw_set_max_low_pfn = linux_set_max_low_pfn(pfn: u64);
    raw_has_mirror = linux_has_mirror() -> u64;
    raw_warnings = linux_warnings() -> u64;
    raw_mirror_fallbacks = linux_mirror_fallbacks() -> u64;
    raw_add = linux_add(base: u64, size: u64) -> i64;
    raw_add_node = linux_add_node(base: u64, size: u64, nid: i64, flags: u64) -> i64;
    raw_remove = linux_remove(base: u64, size: u64) -> i64;
    raw_reserve = linux_reserve(base: u64, size: u64) -> i64;
    raw_reserve_region = linux_reserve_region(base: u64, size: u64, nid: i64, flags: u64) -> i64;
    raw_phys_free = linux_phys_free(base: u64, size: u64) -> i64;
    raw_physmem_add = linux_physmem_add(base: u64, size: u64) -> i64;
    raw_set_node = linux_set_node(table: u64, base: u64, size: u64, nid: i64) -> i64;
    raw_mark_hotplug = linux_mark_hotplug(base: u64, size: u64) -> i64;
    raw_clear_hotplug = linux_clear_hotplug(base: u64, size: u64) -> i64;
    raw_mark_mirror = linux_mark_mirror(base: u64, size: u64) -> i64;
    raw_mark_nomap = linux_mark_nomap(base: u64, size: u64) -> i64;
    raw_clear_nomap = linux_clear_nomap(base: u64, size: u64) -> i64;
    raw_reserved_mark_noinit = linux_reserved_mark_noinit(base: u64, size: u64) -> i64;
    raw_trim_memory = linux_trim_memory(align: u64) -> i64;
    raw_cap_memory_range = linux_cap_memory_range(base: u64, size: u64) -> i64;
    raw_mem_limit_remove_map = linux_mem_limit_remove_map(limit: u64) -> i64;
    raw_enforce_memory_limit = linux_enforce_memory_limit(limit: u64) -> i64;
    raw_find_in_range = linux_find_in_range(size: u64, align: u64, start: u64, end: u64) -> u64;
    raw_alloc_range_nid = linux_alloc_range_nid(
        size: u64, align: u64, start: u64, end: u64, nid: i64, exact: u64
    ) -> u64;
    raw_phys_alloc_range = linux_phys_alloc_range(size: u64, align: u64, start: u64, end: u64) -> u64;
    raw_phys_alloc_try_nid = linux_phys_alloc_try_nid(size: u64, align: u64, nid: i64) -> u64;
    raw_alloc_try_nid_raw = linux_alloc_try_nid_raw(size: u64, align: u64, min: u64, max: u64, nid: i64) -> u64;
    raw_alloc_exact_nid_raw = linux_alloc_exact_nid_raw(
        size: u64, align: u64, min: u64, max: u64, nid: i64
    ) -> u64;
    raw_merge_memory = linux_merge_memory();
    raw_region_count = linux_region_count(table: u64) -> u64;
    raw_total_size = linux_total_size(table: u64) -> u64;
    raw_free_size = linux_free_size(nid: i64, flags: u64) -> u64;
    raw_is_memory = linux_is_memory(address: u64) -> u64;
    raw_is_reserved = linux_is_reserved(address: u64) -> u64;
    raw_is_map_memory = linux_is_map_memory(address: u64) -> u64;
    raw_is_region_memory = linux_is_region_memory(base: u64, size: u64) -> u64;
    raw_is_region_reserved = linux_is_region_reserved(base: u64, size: u64) -> u64;
    raw_overlaps_region = linux_overlaps_region(table: u64, base: u64, size: u64) -> u64;
    raw_start_of_dram = linux_start_of_dram() -> u64;
    raw_end_of_dram = linux_end_of_dram() -> u64;
    raw_phys_mem_size = linux_phys_mem_size() -> u64;
    raw_reserved_size = linux_reserved_size() -> u64;
    raw_estimated_nr_free_pages = linux_estimated_nr_free_pages() -> u64;
    raw_validate_numa_coverage = linux_validate_numa_coverage(bytes: u64) -> u64;
}

unsafe extern "C" {
    fn linux_load(table: u64, regions: *const RawRegion, count: u64) -> i64;
    fn linux_regions(table: u64, regions: *mut RawRegion, capacity: u64) -> u64;
    fn linux_ranges(
        of: u64,
        without: u64,
        nid: i64,
        flags: u64,
        descending: u64,
        pieces: *mut Piece,
        capacity: u64,
    ) -> u64;
    fn linux_pfn_ranges(nid: i64, pieces: *mut Piece, capacity: u64) -> u64;
    fn linux_search_pfn_nid(pfn: u64, start_pfn: *mut u64, end_pfn: *mut u64) -> i64;
    fn linux_reserve_mem(parameter: *const c_char) -> i64;
    fn linux_reserve_mem_find_by_name(name: *const c_char, start: *mut u64, size: *mut u64) -> i64;
    fn linux_free_all(
        freed: *mut [u64; 2],
        freed_capacity: u64,
        freed_count: *mut u64,
        unfreed: *mut Piece,
        unfreed_capacity: u64,
        unfreed_count: *mut u64,
    ) -> i64;
    fn linux_message() -> *const c_char;
    fn linux_set_grow_in_memory(on: u64);
    fn linux_boot_physmem_array() -> u64;
}

/// Calls `fill` with growing buffers until all items fit. It writes items up to a capacity and returns how
/// many there are.
///
/// # Safety
///
/// `fill(items, capacity)` must write exactly the items below the smaller of the capacity and the number it
/// returns.
unsafe fn fill<T>(items: &mut Vec<T>, mut fill: impl FnMut(*mut T, u64) -> u64) {
    items.clear();
    loop {
        let count = fill(items.as_mut_ptr(), items.capacity() as u64);
        // The items counted are in memory.
        #[allow(clippy::cast_possible_truncation)]
        let count = count as usize;
        if count <= items.capacity() {
            // SAFETY: the caller promises that `fill` wrote that many, and the allocation has room for them.
            unsafe { items.set_len(count) };
            return;
        }
        items.reserve(count);
    }
}

impl Linux {
    pub(super) fn raw_load(&mut self, table: u64, regions: &[RawRegion]) -> i64 {
        // SAFETY:
        // 1. The slice is read, up to its length, only during the call.
        // 2. As for all calls: `self` is the only access to Linux's global.
        unsafe { linux_load(table, regions.as_ptr(), regions.len() as u64) }
    }

    pub(super) fn raw_regions(&mut self, table: u64, regions: &mut Vec<RawRegion>) {
        // SAFETY:
        // 1. `linux_regions` copies up to `capacity` regions, and returns their total number.
        // 2. `RawRegion` has the layout that `queries.h` asserts.
        // 3. `self` is the only access to Linux's global.
        unsafe { fill(regions, |to, capacity| linux_regions(table, to, capacity)) }
    }

    pub(super) fn raw_ranges(
        &mut self,
        [of, without]: [u64; 2],
        (nid, flags): (i64, u64),
        descending: bool,
        pieces: &mut Vec<Piece>,
    ) {
        // SAFETY:
        // 1. `linux_ranges` writes pieces below the capacity, in order, and continues counting beyond it.
        // 2. `Piece` has the layout of `struct piece`: three 64-bit numbers.
        // 3. `self` is the only access to Linux's global.
        unsafe {
            fill(pieces, |to, capacity| {
                linux_ranges(of, without, nid, flags, descending.into(), to, capacity)
            });
        }
    }

    pub(super) fn raw_pfn_ranges(&mut self, nid: i64, pieces: &mut Vec<Piece>) {
        // SAFETY: as for `raw_ranges`.
        unsafe { fill(pieces, |to, capacity| linux_pfn_ranges(nid, to, capacity)) }
    }

    pub(super) fn raw_search_pfn_nid(&mut self, pfn: u64) -> Piece {
        let (mut start, mut end) = (0, 0);
        // SAFETY:
        // 1. Both pointers are to numbers that outlive the call.
        // 2. `self` is the only access to Linux's global.
        let nid = unsafe { linux_search_pfn_nid(pfn, &raw mut start, &raw mut end) };
        Piece { start, end, nid }
    }

    pub(super) fn raw_reserve_mem(&mut self, parameter: &CStr) -> i64 {
        // SAFETY:
        // 1. The string ends with a NUL, and is copied before it is parsed.
        // 2. `self` is the only access to Linux's global.
        unsafe { linux_reserve_mem(parameter.as_ptr()) }
    }

    pub(super) fn raw_reserve_mem_find_by_name(&mut self, name: &CStr) -> Option<[u64; 2]> {
        let [mut start, mut size] = [0; 2];
        // SAFETY:
        // 1. The string ends with a NUL; both pointers are to numbers that outlive the call.
        // 2. `self` is the only access to Linux's global.
        let found = unsafe { linux_reserve_mem_find_by_name(name.as_ptr(), &raw mut start, &raw mut size) };
        (found == 1).then_some([start, size])
    }

    /// Both vectors must have room for all results: the call cannot be repeated, because it changes state.
    pub(super) fn raw_free_all(&mut self, freed: &mut Vec<[u64; 2]>, unfreed: &mut Vec<Piece>) -> i64 {
        freed.clear();
        unfreed.clear();
        let [mut freed_count, mut unfreed_count] = [0; 2];
        // SAFETY:
        // 1. Each pointer comes with the capacity of its allocation, and nothing is written beyond it.
        // 2. A pair and a `Piece` are laid out as `referee.h` says: two and three 64-bit numbers.
        // 3. `self` is the only access to Linux's global.
        let status = unsafe {
            linux_free_all(
                freed.as_mut_ptr(),
                freed.capacity() as u64,
                &raw mut freed_count,
                unfreed.as_mut_ptr(),
                unfreed.capacity() as u64,
                &raw mut unfreed_count,
            )
        };
        // Anything below the capacity is in memory.
        #[allow(clippy::cast_possible_truncation)]
        let written = |count: u64, capacity: usize| (count as usize).min(capacity);
        // SAFETY: this many were written: the number counted, but at most the capacity.
        unsafe {
            freed.set_len(written(freed_count, freed.capacity()));
            unfreed.set_len(written(unfreed_count, unfreed.capacity()));
        }
        status
    }

    pub(super) fn raw_message(&mut self) -> String {
        // SAFETY:
        // 1. The pointer is to a static buffer that always has a NUL after its text.
        // 2. Nothing writes there before the text is copied: `self` is the only access to it.
        unsafe { CStr::from_ptr(linux_message()) }.to_string_lossy().into_owned()
    }

    pub(super) unsafe fn raw_set_grow_in_memory(&mut self, on: u64) {
        // SAFETY: the caller keeps the promise that the public function requires.
        unsafe { linux_set_grow_in_memory(on) }
    }

    pub(super) fn raw_boot_physmem_array(&mut self) -> u64 {
        // SAFETY: `self` is the only access to Linux's global.
        unsafe { linux_boot_physmem_array() }
    }
}
