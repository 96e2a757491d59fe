//! Checks walks and queries against the library's.

use memblock::Selection;

use super::*;
use std::string::ToString;

use crate::linux_abi::dump::Dump;
use crate::linux_abi::query;
use crate::linux_abi::walk::{Piece, Walk};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn cursors_yield_the_librarys_free_pieces_from_both_ends(
        world in any_world(),
        node in any_node(),
        flags in 0..32_u32,
    ) {
        let node = node.filter(|node| nid::is_valid(nid::of(Some(*node))));
        let selection = Selection { node, flags: RegionFlags::from_bits_retain(flags) };
        let expected: Vec<_> = world.memblock().free_ranges(selection).map(|piece| piece.range).collect();
        let movable_node = world.movable_node;
        let walk = Walk {
            a: &world.public.memory,
            b: Some(&world.public.reserved),
            is_shown: |record: &Record| selection.shows(&record.region().unwrap(), movable_node),
        };
        // Linux returns an empty piece between different reservations that touch.
        let range = |piece: Piece| PhysRange::new(piece.start, piece.end).ok();
        prop_assert_eq!(walk.pieces(false).filter_map(range).collect::<Vec<_>>(), expected.clone());
        let mut backwards: Vec<_> = walk.pieces(true).filter_map(range).collect();
        backwards.reverse();
        prop_assert_eq!(backwards, expected);
    }

    #[test]
    fn without_a_second_table_a_walk_yields_all_regions(world in any_world()) {
        let walk = Walk { a: &world.public.reserved, b: None, is_shown: |_: &Record| true };
        let expected: Vec<_> = regions(&world.public.reserved).iter().map(|region| region.range.start()).collect();
        prop_assert_eq!(walk.pieces(false).map(|piece| piece.start).collect::<Vec<_>>(), expected.clone());
        let mut backwards: Vec<_> = walk.pieces(true).map(|piece| piece.start).collect();
        backwards.reverse();
        prop_assert_eq!(backwards, expected);
    }

    #[test]
    fn queries_have_the_librarys_answers(
        world in any_world(),
        asked in prop::collection::vec(any_range(), 1..40),
    ) {
        let (memory, reserved, memblock) = (&world.public.memory, &world.public.reserved, world.memblock());
        for range in asked {
            let address = range.start() + UNIT / 2;
            prop_assert_eq!(query::contains(memory, address), memblock.is_memory(address));
            prop_assert_eq!(query::contains(reserved, address), memblock.is_reserved(address));
            prop_assert_eq!(query::is_mapped(memory, address), memblock.is_map_memory(address));
            prop_assert_eq!(query::overlaps(reserved, range.start(), range.size()), memblock.is_region_reserved(range));
            let holder = memblock.memory().region_at(range.start());
            let in_one = holder.is_some_and(|region| region.range.encloses(range));
            prop_assert_eq!(query::is_in_one_region(memory, range.start(), range.size()), in_one);
            let found = memblock.search_pfn_nid(address >> 12).map(|found| (found.start, found.end));
            prop_assert_eq!(query::search_pfn(memory, address >> 12).map(|(start, end, _)| (start, end)), found);
        }
        let node_of = |region: &Region| nid::is_valid(nid::of(region.node));
        let nodeless = memblock.memory_pfn_ranges(None).zip(memblock.memory().iter().filter(|region| {
            config::PAGE_SIZE.whole_pages(region.range).is_some()
        }));
        let nodeless: u64 = nodeless.filter(|(_, region)| !node_of(region)).map(|(it, _)| (it.end - it.start) << 12).sum();
        prop_assert_eq!(query::nodeless_size(memory), nodeless);
        let (start, end) = (memblock.start_of_dram().unwrap_or(0), memblock.end_of_dram().unwrap_or(0));
        prop_assert_eq!((query::start(memory), query::end(memory)), (start, end));
    }

    #[test]
    fn limits_have_the_same_effect_as_the_librarys(
        mut world in any_world(),
        keep in any_range(),
        limit in 0..UNITS * UNIT,
        which in 0..3,
    ) {
        let mut memblock = world.memblock();
        match which {
            0 => {
                world.linux().cap_memory_range(Some(keep)).unwrap();
                memblock.cap_memory_range(keep).unwrap();
            }
            1 => {
                world.linux().enforce_memory_limit(limit).unwrap();
                memblock.enforce_memory_limit(limit).unwrap();
            }
            _ => {
                world.linux().mem_limit_remove_map(limit).unwrap();
                memblock.mem_limit_remove_map(limit).unwrap();
            }
        }
        prop_assert_eq!(regions(&world.public.memory), memblock.memory().iter().collect::<Vec<_>>());
        prop_assert_eq!(regions(&world.public.reserved), memblock.reserved().iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_cursor_is_two_indices() {
    let mut world = World::new(128);
    world.linux().add(Kind::Memory, nid::region(0x1000, 0x3000, 0, 0)).unwrap();
    world.linux().reserve(nid::range(0x2000, 0x1000)).unwrap();
    let walk = Walk { a: &world.public.memory, b: Some(&world.public.reserved), is_shown: |_: &Record| true };
    let piece = |start, end| Piece { start, end, nid: 0 };
    assert_eq!(walk.next(0), Some((piece(0x1000, 0x2000), 1 << 32)));
    assert_eq!(walk.next(1 << 32), Some((piece(0x3000, 0x4000), 1 << 32 | 1)));
    assert_eq!(walk.next(1 << 32 | 1), None);
    assert_eq!(walk.next_back(u64::MAX), Some((piece(0x3000, 0x4000), 0)));
    assert_eq!(walk.next_back(0), Some((piece(0x1000, 0x2000), 0xffff_ffff)));
    assert_eq!(walk.next_back(0xffff_ffff), None);
    let nothing = Walk { a: &world.physmem, ..walk };
    assert_eq!((nothing.next(0), nothing.next_back(u64::MAX)), (None, None));
}

#[test]
fn a_size_of_0_overlaps_the_inside_of_a_region_but_not_its_start() {
    let mut world = World::new(128);
    world.linux().add(Kind::Memory, nid::region(0x1000, 0x1000, 0, 0)).unwrap();
    let memory = &world.public.memory;
    assert!(query::overlaps(memory, 0x1800, 0) && !query::overlaps(memory, 0x1000, 0));
    assert!(query::overlaps(memory, 0x1fff, u64::MAX));
}

#[test]
fn tables_print_as_memblock_dump_all_prints_them() {
    let mut world = World::new(128);
    world.linux().add(Kind::Memory, nid::region(0x1000, 0x3000, 1, 2)).unwrap();
    world.linux().add(Kind::Memory, nid::region(0x8000, 0x1000, config::MAX_NUMNODES, 0)).unwrap();
    assert_eq!(
        Dump(&world.public.memory).to_string(),
        " memory.cnt  = 0x2\n \
         memory[0x0]\t[0x0000000000001000-0x0000000000003fff], 0x0000000000003000 bytes on node 1 flags: 0x2\n \
         memory[0x1]\t[0x0000000000008000-0x0000000000008fff], 0x0000000000001000 bytes flags: 0x0\n"
    );
}
