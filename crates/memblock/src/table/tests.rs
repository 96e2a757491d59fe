//! Checks random sequences of all operations against the model.

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::model::{Model, UNIT, UNITS, any_flags, any_node, any_range, any_region, range, runs};
use crate::{NodeId, Region, RegionFlags};

#[derive(Clone, Debug)]
enum Op {
    Add(Region),
    /// A region on every other unit of a range, so that a few steps make a deep tree.
    AddComb(Region),
    AddAll(Vec<Region>),
    Remove(PhysRange),
    RemoveComb(PhysRange),
    SetFlags(PhysRange, RegionFlags),
    ClearFlags(PhysRange, RegionFlags),
    SetNode(PhysRange, Option<NodeId>),
    Trim(u64),
    Clear,
    Grow(usize),
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => any_region().prop_map(Op::Add),
        3 => any_region().prop_map(Op::AddComb),
        2 => prop::collection::vec(any_region(), 0..100).prop_map(|mut regions| {
            regions.sort_by_key(|region| region.range.start());
            // An error identifies its region by the range.
            regions.dedup_by_key(|region| region.range);
            Op::AddAll(regions)
        }),
        6 => any_range().prop_map(Op::Remove),
        2 => any_range().prop_map(Op::RemoveComb),
        3 => (any_range(), any_flags()).prop_map(|(range, flags)| Op::SetFlags(range, flags)),
        3 => (any_range(), any_flags()).prop_map(|(range, flags)| Op::ClearFlags(range, flags)),
        3 => (any_range(), any_node()).prop_map(|(range, node)| Op::SetNode(range, node)),
        1 => (1..4_u64).prop_map(|units| Op::Trim(units * UNIT)),
        1 => Just(Op::Clear),
        2 => (0..9_usize).prop_map(Op::Grow),
    ]
}

fn chunks(count: usize) -> &'static mut [Chunk] {
    Box::leak(std::vec![Chunk::EMPTY; count].into_boxed_slice())
}

fn comb(range: PhysRange) -> impl Iterator<Item = PhysRange> {
    (range.start()..range.end())
        .step_by(2 * usize::try_from(UNIT).unwrap())
        .map(|start| PhysRange::from_size(start, UNIT).unwrap())
}

/// Applies `op` to both; to neither if the table is full.
fn apply(table: &mut RegionTable<'static>, model: &mut Model, op: &Op) -> Result<(), TableFull> {
    let keep_or = |region: &Region| {
        let new = (region.node, region.flags);
        move |owner: Option<_>| owner.or(Some(new))
    };
    let before = model.size();
    match op {
        Op::Add(region) => {
            let added = table.add(*region)?;
            model.change(region.range, keep_or(region));
            assert_eq!(added, model.size() - before);
        }
        Op::AddComb(region) => {
            for range in comb(region.range) {
                table.add(Region { range, ..*region })?;
                model.change(range, keep_or(region));
            }
        }
        Op::Remove(range) => {
            let removed = table.remove(*range)?;
            model.change(*range, |_| None);
            assert_eq!(removed, before - model.size());
        }
        Op::AddAll(regions) => {
            let mut added = 0;
            let counted = regions.iter().inspect(|_| added += 1).copied();
            let result = table.add_all(counted);
            // The region that did not fit was taken from the iterator, and one more may have been.
            let fitted = result.map_or_else(
                |full| regions.iter().position(|region| region.range == full.range).unwrap(),
                |()| regions.len(),
            );
            assert!(fitted <= added);
            for region in &regions[..fitted] {
                model.change(region.range, keep_or(region));
            }
            result?;
        }
        Op::RemoveComb(range) => {
            for range in comb(*range) {
                table.remove(range)?;
                model.change(range, |_| None);
            }
        }
        Op::SetFlags(range, flags) => {
            table.set_flags(*range, *flags)?;
            model.change(*range, |owner| owner.map(|(node, old)| (node, old | *flags)));
        }
        Op::ClearFlags(range, flags) => {
            table.clear_flags(*range, *flags)?;
            model.change(*range, |owner| owner.map(|(node, old)| (node, old.difference(*flags))));
        }
        Op::SetNode(range, node) => {
            table.set_node(*range, *node)?;
            model.change(*range, |owner| owner.map(|(_, flags)| (*node, flags)));
        }
        Op::Trim(align) => {
            let removed = table.trim(*align);
            let regions = model.regions();
            model.change(range(0, UNITS), |_| None);
            for region in regions {
                if let Some(kept) = region.range.shrink_to_multiples(*align) {
                    model.change(kept, |_| Some((region.node, region.flags)));
                }
            }
            assert_eq!(removed, before - model.size());
        }
        Op::Clear => {
            table.clear();
            model.change(range(0, UNITS), |_| None);
        }
        Op::Grow(count) => drop(table.grow(chunks(*count))),
    }
    Ok(())
}

