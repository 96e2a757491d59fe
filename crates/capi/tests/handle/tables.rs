//! Changes, marks, settings, limits, and tables as text.

use crate::header::*;
use crate::*;

#[test]
fn changes_report_how_much_they_changed() {
    let memblock = with_memory();
    let (mut bytes, mut still) = (0, 0);
    // SAFETY: a memblock, and pointers to our variables.
    unsafe {
        assert_eq!(physmem_memblock_add(memblock, 0, 0x20_0000, &mut bytes), Status::Ok);
        assert_eq!(bytes, 0x10_0000);
        assert_eq!(physmem_memblock_reserve(memblock, 0x1000, 0x3000, &mut bytes), Status::Ok);
        assert_eq!(bytes, 0x2000);
        assert_eq!(physmem_memblock_remove(memblock, 0, 0x2000, &mut bytes, &mut still), Status::Ok);
        assert_eq!((bytes, still), (0x2000, 0x1000));
        assert_eq!(physmem_memblock_free(memblock, 0, 0x10_0000, &mut bytes), Status::Ok);
        assert_eq!(bytes, 0x2000);
        let region = CRegion { start: 0x200_0000, end: 0x200_1800, node: 1, flags: PHYSMEM_DRIVER_MANAGED };
        assert_eq!(physmem_memblock_add_node(memblock, region, ptr::null_mut()), Status::Ok);
        assert_eq!(physmem_memblock_trim_memory(memblock, 0x1000, &mut bytes), Status::Ok);
        assert_eq!(bytes, 0x800);
        let mut found = CRegion::default();
        assert!(physmem_memblock_region_at(memblock, PHYSMEM_TABLE_MEMORY, 0x200_0000, &mut found));
        assert_eq!(found, CRegion { end: 0x200_1000, ..region });
    }
}

#[test]
fn marks_settings_and_limits_reach_the_library() {
    let memblock = with_memory();
    let flags = |table| {
        let mut region = CRegion::default();
        // SAFETY: a memblock, and a pointer to our variable.
        unsafe { physmem_memblock_region_at(memblock, table, 0x20_0000, &mut region) };
        region.flags
    };
    let (start, end) = (0x20_0000, 0x30_0000);
    // SAFETY: a memblock, and pointers to our variables.
    unsafe {
        assert_eq!(physmem_memblock_mark_hotplug(memblock, start, end), Status::Ok);
        assert_eq!(physmem_memblock_mark_nomap(memblock, start, end), Status::Ok);
        assert_eq!(physmem_memblock_mark_kho_scratch(memblock, start, end), Status::Ok);
        assert_eq!(physmem_memblock_mark_mirror(memblock, start, end), Status::Ok);
        assert!(!physmem_memblock_has_mirror(memblock));
        assert_eq!(physmem_memblock_set_mirrored_kernelcore(memblock, true), Status::Ok);
        assert_eq!(physmem_memblock_mark_mirror(memblock, start, end), Status::Ok);
        let all = PHYSMEM_HOTPLUG | PHYSMEM_NOMAP | PHYSMEM_KHO_SCRATCH | PHYSMEM_MIRROR;
        assert_eq!(flags(PHYSMEM_TABLE_MEMORY), all);
        assert!(!physmem_memblock_is_map_memory(memblock, start));
        assert_eq!(physmem_memblock_clear_hotplug(memblock, start, end), Status::Ok);
        assert_eq!(physmem_memblock_clear_nomap(memblock, start, end), Status::Ok);
        assert_eq!(physmem_memblock_clear_kho_scratch(memblock, start, end), Status::Ok);
        assert_eq!(flags(PHYSMEM_TABLE_MEMORY), PHYSMEM_MIRROR);

        assert_eq!(physmem_memblock_reserve(memblock, start, end, ptr::null_mut()), Status::Ok);
        assert_eq!(physmem_memblock_reserved_mark_noinit(memblock, start, end), Status::Ok);
        assert_eq!(physmem_memblock_reserved_mark_kern(memblock, start, end), Status::Ok);
        assert_eq!(flags(PHYSMEM_TABLE_RESERVED), PHYSMEM_RSRV_NOINIT | PHYSMEM_RSRV_KERN);
        assert_eq!(physmem_memblock_reserved_kern_size(memblock, u64::MAX, PHYSMEM_NO_NODE), end - start);

        let mut removed = 0;
        assert_eq!(physmem_memblock_enforce_memory_limit(memblock, 0x80_0000, &mut removed), Status::Ok);
        assert_eq!(removed, 0x70_0000);
        assert_eq!(physmem_memblock_cap_memory_range(memblock, 0, 0x80_0000, &mut removed), Status::Ok);
        assert_eq!(removed, 0x10_0000);
        assert_eq!(physmem_memblock_mem_limit_remove_map(memblock, 0x60_0000, &mut removed), Status::Ok);
        assert_eq!(physmem_memblock_memory_size(memblock), 0x60_0000);
    }
}

#[test]
fn texts_are_cut_off_at_the_end_of_the_buffer() {
    let memblock = with_memory();
    let whole = "   0: 0x0000000000100000..0x0000000000ffffff    x NONE\n";
    // SAFETY: a memblock, and our buffer.
    unsafe {
        assert_eq!(text(|buffer, size| physmem_memblock_dump(memblock, 0, buffer, size)), whole);
        let mut buffer = [b'!'.cast_signed(); 8];
        assert_eq!(physmem_memblock_dump(memblock, 0, buffer.as_mut_ptr(), 5), whole.len());
        assert_eq!(buffer.map(i8::cast_unsigned), *b"   0\0!!!");
        assert_eq!(error(memblock), "");
    }
}
