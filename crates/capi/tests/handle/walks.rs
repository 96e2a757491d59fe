//! Walks, step by step.

use crate::header::*;
use crate::*;

#[test]
fn a_walk_continues_from_its_cursor_while_the_table_changes() {
    let memblock = with_memory();
    let (mut cursor, mut region) = (0, CRegion::default());
    // SAFETY: a memblock, and pointers to our variables.
    unsafe {
        assert_eq!(physmem_memblock_reserve(memblock, 0x20_0000, 0x30_0000, ptr::null_mut()), Status::Ok);
        assert!(physmem_memblock_next_free(memblock, ANY, &mut cursor, &mut region));
        assert_eq!((region.start, region.end, cursor), (0x10_0000, 0x20_0000, 0x20_0000));
        // The reserved part is free now. The next piece starts at the cursor, not where the free range
        // starts.
        assert_eq!(physmem_memblock_free(memblock, 0, 0x100_0000, ptr::null_mut()), Status::Ok);
        assert!(physmem_memblock_next_free(memblock, ANY, &mut cursor, &mut region));
        assert_eq!((region.start, region.end, cursor), (0x20_0000, 0x100_0000, 0x100_0000));
        assert!(!physmem_memblock_next_free(memblock, ANY, &mut cursor, &mut region));

        assert_eq!(physmem_memblock_reserve(memblock, 0x20_0000, 0x30_0000, ptr::null_mut()), Status::Ok);
        cursor = u64::MAX;
        assert!(physmem_memblock_prev_free(memblock, ANY, &mut cursor, &mut region));
        assert_eq!((region.start, cursor), (0x30_0000, 0x30_0000));
        assert!(physmem_memblock_prev_free(memblock, ANY, &mut cursor, &mut region));
        assert_eq!((region.start, region.end), (0x10_0000, 0x20_0000));
        assert!(!physmem_memblock_prev_free(memblock, ANY, &mut cursor, ptr::null_mut()));
    }
}

#[test]
fn walks_include_what_the_selection_says() {
    let memblock = with_memory();
    let driver = CSelection { flags: PHYSMEM_DRIVER_MANAGED, ..ANY };
    let count = |selection| {
        let mut cursor = 0;
        // SAFETY: a memblock, and a pointer to our variable.
        std::iter::from_fn(|| unsafe {
            physmem_memblock_next_memory(memblock, selection, &mut cursor, ptr::null_mut()).then_some(())
        })
        .count()
    };
    let region = CRegion { start: 0x200_0000, end: 0x300_0000, node: 1, flags: PHYSMEM_DRIVER_MANAGED };
    // SAFETY: a memblock, and pointers to our variables.
    unsafe {
        assert_eq!(physmem_memblock_add_node(memblock, region, ptr::null_mut()), Status::Ok);
        assert_eq!((count(ANY), count(driver), count(CSelection { node: 1, ..driver })), (1, 2, 1));
        let (mut cursor, mut found) = (u64::MAX, CRegion::default());
        assert!(physmem_memblock_prev_memory(memblock, driver, &mut cursor, &mut found));
        assert_eq!(found, region);
        assert!(physmem_memblock_prev_region(memblock, PHYSMEM_TABLE_MEMORY, &mut cursor, &mut found));
        assert_eq!(found.start, 0x10_0000);

        let (mut cursor, mut pages) = (0, Pages::default());
        assert!(physmem_memblock_next_pages(memblock, 1, &mut cursor, &mut pages));
        assert_eq!(pages, Pages { start: 0x2000, end: 0x3000, node: 1 });
        assert!(!physmem_memblock_next_pages(memblock, 1, &mut cursor, &mut pages));

        assert_eq!(
            physmem_memblock_physmem_add(memblock, 0x10_0000, 0x180_0000, ptr::null_mut()),
            Status::Ok
        );
        let mut cursor = 0;
        assert!(physmem_memblock_next_physmem(memblock, PHYSMEM_TABLE_MEMORY, &mut cursor, &mut found));
        assert_eq!((found.start, found.end), (0x100_0000, 0x180_0000));
    }
}
