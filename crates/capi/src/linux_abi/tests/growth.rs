//! Checks growing by Linux's rules, into real memory.

use super::*;
use crate::linux_abi::address;
use crate::linux_abi::fault::Fault;

#[repr(align(4096))]
#[derive(Clone, Copy)]
struct Page {
    _bytes: [u8; 4096],
}

/// Memory that can be written at its address, like physical memory here.
fn ram(pages: usize) -> PhysRange {
    let pages = vec![Page { _bytes: [1; 4096] }; pages].leak();
    PhysRange::from_size(address::of(pages.as_mut_ptr()), size_of_val(pages) as u64).unwrap()
}

/// A memblock that may grow, with this many pages of memory.
fn growing(pages: usize) -> (World, PhysRange) {
    let mut world = World::new(128);
    let ram = ram(pages);
    world.linux().add(Kind::Memory, Some(Region::plain(ram))).unwrap();
    world.state.can_resize = true;
    (world, ram)
}

/// Small reservations below all real memory.
fn reserve(world: &mut World, numbers: core::ops::Range<u64>) -> Result<(), Fault> {
    numbers
        .into_iter()
        .try_for_each(|number| world.linux().reserve(nid::range(0x1_0000 + number * 0x20, 0x10)))
}

#[test]
fn the_129th_region_doubles_the_array_which_goes_to_the_top_and_is_reserved() {
    let (mut world, ram) = growing(16);
    reserve(&mut world, 0..128).unwrap();
    assert_eq!((world.public.reserved.count(), world.public.reserved.max()), (128, 128));
    reserve(&mut world, 128..129).unwrap();
    let reserved = &world.public.reserved;
    assert_eq!((reserved.count(), reserved.max()), (130, 256));
    // 256 records of 24 bytes take two pages.
    assert_eq!(regions(reserved)[129], Region::plain(r(ram.end() - 0x2000, ram.end())));
    assert_eq!(address::of(reserved.records().as_ptr()), ram.end() - 0x2000);
    assert_eq!(reserved.total_size(), 129 * 0x10 + 0x2000);
}

#[test]
fn an_outgrown_array_is_freed_unless_it_is_the_first() {
    let (mut world, ram) = growing(64);
    reserve(&mut world, 0..600).unwrap();
    let reserved = &world.public.reserved;
    assert_eq!((reserved.count(), reserved.max()), (601, 1024));
    let array = regions(reserved)[600].range;
    assert!(ram.encloses(array));
    assert_eq!(array.size(), 0x6000);
    assert_eq!(array.start(), address::of(reserved.records().as_ptr()));
}

#[test]
fn the_memory_table_grows_too_and_reserves_what_it_takes() {
    let (mut world, ram) = growing(16);
    for number in 0..200_u64 {
        world.linux().add(Kind::Memory, nid::region(0x1_0000 + number * 0x20, 0x10, 0, 0)).unwrap();
    }
    assert_eq!((world.public.memory.count(), world.public.memory.max()), (201, 256));
    assert_eq!(regions(&world.public.reserved), [Region::plain(r(ram.end() - 0x2000, ram.end()))]);
}

#[test]
fn physmem_grows_without_freeing_its_first_array() {
    let (mut world, ram) = growing(16);
    for number in 0..200_u64 {
        world.linux().add(Kind::Physmem, nid::region(number * 0x2000, 0x1000, 0, 0)).unwrap();
    }
    assert_eq!((world.physmem.count(), world.physmem.max()), (200, 256));
    assert_eq!(world.public.reserved.total_size(), 0x2000);
    assert!(ram.encloses(regions(&world.public.reserved)[0].range));
}

#[test]
fn the_array_never_lies_in_memory_about_to_be_reserved() {
    let (mut world, ram) = growing(16);
    reserve(&mut world, 0..128).unwrap();
    let top = r(ram.end() - 0x4000, ram.end());
    world.linux().reserve(Some(top)).unwrap();
    let array = address::of(world.public.reserved.records().as_ptr());
    assert_eq!(array, ram.end() - 0x6000);
}

#[test]
fn the_memory_array_never_lies_in_memory_being_removed() {
    let (mut world, ram) = growing(16);
    for number in 0..126_u64 {
        world.linux().add(Kind::Memory, nid::region(0x1_0000 + number * 0x20, 0x10, 0, 0)).unwrap();
    }
    // 127 regions: two more, as a cut may need, do not fit. Linux would take the top, which is being removed.
    world.linux().remove(Some(r(ram.end() - 0x4000, ram.end()))).unwrap();
    assert_eq!(world.public.memory.max(), 256);
    assert_eq!(address::of(world.public.memory.records().as_ptr()), ram.end() - 0x6000);
}

#[test]
fn cutting_requires_room_for_two_before_it_checks() {
    let (mut world, _) = growing(16);
    reserve(&mut world, 0..127).unwrap();
    world.linux().free(nid::range(0, 1)).unwrap();
    assert_eq!(world.public.reserved.max(), 256);
}

#[test]
fn without_free_memory_growth_is_an_error_and_changes_nothing() {
    let (mut world, ram) = growing(16);
    world.linux().reserve(Some(ram)).unwrap();
    reserve(&mut world, 0..127).unwrap();
    let before = regions(&world.public.reserved);
    assert_eq!(reserve(&mut world, 127..128), Err(Fault::NoMemory));
    assert_eq!(
        world.linux().set_flags(Kind::Reserved, Some(ram), RegionFlags::RSRV_NOINIT),
        Err(Fault::NoMemory)
    );
    assert_eq!(regions(&world.public.reserved), before);
    assert_eq!(world.public.reserved.max(), 128);
}

#[test]
#[should_panic(expected = "cannot resize reserved array: all of 128 places are needed for 128 regions")]
fn growth_before_allow_resize_panics_as_in_linux() {
    let mut world = World::new(128);
    let _ = reserve(&mut world, 0..129);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arrays_are_always_reserved_disjoint_and_where_the_tables_say(
        ops in prop::collection::vec((any::<bool>(), 0..4000_u64, 1..40_u64, any::<bool>()), 1..1500),
    ) {
        let (mut world, ram) = growing(200);
        for (memory, number, len, add) in ops {
            let range = nid::range(0x1_0000 + number * 0x20, len * 0x10);
            match (memory, add) {
                (true, true) => world.linux().add(Kind::Memory, range.map(Region::plain)).unwrap(),
                (true, false) => world.linux().remove(range).unwrap(),
                (false, true) => world.linux().reserve(range).unwrap(),
                (false, false) => world.linux().free(range).unwrap(),
            }
        }
        let arrays = [&world.public.memory, &world.public.reserved]
            .map(|table| PhysRange::from_size(address::of(table.records().as_ptr()), (table.max() * 24) as u64).unwrap());
        let memblock = world.memblock();
        let mut pages = 0;
        for array in arrays.into_iter().filter(|array| ram.overlaps(*array)) {
            prop_assert!(memblock.reserved().covers(array) && memblock.memory().covers(array));
            pages += array.size().next_multiple_of(0x1000);
        }
        prop_assert_eq!(memblock.reserved().size_within(ram), pages, "no array is left behind, and none overlap");
    }
}
