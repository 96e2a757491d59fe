//! Allocation, by request and by name, and its end.

use crate::header::*;
use crate::*;

#[test]
fn an_allocation_that_fails_says_why() {
    let memblock = with_memory();
    let mut range = Range::default();
    let mut request = physmem_request(0x1000);
    request.owner = c"log".as_ptr();
    // SAFETY: a memblock, pointers to our variables, and a static string.
    unsafe {
        assert_eq!(physmem_memblock_find(memblock, &request, &mut range), Status::Ok);
        assert_eq!(physmem_memblock_alloc(memblock, &request, &mut range), Status::Ok);
        assert_eq!(range, Range { start: 0xff_f000, end: 0x100_0000 });
        let owner = |address| text(|buffer, size| physmem_memblock_owner_at(memblock, address, buffer, size));
        assert_eq!((owner(0xff_f000).as_str(), owner(0xff_efff).as_str()), ("log", ""));

        request.size = 0x1000_0000;
        assert_eq!(physmem_memblock_alloc(memblock, &request, &mut range), Status::NoSpace);
        assert!(
            error(memblock).contains("next to 00fff000-00ffffff, reserved for log"),
            "{}",
            error(memblock)
        );
        for wrong in [physmem_request(0), CRequest { align: 3, ..request }, CRequest { max: 1, ..request }] {
            assert_eq!(physmem_memblock_alloc(memblock, &wrong, &mut range), Status::InvalidRequest);
        }
        let wrong = CRequest { node: -7, ..request };
        assert_eq!(physmem_memblock_alloc(memblock, &wrong, &mut range), Status::InvalidNode);
    }
}

#[test]
fn the_end_of_early_allocation_passes_on_every_free_page() {
    unsafe extern "C" fn take(context: *mut c_void, pfn: u64, order: u32, _node: i32) {
        // SAFETY: the context is a vector.
        unsafe { (*context.cast::<Vec<(u64, u32)>>()).push((pfn, order)) }
    }
    let memblock = memblock();
    let mut blocks: Vec<(u64, u32)> = Vec::new();
    // SAFETY: a memblock, and a pointer to our vector.
    unsafe {
        assert_eq!(physmem_memblock_add(memblock, 0x1000, 0x9000, ptr::null_mut()), Status::Ok);
        assert_eq!(physmem_memblock_reserve(memblock, 0x6000, 0x6800, ptr::null_mut()), Status::Ok);
        let context = (&raw mut blocks).cast();
        assert_eq!(physmem_memblock_free_all(memblock, 10, u64::MAX, Some(take), context), Status::Ok);
    }
    assert_eq!(blocks, [(1, 0), (2, 1), (4, 1), (7, 0), (8, 0)]);
}

#[test]
fn memory_can_be_reserved_found_and_released_by_name() {
    let memblock = with_memory();
    let (mut range, mut found) = (Range::default(), Range::default());
    // SAFETY: a memblock, strings, and pointers to our variables.
    unsafe {
        assert_eq!(physmem_memblock_reserve_mem(memblock, c"2M:4096:trace".as_ptr(), &mut range), Status::Ok);
        assert!(physmem_memblock_reserve_mem_find(memblock, c"trace".as_ptr(), &mut found));
        assert_eq!(range, found);
        let again = physmem_memblock_reserve_mem(memblock, c"2M:4096:trace".as_ptr(), ptr::null_mut());
        assert_eq!(again, Status::NameTaken);
        let wrong = physmem_memblock_reserve_mem(memblock, c"2M;4096".as_ptr(), ptr::null_mut());
        assert_eq!(wrong, Status::InvalidName);
        assert_eq!(physmem_memblock_reserve_mem_release(memblock, c"trace".as_ptr(), &mut found), Status::Ok);
        let gone = physmem_memblock_reserve_mem_release(memblock, c"trace".as_ptr(), ptr::null_mut());
        assert_eq!(gone, Status::InvalidName);
    }
}