fn check(table: &RegionTable<'_>, model: &Model) {
    let expected = model.regions();
    assert!(table.is_consistent(), "broken:\n{table:?}");
    assert_eq!(table.iter().collect::<Vec<_>>(), expected, "\n{table:?}");
    let mut backwards: Vec<_> = table.iter().rev().collect();
    backwards.reverse();
    assert_eq!(backwards, expected, "\n{table:?}");
    assert_eq!((table.len(), table.total_size()), (expected.len(), model.size()), "\n{table:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn every_sequence_of_operations_leaves_the_table_equal_to_the_model(
        first in 0..40_usize,
        ops in prop::collection::vec(any_op(), 1..60),
    ) {
        let (mut table, mut model) = (RegionTable::new(), Model::new());
        table.grow(chunks(first)).unwrap();
        for op in &ops {
            // Whether it fitted or not, table and model must agree.
            let _ = apply(&mut table, &mut model, op);
            check(&table, &model);
        }
    }

    #[test]
    fn a_request_succeeds_with_the_chunks_its_error_asked_for(
        ops in prop::collection::vec(any_op(), 1..60),
    ) {
        let (mut table, mut model) = (RegionTable::new(), Model::new());
        for op in ops.iter().filter(|op| !matches!(op, Op::Grow(_) | Op::AddComb(_) | Op::AddAll(_) | Op::RemoveComb(_))) {
            if let Err(full) = apply(&mut table, &mut model, op)
                && table.grow(chunks(full.chunks)).is_ok()
            {
                prop_assert!(full.chunks > 0);
                prop_assert_eq!(apply(&mut table, &mut model, op), Ok(()), "{:?} on\n{:?}", op, table);
            }
            check(&table, &model);
        }
    }

    #[test]
    fn the_first_removal_needs_no_memory_wherever_it_is(
        count in 0..30_usize,
        ops in prop::collection::vec(any_op(), 1..80),
        hole in any_range(),
    ) {
        let (mut table, mut model) = (RegionTable::new(), Model::new());
        table.grow(chunks(count)).unwrap();
        for op in ops.iter().filter(|op| !matches!(op, Op::Remove(_) | Op::RemoveComb(_))) {
            let _ = apply(&mut table, &mut model, op);
            prop_assert!(table.has_spare(), "after {:?}:\n{:?}", op, table);
        }
        prop_assert!(apply(&mut table, &mut model, &Op::Remove(hole)).is_ok(), "\n{:?}", table);
    }

    #[test]
    fn with_spare_room_a_removal_needs_no_memory_wherever_it_is(
        count in 0..30_usize,
        ops in prop::collection::vec((any_op(), any_range()), 1..80),
    ) {
        let (mut table, mut model) = (RegionTable::new(), Model::new());
        table.grow(chunks(count)).unwrap();
        for (op, hole) in &ops {
            let _ = apply(&mut table, &mut model, op);
            if table.has_spare() {
                prop_assert!(apply(&mut table, &mut model, &Op::Remove(*hole)).is_ok(), "\n{:?}", table);
            }
        }
    }

    #[test]
    fn room_is_the_number_of_additions_that_succeed_wherever_they_are(
        count in 0..40_usize,
        ops in prop::collection::vec(any_op(), 1..20),
        units in prop::collection::vec(0..UNITS, 1..300),
    ) {
        let (mut table, mut model) = (RegionTable::new(), Model::new());
        table.grow(chunks(count)).unwrap();
        for op in &ops {
            let _ = apply(&mut table, &mut model, op);
        }
        let room = table.room();
        for unit in units.into_iter().take(room) {
            prop_assert!(table.add(Region::plain(range(unit, unit + 1))).is_ok(), "{} in\n{:?}", room, table);
        }
    }

    #[test]
    fn queries_and_seeks_agree_with_the_model(
        ops in prop::collection::vec(any_op(), 1..30),
        asked in prop::collection::vec(any_range(), 1..40),
    ) {
        let (mut table, mut model) = (RegionTable::new(), Model::new());
        table.grow(chunks(200)).unwrap();
        for op in &ops {
            let _ = apply(&mut table, &mut model, op);
        }
        let regions = model.regions();
        for range in asked {
            let address = range.start() + UNIT / 2;
            let holder = regions.iter().copied().find(|region| region.range.contains(address));
            prop_assert_eq!(table.region_at(address), holder);
            prop_assert_eq!(table.contains(address), holder.is_some());
            let overlapping: Vec<_> = regions.iter().copied().filter(|r| r.range.overlaps(range)).collect();
            prop_assert_eq!(table.overlaps(range), !overlapping.is_empty());
            prop_assert_eq!(&table.overlapping(range).collect::<Vec<_>>(), &overlapping);
            let mut backwards: Vec<_> = table.overlapping(range).rev().collect();
            backwards.reverse();
            prop_assert_eq!(backwards, overlapping);
            let from: Vec<_> = regions.iter().copied().filter(|r| r.range.end() > address).collect();
            prop_assert_eq!(table.iter_from(address).collect::<Vec<_>>(), from);
            let units = crate::model::units(range);
            let covered = units.clone().filter(|unit| model.at(*unit).is_some()).count();
            prop_assert_eq!(table.covers(range), covered == units.len());
            prop_assert_eq!(table.size_within(range), covered as u64 * UNIT);
        }
        prop_assert_eq!((table.first(), table.last()), (regions.first().copied(), regions.last().copied()));
    }

    #[test]
    fn gaps_found_by_size_agree_with_the_model_in_both_directions(
        ops in prop::collection::vec(any_op(), 1..30),
        asked in prop::collection::vec((any_range(), 0..12_u64), 1..40),
    ) {
        let (mut table, mut model) = (RegionTable::new(), Model::new());
        table.grow(chunks(200)).unwrap();
        for op in &ops {
            let _ = apply(&mut table, &mut model, op);
        }
        let all = runs(|unit| model.at(unit).is_some());
        for (within, size) in asked {
            let size = size * UNIT;
            let expected: Vec<_> = all.iter().filter(|(_, owned)| !owned)
                .filter_map(|(gap, _)| gap.intersect(within))
                .filter(|gap| gap.size() >= size)
                .collect();
            prop_assert_eq!(table.gaps(within, size).collect::<Vec<_>>(), expected.clone(), "\n{:?}", table);
            let mut backwards: Vec<_> = table.gaps(within, size).rev().collect();
            backwards.reverse();
            prop_assert_eq!(backwards, expected, "\n{:?}", table);
        }
    }
}

