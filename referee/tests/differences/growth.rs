//! The differences that need writable memory for tables to grow into.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use memblock::{DirectMap, Memblock, PhysRange, TableKind};
use referee::linux::{Linux, RawRegion};
use referee::operation::Side;

const MIB: u64 = 1 << 20;

/// A mebibyte that nothing else uses, with physical addresses equal to its virtual ones.
fn real_memory() -> PhysRange {
    let pages = vec![0_u128; 2 << 16].leak();
    let start = (pages.as_mut_ptr().expose_provenance() as u64).next_multiple_of(MIB / 16);
    PhysRange::from_size(start, MIB).unwrap()
}

/// A region that is too small for a table.
fn small(number: u64) -> PhysRange {
    PhysRange::from_size(0x1000 + number * 0x2000, 0x1000).unwrap()
}

fn rows(linux: &mut Linux, table: TableKind) -> Vec<RawRegion> {
    let mut rows = Vec::new();
    linux.table(table, &mut rows);
    rows
}

#[test]
fn linux_may_put_a_table_where_memory_is_being_removed() {
    let real = real_memory();
    let removed = PhysRange::new(real.start() + MIB / 2, real.end() - 0x1000).unwrap();

    let mut linux = Linux::lock();
    linux.add(real.start(), real.size()).unwrap();
    for number in 0..126 {
        linux.add(small(number).start(), 0x1000).unwrap();
    }
    // SAFETY:
    // 1. An array of more than 128 regions takes more than a page, and none of the small regions is that
    //    large.
    // 2. All other memory is `real`: it is leaked, and nothing else uses it.
    unsafe { linux.grow_in_memory() };
    linux.remove(removed.start(), removed.size()).unwrap();
    let array = rows(&mut linux, TableKind::Reserved)[0].base;
    assert!(removed.contains(array) && !linux.is_memory(array), "the live table lies in what is no memory");

    let map = |range: PhysRange| {
        let pointer = std::ptr::with_exposed_provenance_mut(usize::try_from(range.start()).ok()?);
        NonNull::new(pointer).filter(|_| real.encloses(range))
    };
    let mut ours = Memblock::new();
    ours.add(real).unwrap();
    let mut number = 0;
    while ours.memory().has_spare() && ours.memory().room() > 0 {
        ours.add(small(number)).unwrap();
        number += 1;
    }
    // Linux's table lies there too: discard it before ours.
    linux.reset();
    // SAFETY:
    // 1. Only parts of `real` are mapped, each to itself; it is leaked, so it lives long enough.
    // 2. Nothing else uses it: Linux has just been reset.
    ours.allow_growth(unsafe { DirectMap::new(&map) });
    while ours.own_memory().next().is_none() {
        ours.add(small(number)).unwrap();
        number += 1;
    }
    let _ = ours.remove(removed);
    assert!(ours.own_memory().all(|own| ours.is_region_memory(own)), "the tables lie in memory");
}

#[test]
fn linux_frees_the_array_that_physmem_started_with() {
    let real = real_memory();
    let mut linux = Linux::lock();
    linux.add(real.start(), real.size()).unwrap();
    // The kernel's image is reserved, and that array is part of it.
    let array = linux.use_boot_physmem_array();
    let image = (array - 0x1000, 0x3000);
    linux.reserve(image.0, image.1).unwrap();
    // SAFETY: `real` is all memory there is; it is leaked, and nothing else uses it.
    unsafe { linux.grow_in_memory() };
    for number in 0..5 {
        linux.physmem_add(small(number).start(), 0x1000).unwrap();
    }
    assert!(
        !linux.is_region_reserved(array, Linux::BOOT_PHYSMEM_ARRAY),
        "a part of the image may be allocated"
    );
    linux.reset();

    let mut ours = Memblock::new();
    ours.reserve(PhysRange::from_size(image.0, image.1).unwrap()).unwrap();
    for number in 0..60 {
        ours.physmem_add(small(number)).unwrap();
    }
    assert_eq!(ours.reserved_size(), image.1);
}
