//! Invalid arguments from C.

use crate::header::*;
use crate::*;

#[test]
fn storage_must_be_non_null_aligned_and_large_enough() {
    let mut storage = Box::new(Storage([0; PHYSMEM_MEMBLOCK_SIZE]));
    let first: *mut c_void = (&raw mut *storage).cast();
    let size = physmem_memblock_size();
    assert!(size <= PHYSMEM_MEMBLOCK_SIZE && physmem_memblock_align() <= PHYSMEM_MEMBLOCK_ALIGN);
    // SAFETY: null, or the storage with at most its real size.
    unsafe {
        assert!(physmem_memblock_init(ptr::null_mut(), size, 4096).is_null());
        assert!(physmem_memblock_init(first, size - 1, 4096).is_null());
        assert!(physmem_memblock_init(first.byte_add(1), size, 4096).is_null());
        assert!(physmem_memblock_init(first, size, 5000).is_null());
        assert!(!physmem_memblock_init(first, size, 4096).is_null());
    }
}

#[test]
fn null_is_refused_everywhere_and_queries_return_false() {
    let memblock = with_memory();
    let none: *mut Handle = ptr::null_mut();
    let no_bytes: *mut u64 = ptr::null_mut();
    // SAFETY: null is what this tests.
    unsafe {
        assert_eq!(physmem_memblock_add(none, 0, 1, no_bytes), Status::NullPointer);
        assert_eq!(physmem_memblock_set_bottom_up(none, true), Status::NullPointer);
        assert_eq!(physmem_memblock_allow_growth(none, None, ptr::null_mut()), Status::NullPointer);
        assert_eq!(physmem_memblock_allow_growth(memblock, None, ptr::null_mut()), Status::NullPointer);
        assert_eq!(physmem_memblock_grow(memblock, 0, ptr::null_mut(), 10000), Status::NullPointer);
        assert_eq!(physmem_memblock_alloc(memblock, ptr::null(), ptr::null_mut()), Status::NullPointer);
        assert_eq!(error(memblock), "request is a null pointer");
        assert_eq!(physmem_memblock_reserve_for(memblock, 0, 1, ptr::null(), no_bytes), Status::NullPointer);
        assert_eq!(physmem_memblock_free_all(memblock, 10, 0, None, ptr::null_mut()), Status::NullPointer);
        assert!(!physmem_memblock_is_memory(none, 0x10_0000));
        assert!(!physmem_memblock_next_region(memblock, 0, ptr::null_mut(), ptr::null_mut()));
        assert!(!physmem_memblock_next_region(none, 0, &mut 0, ptr::null_mut()));
        assert!(!physmem_memblock_reserve_mem_find(memblock, ptr::null(), ptr::null_mut()));
        assert_eq!(physmem_memblock_dump(none, 0, ptr::null_mut(), 0), 0);
    }
}

#[test]
fn invalid_ranges_nodes_tables_and_texts_are_refused() {
    let memblock = with_memory();
    let no_bytes = ptr::null_mut();
    // SAFETY: a memblock, and strings.
    unsafe {
        assert_eq!(physmem_memblock_add(memblock, 1, 1, no_bytes), Status::InvalidRange);
        assert_eq!(physmem_memblock_reserve(memblock, 2, 1, no_bytes), Status::InvalidRange);
        assert_eq!(error(memblock), "range is inverted: it starts at 0x2 and ends before 0x1");
        assert_eq!(physmem_memblock_set_node(memblock, 0, 0, 1, -2), Status::InvalidNode);
        assert_eq!(physmem_memblock_set_node(memblock, 3, 0, 1, 0), Status::InvalidTable);
        assert_eq!(error(memblock), "3 is not a table: 0 is memory, 1 reserved, 2 physmem");
        assert_eq!(
            physmem_memblock_reserve_for(memblock, 0, 1, c"\xff".as_ptr(), no_bytes),
            Status::InvalidText
        );
        assert_eq!(physmem_memblock_region_count(memblock, 7), 0);
    }
}