#[test]
fn ascending_additions_leave_the_chunks_full() {
    let mut table = RegionTable::new();
    table.grow(chunks(100)).unwrap();
    for unit in 0..UNITS / 2 {
        table.add(Region::plain(range(2 * unit, 2 * unit + 1))).unwrap();
    }
    let used = table.chunks() - table.vacant_chunks();
    // 320 regions in 40 leaves of 8 under 5 chunks under the root.
    assert_eq!(used, 45);
}

#[test]
fn removing_all_regions_returns_all_chunks() {
    let mut table = RegionTable::new();
    table.grow(chunks(100)).unwrap();
    for unit in 0..UNITS / 2 {
        table.add(Region::plain(range(2 * unit, 2 * unit + 1))).unwrap();
    }
    table.remove(range(0, UNITS)).unwrap();
    assert_eq!((table.vacant_chunks(), table.len(), table.total_size()), (100, 0, 0));
}

#[test]
fn the_whole_address_space_fits() {
    let mut table = RegionTable::new();
    let all = PhysRange::from_size(0, u64::MAX).unwrap();
    assert_eq!(table.add(Region::plain(all)), Ok(u64::MAX));
    assert!(table.covers(all));
    assert_eq!(table.last_gap(all, 1), None);
    assert_eq!(table.remove(PhysRange::new(1, u64::MAX).unwrap()), Ok(u64::MAX - 1));
    assert_eq!(table.gaps(all, 0).count(), 1);
}
