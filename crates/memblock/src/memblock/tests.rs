//! Checks iterators and queries against the model, and the documented differences from Linux.

use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::{Model, UNIT, UNITS, any_flags, any_node, any_region, runs};
use crate::{PfnRange, RegionFlags, Selection};

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

struct Machine {
    memblock: Memblock<'static>,
    memory: Model,
    reserved: Model,
    physmem: Model,
}

fn any_machine() -> impl Strategy<Value = Machine> {
    (vec(any_region(), 0..40), vec(any_region(), 0..40), vec(any_region(), 0..6), any::<bool>()).prop_map(
        |(memory, reserved, physmem, movable_node)| {
            let mut machine = Machine {
                // A page of two units: regions may end in the middle of one.
                memblock: Memblock::with_page_size(PageSize::new(2 * UNIT).unwrap()),
                memory: Model::new(),
                reserved: Model::new(),
                physmem: Model::new(),
            };
            let memblock = &mut machine.memblock;
            for table in [TableKind::Memory, TableKind::Reserved, TableKind::Physmem] {
                memblock.grow(table, std::vec![Chunk::EMPTY; 100].leak()).unwrap();
            }
            memblock.set_movable_node(movable_node);
            for region in memory {
                memblock.add_node(region).unwrap();
                machine.memory.change(region.range, |old| old.or(Some((region.node, region.flags))));
            }
            for region in reserved {
                memblock.reserve_region(region).unwrap();
                machine.reserved.change(region.range, |old| old.or(Some((region.node, region.flags))));
            }
            for region in physmem {
                memblock.physmem_add(region.range).unwrap();
                machine.physmem.change(region.range, |_| Some((None, RegionFlags::empty())));
            }
            machine
        },
    )
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.memblock.fmt(f)
    }
}

fn both_ways<T: PartialEq + core::fmt::Debug>(
    actual: impl DoubleEndedIterator<Item = T> + Clone,
    expected: &[T],
    picks: &[bool],
) {
    let forwards: Vec<T> = actual.clone().collect();
    assert_eq!(forwards, expected);
    let mut backwards: Vec<T> = actual.clone().rev().collect();
    backwards.reverse();
    assert_eq!(backwards, expected);
    let (mut actual, mut front, mut back) = (actual, Vec::new(), Vec::new());
    for pick in picks.iter().cycle() {
        let (item, list) = if *pick { (actual.next(), &mut front) } else { (actual.next_back(), &mut back) };
        match item {
            Some(item) => list.push(item),
            None => break,
        }
    }
    front.extend(back.into_iter().rev());
    assert_eq!(front, expected);
}

/// Runs of units with the same owner, as regions, without those that `cut` takes away.
fn pieces(memory: &Model, shown: impl Fn(Region) -> bool, cut: impl Fn(usize) -> bool) -> Vec<Region> {
    let owner = |unit: usize| memory.at(unit).filter(|_| !cut(unit));
    runs(owner)
        .into_iter()
        .filter_map(|(range, owner)| owner.map(|(node, flags)| Region { range, node, flags }))
        .filter(|region| shown(*region))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_walk_agrees_with_the_model_from_either_end(
        machine in any_machine(),
        node in any_node(),
        flags in any_flags(),
        picks in vec(any::<bool>(), 1..9),
    ) {
        let Machine { memblock, memory, reserved, physmem } = &machine;
        let selection = Selection { node, flags };
        let shown = |region: Region| selection.shows(&region, memblock.movable_node());
        let is_reserved = |unit: usize| reserved.at(unit).is_some();
        both_ways(memblock.memory_ranges(selection), &pieces(memory, shown, |_| false), &picks);
        both_ways(memblock.free_ranges(selection), &pieces(memory, shown, is_reserved), &picks);
        both_ways(memblock.reserved_ranges(), &reserved.regions(), &picks);
        let is_memory = |unit: usize| memory.at(unit).is_some();
        both_ways(memblock.physmem_ranges(TableKind::Memory), &pieces(physmem, |_| true, is_memory), &picks);

        let pages = memory.regions().into_iter().filter(|region| node.is_none() || region.node == node);
        let pages: Vec<_> = pages.map(|region| PfnRange {
            start: region.range.start().div_ceil(2 * UNIT),
            end: region.range.end() / (2 * UNIT),
            node: region.node,
        }).filter(|pages| pages.start < pages.end).collect();
        both_ways(memblock.memory_pfn_ranges(node), &pages, &picks);
    }

    #[test]
    fn sizes_and_coverage_are_counted_exactly(machine in any_machine(), cut in crate::model::any_range()) {
        let Machine { mut memblock, memory, reserved, .. } = machine;
        let count = |shown: &dyn Fn(usize) -> bool| (0..UNITS).filter(|unit| shown(*unit)).count() as u64 * UNIT;
        let (has, taken) = (|unit: usize| memory.at(unit).is_some(), |unit: usize| reserved.at(unit).is_some());
        prop_assert_eq!(memblock.memory_size(), count(&has));
        prop_assert_eq!(memblock.reserved_size(), count(&taken));
        prop_assert_eq!(memblock.free_size(), count(&|unit| has(unit) && !taken(unit)));
        for unit in 0..UNITS {
            let (address, owner) = (unit as u64 * UNIT, memory.at(unit));
            prop_assert_eq!(memblock.is_memory(address), owner.is_some());
            prop_assert_eq!(memblock.is_reserved(address), taken(unit));
            let is_mapped = owner.is_some_and(|(_, flags)| !flags.contains(RegionFlags::NOMAP));
            prop_assert_eq!(memblock.is_map_memory(address), is_mapped);
        }
        let nodeless = memblock.nodeless_size();
        prop_assert!(memblock.validate_numa_coverage(nodeless));
        prop_assert!(nodeless == 0 || !memblock.validate_numa_coverage(nodeless - 1));
        let in_cut = |unit: usize| cut.contains(unit as u64 * UNIT) && has(unit);
        let removed = memblock.remove(cut).unwrap();
        prop_assert_eq!(removed.size, count(&in_cut));
        prop_assert_eq!(removed.still_reserved, count(&|unit| in_cut(unit) && taken(unit)));
    }
}

