//! Tables that grow into the memory they manage, with a buffer as RAM.
#![allow(unsafe_code)]
// Tests may panic, in their helpers too.
#![allow(clippy::unwrap_used)]

use std::ptr::NonNull;

use memblock::{
    AllocFailure, Chunk, DirectMap, HandOver, Memblock, MemblockError, NodeId, PhysRange, Region,
    RegionFlags, Request, TableKind,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Where the RAM is that can really be written.
const RAM: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

fn page(number: u64) -> PhysRange {
    PhysRange::from_size(number * PAGE, PAGE).unwrap()
}

/// A machine with `size` bytes of memory at [`RAM`], the only place where tables can grow.
fn machine(size: u64) -> Memblock<'static> {
    let buffer = vec![0_u64; usize::try_from(size / 8).unwrap()].leak();
    let (first, ram) = (NonNull::from(buffer).cast::<u8>(), r(RAM, RAM + size));
    // A pointer is not Sync; its address is, and its provenance is exposed for the way back.
    let address = first.as_ptr().expose_provenance();
    let map = move |range: PhysRange| {
        let offset = usize::try_from(range.start() - ram.start()).unwrap();
        let pointer = std::ptr::with_exposed_provenance_mut(address + offset);
        NonNull::new(pointer).filter(|_| ram.encloses(range))
    };
    let mut memblock = Memblock::new();
    memblock.add(ram).unwrap();
    // SAFETY: the buffer is leaked, so it lives forever; nothing else uses it; offsets differ.
    memblock.allow_growth(unsafe { DirectMap::new(Box::leak(Box::new(map))) });
    memblock
}

#[test]
fn a_table_takes_free_memory_from_the_top_and_reserves_it() {
    let mut memblock = machine(0x10_0000);
    for number in 0x200..0x400 {
        memblock.reserve(page(number * 2)).unwrap();
    }
    let own: Vec<PhysRange> = memblock.own_memory().collect();
    assert_eq!(own.last().unwrap().end(), RAM + 0x10_0000);
    assert!(own.iter().all(|range| memblock.is_region_reserved(*range)));
    assert_eq!(memblock.reserved().len(), 512 + own.len());
    assert!(memblock.reserved().is_consistent());
}

#[test]
fn bottom_up_a_table_takes_memory_from_the_bottom() {
    let mut memblock = machine(0x10_0000);
    memblock.set_bottom_up(true);
    for number in 0x200..0x280 {
        memblock.reserve(page(number * 2)).unwrap();
    }
    assert_eq!(memblock.own_memory().next().unwrap().start(), RAM);
}

