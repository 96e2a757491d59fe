//! Linux's symbols, as C code sees them. Linux's own suite tests more; this covers what it leaves out.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use physmem_capi as _;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Region {
    base: u64,
    size: u64,
    flags: u32,
    nid: i32,
}

#[repr(C)]
struct Type {
    cnt: usize,
    max: usize,
    total_size: u64,
    regions: *mut Region,
    name: *const c_char,
}

#[repr(C)]
struct Memblock {
    bottom_up: bool,
    current_limit: u64,
    memory: Type,
    reserved: Type,
}

#[allow(non_upper_case_globals)]
unsafe extern "C" {
    static mut memblock: Memblock;
    static mut physmem: Type;
    static mut mirrored_kernelcore: bool;
    static mut movable_node_enabled: bool;
    fn memblock_add_node(base: u64, size: u64, nid: c_int, flags: u32) -> c_int;
    fn memblock_reserve(base: u64, size: u64) -> c_int;
    fn memblock_phys_free(base: u64, size: u64) -> c_int;
    fn memblock_free(pointer: *mut c_void, size: usize);
    fn memblock_physmem_add(base: u64, size: u64) -> c_int;
    fn memblock_set_node(base: u64, size: u64, table: *mut Type, nid: c_int) -> c_int;
    fn memblock_mark_mirror(base: u64, size: u64) -> c_int;
    fn memblock_mark_hotplug(base: u64, size: u64) -> c_int;
    fn memblock_reserved_mark_noinit(base: u64, size: u64) -> c_int;
    fn memblock_has_mirror() -> bool;
    fn memblock_phys_alloc_range(size: u64, align: u64, start: u64, end: u64) -> u64;
    fn memblock_alloc_try_nid(size: u64, align: u64, min: u64, max: u64, nid: c_int) -> *mut c_void;
    fn memblock_search_pfn_nid(pfn: usize, start: *mut usize, end: *mut usize) -> c_int;
    fn memblock_validate_numa_coverage(threshold: usize) -> bool;
    fn __next_mem_range(
        cursor: *mut u64,
        nid: c_int,
        flags: u32,
        a: *const Type,
        b: *const Type,
        start: *mut u64,
        end: *mut u64,
        node: *mut c_int,
    );
    fn __next_mem_pfn_range(
        cursor: *mut c_int,
        nid: c_int,
        start: *mut usize,
        end: *mut usize,
        node: *mut c_int,
    );
}

const EINVAL: c_int = 22;

/// Like `for_each_free_mem_range`.
unsafe fn free_ranges(flags: u32) -> Vec<(u64, u64)> {
    let (mut cursor, mut start, mut end, mut found) = (0, 0, 0, Vec::new());
    loop {
        // SAFETY: one thread, and all pointers are valid.
        unsafe {
            let (memory, reserved) = (&raw const memblock.memory, &raw const memblock.reserved);
            __next_mem_range(
                &raw mut cursor,
                -1,
                flags,
                memory,
                reserved,
                &raw mut start,
                &raw mut end,
                ptr::null_mut(),
            );
        }
        if cursor == u64::MAX {
            return found;
        }
        found.push((start, end));
    }
}

/// One test, because there is one memblock.
#[test]
fn the_symbols_behave_as_linuxs_header_says() {
    #[repr(align(4096))]
    #[derive(Clone)]
    struct Page(#[allow(dead_code)] [u8; 0x1000]);
    let ram = vec![Page([1; 0x1000]); 16].leak();
    let base = ram.as_mut_ptr().expose_provenance() as u64;

    // SAFETY: one thread, the memory is ours, and the structs are laid out as the library asserts.
    unsafe {
        assert_eq!(CStr::from_ptr(memblock.memory.name), c"memory");
        assert_eq!(CStr::from_ptr(memblock.reserved.name), c"reserved");
        assert_eq!(CStr::from_ptr(physmem.name), c"physmem");
        assert_eq!((memblock.memory.max, memblock.reserved.max, physmem.max), (128, 128, 4));
        assert_eq!((memblock.bottom_up, memblock.current_limit), (false, u64::MAX));

        assert_eq!(memblock_add_node(base, 0x10000, 1, 0), 0);
        assert_eq!(memblock_physmem_add(base, 0x20000), 0);
        assert_eq!((memblock.memory.cnt, physmem.cnt, physmem.total_size), (1, 1, 0x20000));

        // Pointers, cleared memory, and a null pointer to free.
        let page = memblock_alloc_try_nid(0x1000, 0x1000, 0, 0, -1);
        assert_eq!(page.expose_provenance() as u64, base + 0xf000);
        assert!(std::slice::from_raw_parts(page.cast::<u8>(), 0x1000).iter().all(|byte| *byte == 0));
        memblock_free(page, 0x1000);
        memblock_free(ptr::null_mut(), 0x1000);
        assert_eq!({ memblock.reserved.cnt }, 0);

        // Nodes, by table.
        assert_eq!(memblock_reserve(base, 0x2000), 0);
        assert_eq!(memblock_set_node(base, 0x1000, &raw mut memblock.reserved, 3), 0);
        assert_eq!((memblock.reserved.cnt, (*memblock.reserved.regions).nid), (2, 3));
        let mut unknown = Type { cnt: 0, max: 0, total_size: 0, regions: ptr::null_mut(), name: ptr::null() };
        assert_eq!(memblock_set_node(base, 0x1000, &raw mut unknown, 3), -EINVAL);
        // There is an empty piece where the two reservations touch, but only inside a region of memory.
        assert_eq!(free_ranges(0), [(base + 0x1000, base + 0x1000), (base + 0x2000, base + 0x10000)]);
        assert_eq!(memblock_reserved_mark_noinit(base, 0x1000), 0);
        assert_eq!((*memblock.reserved.regions).flags, 0x10);
        assert_eq!(memblock_phys_free(base, 0x2000), 0);

        // The kernel's switches are off by default.
        assert_eq!(memblock_mark_mirror(base, 0x1000), 0);
        assert!(!memblock_has_mirror());
        mirrored_kernelcore = true;
        assert_eq!(memblock_mark_mirror(base + 0x4000, 0x1000), 0);
        assert!(memblock_has_mirror());
        assert_eq!(memblock_phys_alloc_range(0x1000, 0x1000, 0, 0), base + 0x4000);
        assert_eq!(memblock_phys_free(base, 0x10000), 0);
        assert_eq!(memblock_mark_hotplug(base + 0x8000, 0x8000), 0);
        assert_eq!(free_ranges(0).len(), 4);
        movable_node_enabled = true;
        assert_eq!(free_ranges(0).len(), 3);
        assert_eq!(free_ranges(1).len(), 4);

        // Page frames.
        let (mut start, mut end, mut node, mut cursor) = (0, 0, 0, -1);
        __next_mem_pfn_range(&raw mut cursor, 16, &raw mut start, &raw mut end, &raw mut node);
        assert_eq!((cursor, start as u64, end as u64, node), (0, base >> 12, (base >> 12) + 4, 1));
        cursor = 3;
        __next_mem_pfn_range(&raw mut cursor, 16, ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        assert_eq!(cursor, -1);
        assert_eq!(memblock_search_pfn_nid(start, ptr::null_mut(), &raw mut end), 1);
        assert_eq!(memblock_search_pfn_nid(1, &raw mut start, &raw mut end), -1);
        assert!(memblock_validate_numa_coverage(0));
    }
}