#[test]
fn a_range_is_memory_across_different_regions_that_touch() {
    let mut memblock = Memblock::new();
    memblock.add(r(0, 0x8000)).unwrap();
    memblock.mark_hotplug(r(0x4000, 0x8000)).unwrap();
    assert!(memblock.is_region_memory(r(0x2000, 0x6000)));
    assert!(!memblock.is_region_memory(r(0x2000, 0x8001)));
}

#[test]
fn an_empty_map_has_neither_a_start_nor_an_end() {
    let memblock = Memblock::new();
    assert_eq!((memblock.start_of_dram(), memblock.end_of_dram()), (None, None));
    assert_eq!(memblock.memory_ranges(Selection::ANY).next_back(), None);
    assert_eq!(memblock.free_size(), 0);
}

#[test]
fn each_mark_sets_its_own_attribute_and_each_clear_removes_it() {
    type Call = fn(&mut Memblock<'static>, PhysRange) -> Result<(), MemblockError>;
    let marks: [(Call, Option<Call>, RegionFlags); 4] = [
        (Memblock::mark_hotplug, Some(Memblock::clear_hotplug), RegionFlags::HOTPLUG),
        (Memblock::mark_nomap, Some(Memblock::clear_nomap), RegionFlags::NOMAP),
        (Memblock::mark_kho_scratch, Some(Memblock::clear_kho_scratch), RegionFlags::KHO_SCRATCH),
        (Memblock::mark_mirror, None, RegionFlags::MIRROR),
    ];
    for (mark, clear, flag) in marks {
        let mut memblock = Memblock::new();
        memblock.set_mirrored_kernelcore(true);
        memblock.add(r(0, 0x8000)).unwrap();
        mark(&mut memblock, r(0x4000, 0x5000)).unwrap();
        assert_eq!(memblock.memory().region_at(0x4000).unwrap().flags, flag);
        assert_eq!(memblock.memory().len(), 3);
        if let Some(clear) = clear {
            clear(&mut memblock, r(0, 0x8000)).unwrap();
            assert_eq!(memblock.memory().len(), 1);
        }
    }
}

#[test]
fn marks_on_reservations_leave_memory_alone() {
    let mut memblock = Memblock::new();
    memblock.add(r(0, 0x8000)).unwrap();
    memblock.reserve(r(0, 0x8000)).unwrap();
    memblock.reserved_mark_noinit(r(0, 0x1000)).unwrap();
    memblock.reserved_mark_kern(r(0x1000, 0x2000)).unwrap();
    assert_eq!((memblock.memory().len(), memblock.reserved().len()), (1, 3));
}

#[test]
fn nodes_are_set_only_in_the_table_that_is_named() {
    let mut memblock = Memblock::new();
    memblock.add(r(0, 0x8000)).unwrap();
    memblock.reserve(r(0, 0x8000)).unwrap();
    memblock.set_node(TableKind::Reserved, r(0, 0x1000), NodeId::new(3)).unwrap();
    assert_eq!(memblock.memory().region_at(0).unwrap().node, None);
    assert_eq!(memblock.reserved().region_at(0).unwrap().node, NodeId::new(3));
}

#[test]
fn trimming_keeps_the_total_exact() {
    let mut memblock = Memblock::new();
    memblock.add(r(0x800, 0x3800)).unwrap();
    assert_eq!(memblock.trim_memory(0x1000), 0x1000);
    assert_eq!(memblock.memory_size(), 0x2000);
}