#[test]
fn a_table_never_grows_into_what_is_being_reserved_or_removed_or_marked() {
    type Change = fn(&mut Memblock<'static>, PhysRange);
    let upper = r(RAM + 0x8_0000, RAM + 0x10_0000);
    let changes: [Change; 3] = [
        |memblock, range| {
            memblock.reserve(range).unwrap();
        },
        |memblock, range| {
            let _ = memblock.remove(range).unwrap();
        },
        |memblock, range| memblock.mark_nomap(range).unwrap(),
    ];
    for change in changes {
        let mut memblock = machine(0x10_0000);
        memblock.reserve(r(0, RAM)).unwrap();
        // All places of both tables are taken, but none has grown yet.
        for number in 0..62 {
            memblock.reserve(page(0x1000 + number * 2)).unwrap();
            memblock.add(page(0x1000 + number * 2)).unwrap();
        }
        assert_eq!((memblock.reserved().room(), memblock.memory().room()), (0, 0));
        assert_eq!(memblock.own_memory().count(), 0);
        let inner = r(upper.start() + PAGE, upper.end() - PAGE);
        change(&mut memblock, inner);
        let own: Vec<PhysRange> = memblock.own_memory().collect();
        assert!(!own.is_empty());
        assert!(own.iter().all(|own| !own.overlaps(inner) && memblock.is_region_memory(*own)));
    }
}

#[test]
fn without_free_memory_a_change_fails_and_changes_nothing() {
    let mut memblock = machine(0x10_0000);
    memblock.reserve(r(RAM, RAM + 0x10_0000)).unwrap();
    let error = (0x200..).find_map(|number| memblock.reserve(page(number * 2)).err()).unwrap();
    assert!(matches!(error, MemblockError::CannotGrow { table: TableKind::Reserved, .. }), "{error}");
    let before: Vec<Region> = memblock.reserved().iter().collect();
    assert!(memblock.reserve(page(0x2000)).is_err());
    assert!(memblock.reserved().iter().eq(before.iter().copied()));
    // With one region gone, there is room again.
    memblock.free(before[5].range).unwrap();
    memblock.reserve(page(0x2000)).unwrap();
    let request = Request { align: PAGE, ..Request::new(PAGE) };
    assert!(matches!(memblock.alloc(&request).unwrap_err().failure, AllocFailure::NoSpace(_)));
}

#[test]
fn memory_that_is_not_mapped_is_reported_and_not_used() {
    let mut memblock = machine(0x10_0000);
    memblock.add(r(0x1000_0000, 0x2000_0000)).unwrap();
    let error = (0x200..).find_map(|number| memblock.reserve(page(number * 2)).err()).unwrap();
    assert!(matches!(error, MemblockError::NotMapped { table: TableKind::Reserved, .. }), "{error}");
    assert_eq!(memblock.own_memory().count(), 0);
    // There is no such memory below a limit like the one a kernel sets to what it has mapped.
    memblock.set_current_limit(RAM + 0x10_0000);
    memblock.reserve(page(0x8000)).unwrap();
}

#[test]
fn own_tables_are_neither_freed_nor_removed_nor_cut_off() {
    let mut memblock = machine(0x10_0000);
    for number in 0x200..0x300 {
        memblock.reserve(page(number * 2)).unwrap();
    }
    let own = memblock.own_memory().next().unwrap();
    let in_use = |result: Result<(), MemblockError>| matches!(result, Err(MemblockError::InUse { .. }));
    assert!(in_use(memblock.free(own).map(drop)));
    assert!(in_use(memblock.free(r(0, u64::MAX)).map(drop)));
    assert!(in_use(memblock.remove(own).map(drop)));
    assert!(in_use(memblock.cap_memory_range(r(0, own.start())).map(drop)));
    assert!(in_use(memblock.enforce_memory_limit(PAGE).map(drop)));
    assert!(in_use(memblock.mem_limit_remove_map(PAGE).map(drop)));
    assert!(memblock.own_memory().any(|range| range == own) && memblock.is_region_memory(own));
}

#[test]
fn freeing_finds_room_for_every_cut() {
    let mut memblock = machine(0x20_0000);
    memblock.reserve(r(RAM, RAM + 0x10_0000)).unwrap();
    // One region becomes 128, without an addition in between.
    for number in (RAM / PAGE..RAM / PAGE + 0x100).step_by(2) {
        assert_eq!(memblock.free(page(number)), Ok(PAGE));
    }
    assert!(memblock.reserved().has_spare());
}

#[test]
fn the_hand_over_returns_everything_except_reservations_and_tables() {
    let mut memblock = machine(0x80_0000);
    for node in 0..32 {
        let range = PhysRange::from_size(RAM + node * 0x2_0000, 0x2_0000).unwrap();
        let node = NodeId::new(u32::try_from(node % 2).unwrap());
        memblock.set_node(TableKind::Memory, range, node).unwrap();
    }
    memblock.reserve(r(RAM, RAM + 0x20_0000)).unwrap();
    memblock.mark_hotplug(r(RAM, RAM + 0x8000)).unwrap();
    for number in 0x1000..0x1040 {
        memblock.reserve(page(number * 2)).unwrap();
    }
    let (memory, mut handed) = (memblock.memory_size(), 0);
    for block in memblock.free_all(HandOver::default()).unwrap() {
        assert_eq!(block.pfn % block.pages(), 0);
        handed += block.pages() * PAGE;
    }
    let taken: u64 = memblock.own_memory().map(PhysRange::size).sum();
    assert_eq!(handed, memory - 0x20_0000 - taken);
    assert!(memblock.memory().iter().all(|region| !region.flags.contains(RegionFlags::HOTPLUG)));
    assert_eq!(memblock.reserved_pages().map(|region| region.node).collect::<Vec<_>>().len(), 16 + 64 + 1);
}

#[test]
fn a_refusal_for_lack_of_memory_leaves_no_growth_behind() {
    // From too little for one table to enough for both, with every place taken.
    for pages in 1..24 {
        let mut memblock = machine(pages * PAGE);
        for number in 0..62 {
            memblock.add(page(0x1000 + number * 2)).unwrap();
        }
        while memblock.reserved().room() > 0 {
            memblock.reserve(page(0x1000 + memblock.reserved().len() as u64 * 2)).unwrap();
        }
        let before = (memblock.own_memory().count(), memblock.reserved_size(), memblock.memory_size());
        let added = memblock.add(page(0x2000));
        let after = (memblock.own_memory().count(), memblock.reserved_size(), memblock.memory_size());
        match added {
            Ok(_) => assert!(after.0 > 0 && memblock.memory().is_consistent()),
            Err(error) => {
                assert!(matches!(error, MemblockError::CannotGrow { .. }), "{error}");
                assert_eq!(after, before, "{pages} pages");
            }
        }
    }
}

#[test]
fn after_the_hand_over_no_table_grows() {
    let mut memblock = machine(0x10_0000);
    assert!(memblock.free_all(HandOver::default()).unwrap().next().is_some());
    let error = (0x200..).find_map(|number| memblock.reserve(page(number * 2)).err()).unwrap();
    assert!(matches!(error, MemblockError::Full { table: TableKind::Reserved, .. }), "{error}");
    assert_eq!(memblock.own_memory().count(), 0);
}

#[test]
fn a_hand_over_without_room_for_nodes_changes_nothing_and_one_that_needs_none_succeeds() {
    for (regions, fillers) in [(4, 63), (8, 63), (16, 63), (1, 63)] {
        for chunks in 0..8 {
            let mut memblock = Memblock::new();
            memblock.grow(TableKind::Reserved, vec![Chunk::EMPTY; chunks].leak()).unwrap();
            for node in 0..regions {
                let range = PhysRange::from_size(RAM + node * 0x1_0000, 0x1_0000).unwrap();
                let node = NodeId::new(u32::try_from(node % 2).unwrap());
                memblock.add_node(Region { node, ..Region::plain(range) }).unwrap();
            }
            let mut number = 0x1000;
            let mut add = |memblock: &mut Memblock<'_>| {
                number += 2;
                memblock.reserve(page(number)).is_ok()
            };
            memblock.reserve(r(RAM, RAM + regions * 0x1_0000)).unwrap();
            for _ in 0..fillers {
                add(&mut memblock);
            }
            let before: Vec<Region> = memblock.reserved().iter().collect();
            let is_done = memblock.free_all(HandOver::default()).is_ok();
            assert!(is_done || memblock.reserved().iter().eq(before), "{regions} regions, {chunks} chunks");
            assert!(is_done || regions > 1);
        }
    }
}

