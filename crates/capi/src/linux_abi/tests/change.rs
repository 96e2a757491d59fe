//! Checks that changes to a flat array, piece by piece, have the same result as on a whole table.

use super::*;
use crate::linux_abi::lend;

#[derive(Clone, Debug)]
enum Op {
    Add(Region),
    /// Many small regions, more than fit into one table on the stack.
    AddComb(Region),
    Remove(PhysRange),
    SetFlags(PhysRange, RegionFlags),
    ClearFlags(PhysRange, RegionFlags),
    SetNode(PhysRange, Option<NodeId>),
    Trim(u64),
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => any_region().prop_map(Op::Add),
        3 => any_region().prop_map(Op::AddComb),
        3 => any_range().prop_map(Op::Remove),
        3 => (any_range(), any_flags()).prop_map(|(range, flags)| Op::SetFlags(range, flags)),
        2 => (any_range(), any_flags()).prop_map(|(range, flags)| Op::ClearFlags(range, flags)),
        3 => (any_range(), any_node()).prop_map(|(range, node)| Op::SetNode(range, node)),
        1 => (1..3 * UNIT).prop_map(Op::Trim),
    ]
}

/// Every other unit of a range.
fn comb(region: Region) -> impl Iterator<Item = Region> {
    let starts = (region.range.start()..region.range.end()).step_by(2 * 0x400);
    starts.map(move |start| Region { range: r(start, start + UNIT), ..region })
}

fn on_array(world: &mut World, op: &Op) {
    let mut linux = world.linux();
    match *op {
        Op::Add(region) => linux.add(Kind::Memory, Some(region)),
        Op::AddComb(region) => comb(region).try_for_each(|part| linux.add(Kind::Memory, Some(part))),
        Op::Remove(range) => linux.remove(Some(range)),
        Op::SetFlags(range, flags) => linux.set_flags(Kind::Memory, Some(range), flags),
        Op::ClearFlags(range, flags) => linux.clear_flags(Some(range), flags),
        Op::SetNode(range, node) => linux.set_node(Kind::Memory, Some(range), node),
        Op::Trim(align) => lend::trim(&mut linux.public.memory, align),
    }
    .unwrap();
}

fn on_table(table: &mut RegionTable<'_>, op: &Op) {
    match *op {
        Op::Add(region) => table.add(region).map(drop),
        Op::AddComb(region) => comb(region).try_for_each(|part| table.add(part).map(drop)),
        Op::Remove(range) => table.remove(range).map(drop),
        Op::SetFlags(range, flags) => table.set_flags(range, flags),
        Op::ClearFlags(range, flags) => table.clear_flags(range, flags),
        Op::SetNode(range, node) => table.set_node(range, node),
        Op::Trim(align) => {
            table.trim(align);
            Ok(())
        }
    }
    .unwrap();
}

/// Checks that the regions and their total size are those of the table.
fn check(world: &World, table: &RegionTable<'_>) {
    let memory = &world.public.memory;
    assert_eq!(regions(memory), table.iter().collect::<Vec<_>>());
    assert_eq!((memory.count(), memory.total_size()), (table.len(), table.total_size()));
}

proptest! {
    #[test]
    fn an_array_holds_the_same_regions_as_a_whole_table(ops in prop::collection::vec(any_op(), 1..40)) {
        let (mut world, mut table) = (World::new(2000), RegionTable::new());
        table.grow(chunks()).unwrap();
        for op in &ops {
            on_array(&mut world, op);
            on_table(&mut table, op);
            check(&world, &table);
        }
    }

    #[test]
    fn regions_that_c_code_left_unmerged_unsorted_or_empty_do_no_harm(
        records in prop::collection::vec((0..50_u64, 0..9_u64), 1..100),
        ops in prop::collection::vec(any_op(), 1..10),
    ) {
        let mut world = World::new(2000);
        let count = records.len();
        let records = records.into_iter().map(|(base, size)| Record { base: base * UNIT, size, flags: 0, nid: 0 });
        world.public.memory.splice(0..0, records, count).unwrap();
        for op in &ops {
            // At most an error, NotSorted.
            let mut linux = world.linux();
            if let Op::Add(region) = op {
                let _ = linux.add(Kind::Memory, Some(*region));
            } else if let Op::Remove(range) = op {
                let _ = linux.remove(Some(*range));
            }
        }
    }
}

#[test]
fn every_gap_in_a_full_loan_can_fill_with_a_region_that_does_not_merge() {
    let (mut world, mut table) = (World::new(2000), RegionTable::new());
    table.grow(chunks()).unwrap();
    let hotplug = Region { flags: RegionFlags::HOTPLUG, ..Region::plain(r(0, 400 * UNIT)) };
    for op in [Op::AddComb(Region::plain(r(UNIT, 300 * UNIT))), Op::Add(hotplug)] {
        on_array(&mut world, &op);
        on_table(&mut table, &op);
        check(&world, &table);
    }
    assert_eq!(world.public.memory.count(), 301);
}

#[test]
fn a_reset_as_in_linuxs_own_tests_is_noticed() {
    let mut world = World::new(128);
    for page in 0..100_u64 {
        let range = r(page * 0x2000, page * 0x2000 + 0x1000);
        world.linux().add(Kind::Memory, Some(Region::plain(range))).unwrap();
    }
    // memset, cnt = 0, total_size = 0.
    let count = world.public.memory.count();
    world.public.memory.splice(0..count, core::iter::empty(), 0).unwrap();
    world.linux().add(Kind::Memory, Some(Region::plain(r(0x1000, 0x3000)))).unwrap();
    assert_eq!(regions(&world.public.memory), [Region::plain(r(0x1000, 0x3000))]);
    assert_eq!(world.public.memory.total_size(), 0x2000);
}

#[test]
fn records_after_the_last_region_are_vacant() {
    let mut world = World::new(128);
    world.linux().add(Kind::Memory, nid::region(0x1000, 0x1000, 1, 1)).unwrap();
    world.linux().remove(nid::range(0, u64::MAX)).unwrap();
    assert_eq!((world.public.memory.count(), world.public.memory.total_size()), (0, 0));
    // SAFETY: the array has 128 records.
    assert_eq!(unsafe { *world.state.first_arrays[0] }, Record::VACANT);
}

#[test]
fn empty_regions_do_nothing_and_the_last_byte_is_left_out() {
    let mut world = World::new(128);
    world.linux().add(Kind::Memory, nid::region(0x1000, 0, 0, 0)).unwrap();
    world.linux().add(Kind::Memory, nid::region(u64::MAX, 5, 0, 0)).unwrap();
    assert_eq!(world.public.memory.count(), 0);
    world.linux().add(Kind::Memory, nid::region(u64::MAX - 0xfff, 0x10000, 0, 0)).unwrap();
    assert_eq!(world.public.memory.records()[0].end(), u64::MAX);
}

#[test]
fn two_ways_to_say_no_node_do_not_merge() {
    let mut world = World::new(128);
    world.linux().add(Kind::Memory, nid::region(0, 0x1000, config::MAX_NUMNODES, 0)).unwrap();
    world.linux().add(Kind::Memory, nid::region(0x1000, 0x1000, nid::NO_NODE, 0)).unwrap();
    let nids: Vec<i32> = world.public.memory.records().iter().map(|record| record.nid).collect();
    assert_eq!(nids, [config::MAX_NUMNODES, nid::NO_NODE]);
}
