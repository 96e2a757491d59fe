//! Memory for the tables.

use crate::header::*;
use crate::*;

#[test]
fn a_full_table_takes_a_buffer_from_any_address() {
    let memblock = memblock();
    let buffer = vec![0_u8; 5 * 1552 + 8].leak();
    let reserve = |page: u64| {
        // SAFETY: a memblock, and no pointer.
        unsafe { physmem_memblock_reserve(memblock, page * 0x2000, page * 0x2000 + 0x1000, ptr::null_mut()) }
    };
    let full = (0..1000).find(|page| reserve(*page) != Status::Ok).unwrap();
    assert_eq!((full, reserve(full)), (63, Status::TableFull));
    // SAFETY: a memblock, and a leaked buffer of ours.
    unsafe {
        let odd = buffer.as_mut_ptr().add(1).cast();
        assert_eq!(physmem_memblock_grow(memblock, PHYSMEM_TABLE_RESERVED, odd, 5 * 1552 + 7), Status::Ok);
        assert_eq!(reserve(full), Status::Ok);
        for _ in 0..31 {
            let one = vec![0_u64; 1552 / 8].leak().as_mut_ptr().cast();
            assert_eq!(physmem_memblock_grow(memblock, PHYSMEM_TABLE_RESERVED, one, 1552), Status::Ok);
        }
        assert!(physmem_memblock_room(memblock, PHYSMEM_TABLE_RESERVED) > 0);
        let one = vec![0_u64; 1552 / 8].leak().as_mut_ptr().cast();
        assert_eq!(
            physmem_memblock_grow(memblock, PHYSMEM_TABLE_RESERVED, one, 1552),
            Status::TooManyBuffers
        );
    }
}

/// Maps 1 MiB to 2 MiB to a buffer.
unsafe extern "C" fn map(context: *mut c_void, start: u64, end: u64) -> *mut c_void {
    if start < 0x10_0000 || end > 0x20_0000 {
        return ptr::null_mut();
    }
    // SAFETY: the context is a buffer of 1 MiB.
    unsafe { context.byte_add(usize::try_from(start - 0x10_0000).unwrap()) }
}

#[test]
fn tables_grow_by_themselves_where_the_map_returns_a_pointer() {
    let memblock = with_memory();
    let ram = vec![0_u64; 0x10_0000 / 8].leak().as_mut_ptr();
    let reserve = |page: u64| {
        // SAFETY: a memblock, and no pointer.
        unsafe { physmem_memblock_reserve(memblock, (2 * page) << 32, (2 * page + 1) << 32, ptr::null_mut()) }
    };
    // SAFETY: a memblock, pointers to our variables, and a leaked buffer.
    unsafe {
        assert_eq!(physmem_memblock_allow_growth(memblock, Some(map), ram.cast()), Status::Ok);
        // The top of memory has no pointer.
        let stopped = (1..1000).find(|page| reserve(*page) != Status::Ok).unwrap();
        assert_eq!(reserve(stopped), Status::NotMapped);
        assert_eq!(physmem_memblock_set_current_limit(memblock, 0x20_0000), Status::Ok);
        // Again: this replaces the previous map.
        assert_eq!(physmem_memblock_allow_growth(memblock, Some(map), ram.cast()), Status::Ok);
        assert!((stopped..300).all(|page| reserve(page) == Status::Ok));
        let (mut cursor, mut own, mut count) = (0, Range::default(), 0);
        while physmem_memblock_next_own(memblock, &mut cursor, &mut own) {
            assert!(physmem_memblock_is_reserved(memblock, own.start) && own.end <= 0x20_0000);
            assert_eq!(physmem_memblock_free(memblock, own.start, own.end, ptr::null_mut()), Status::InUse);
            count += 1;
        }
        assert!(count > 0);
        // When no memory is left, the table reports it.
        assert_eq!(physmem_memblock_set_current_limit(memblock, 0), Status::Ok);
        let stopped = (300..100_000).find(|page| reserve(*page) != Status::Ok).unwrap();
        assert_eq!(reserve(stopped), Status::CannotGrow);
    }
}