#[test]
fn a_change_of_attributes_may_grow_into_its_own_range() {
    let mut memblock = machine(0x10_0000);
    for number in 0..62 {
        memblock.add(page(0x1000 + number * 2)).unwrap();
    }
    memblock.set_node(TableKind::Memory, r(RAM + PAGE, u64::MAX), NodeId::new(1)).unwrap();
    memblock.mark_hotplug(r(RAM + PAGE, u64::MAX)).unwrap();
    assert!(memblock.own_memory().count() > 0);
    let own = memblock.own_memory().next().unwrap();
    assert!(matches!(memblock.mark_nomap(own), Err(MemblockError::InUse { .. })));
}

#[derive(Clone, Debug)]
enum Step {
    Add(PhysRange, u32),
    Remove(PhysRange),
    Reserve(PhysRange),
    Free(PhysRange),
    Mark(PhysRange),
}

fn any_step() -> impl Strategy<Value = Step> {
    // Far from the memory that tables grow into, so that both machines have the same regions.
    let range = (0x1_0000_u64..0x1_4000, 1..12_u64)
        .prop_map(|(start, pages)| PhysRange::from_size(start * PAGE, pages * PAGE).unwrap());
    prop_oneof![
        4 => (range.clone(), 0..3_u32).prop_map(|(range, node)| Step::Add(range, node)),
        1 => range.clone().prop_map(Step::Remove),
        4 => range.clone().prop_map(Step::Reserve),
        1 => range.clone().prop_map(Step::Free),
        1 => range.prop_map(Step::Mark),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn a_machine_that_grows_by_itself_equals_one_with_room_from_the_start(
        steps in vec(any_step(), 1..2500),
    ) {
        let mut grown = machine(0x80_0000);
        grown.set_current_limit(RAM + 0x80_0000);
        let mut roomy = machine(0x80_0000);
        for table in [TableKind::Memory, TableKind::Reserved] {
            roomy.grow(table, vec![Chunk::EMPTY; 1000].leak()).unwrap();
        }
        for step in steps {
            for memblock in [&mut grown, &mut roomy] {
                match step {
                    Step::Add(range, node) => {
                        let node = NodeId::new(node);
                        memblock.add_node(Region { node, ..Region::plain(range) }).unwrap();
                    }
                    Step::Remove(range) => drop(memblock.remove(range).unwrap()),
                    Step::Reserve(range) => drop(memblock.reserve(range).unwrap()),
                    Step::Free(range) => drop(memblock.free(range).unwrap()),
                    Step::Mark(range) => memblock.mark_nomap(range).unwrap(),
                }
            }
        }
        prop_assert_eq!(roomy.own_memory().count(), 0);
        prop_assert!(grown.memory().iter().eq(roomy.memory().iter()));
        let others = grown.reserved().iter().filter(|region| region.range.start() >= 0x1_0000 * PAGE);
        prop_assert!(others.eq(roomy.reserved().iter()));
        prop_assert!(grown.memory().is_consistent() && grown.reserved().is_consistent());
        let mut own: Vec<PhysRange> = grown.own_memory().collect();
        own.dedup_by(|b, a| a.overlaps(*b));
        prop_assert_eq!(own.len(), grown.own_memory().count());
    }
}
