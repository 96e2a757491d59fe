//! Checks allocation against the naive model, which looks at every free piece in order.

use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::{Model, UNIT, any_node, any_range, any_region, runs};
use crate::{AllocFailure, RegionFlags, Request};

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

struct Machine {
    memblock: Memblock<'static>,
    memory: Model,
    reserved: Model,
}

impl core::fmt::Debug for Machine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.memblock.fmt(f)
    }
}

fn any_machine() -> impl Strategy<Value = Machine> {
    let tables = (vec(any_region(), 0..30), vec(any_range(), 0..60));
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0..700_u64);
    (tables, switches).prop_map(|((memory, taken), (bottom_up, movable_node, mirror, scratch, limit))| {
        let mut machine = Machine {
            memblock: Memblock::with_page_size(PageSize::new(2 * UNIT).unwrap()),
            memory: Model::new(),
            reserved: Model::new(),
        };
        let memblock = &mut machine.memblock;
        for table in [TableKind::Memory, TableKind::Reserved] {
            memblock.grow(table, std::vec![Chunk::EMPTY; 100].leak()).unwrap();
        }
        memblock.set_bottom_up(bottom_up);
        memblock.set_movable_node(movable_node);
        memblock.set_mirrored_kernelcore(mirror);
        memblock.set_kho_scratch_only(scratch);
        memblock.set_current_limit(limit * UNIT);
        for region in memory {
            memblock.add_node(region).unwrap();
            machine.memory.change(region.range, |old| old.or(Some((region.node, region.flags))));
        }
        if mirror {
            memblock.mark_mirror(r(0, 1)).unwrap();
            machine.memory = Model::of(memblock.memory());
        }
        for range in taken {
            memblock.reserve(range).unwrap();
            machine.reserved.change(range, |_| Some((None, RegionFlags::empty())));
        }
        machine
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let min = prop_oneof![Just(0), 0..700_u64];
    let max = prop_oneof![Just(None), (0..700_u64).prop_map(Some)];
    // Whole units, so that the model can represent the reservation.
    let size = prop_oneof![4 => 1..6_u64, 1 => 1..100_u64].prop_map(|units| units * UNIT);
    (size, 0..16_u32, min, max, any_node(), any::<bool>(), any::<bool>()).prop_map(
        |(size, align, min, max, node, exact_node, min_is_optional)| Request {
            align: 1 << align,
            min: min * UNIT,
            max: max.map(|max| max * UNIT),
            node,
            exact_node,
            min_is_optional,
            ..Request::new(size)
        },
    )
}

impl Machine {
    /// The result of a search that looks at every piece.
    fn expected(&self, request: &Request) -> Option<PhysRange> {
        let Self { memblock, memory, reserved } = self;
        request.attempts(&memblock.search_settings()).find_map(|attempt| {
            let owner = |unit: usize| memory.at(unit).filter(|_| reserved.at(unit).is_none());
            let free = runs(owner).into_iter().filter_map(|(range, owner)| {
                let (node, flags) = owner?;
                let shown = attempt.selection.shows(&Region { range, node, flags }, memblock.movable_node());
                range.intersect(attempt.window).filter(|_| shown)
            });
            let mut fits =
                free.filter_map(|piece| memblock.direction.fit(piece, request.size, request.align));
            if memblock.bottom_up() { fits.next() } else { fits.next_back() }
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_first_fit_of_the_first_successful_search_is_returned_and_reserved(
        machine in any_machine(),
        requests in vec(any_request(), 1..20),
    ) {
        let mut machine = machine;
        for request in requests {
            let expected = machine.expected(&request);
            let found = machine.memblock.find(&request).ok();
            prop_assert_eq!(found, expected, "{:?}", request);
            prop_assert_eq!(machine.memblock.alloc(&request).ok(), expected);
            if expected.is_some() {
                machine.reserved = Model::of(machine.memblock.reserved());
                prop_assert!(machine.memblock.reserved().is_consistent());
            }
        }
    }

    #[test]
    fn a_refusal_accounts_for_every_byte_and_names_the_largest_hole(
        machine in any_machine(),
        request in any_request(),
    ) {
        let memblock = &machine.memblock;
        let request = Request { size: request.size + 700 * UNIT, ..request };
        let error = memblock.find(&request).unwrap_err();
        let AllocFailure::NoSpace(shortage) = error.failure else {
            let is_empty = matches!(error.failure, AllocFailure::EmptyWindow { .. });
            prop_assert!(is_empty);
            return Ok(());
        };
        let attempt = request.attempts(&memblock.search_settings()).last().unwrap();
        let window = attempt.window;
        let free: u64 = memblock
            .free_ranges(attempt.selection)
            .filter_map(|piece| piece.range.intersect(window))
            .map(PhysRange::size)
            .sum();
        let sums = [
            shortage.outside, shortage.other_node, shortage.hotplug, shortage.nomap, shortage.driver_managed,
            shortage.not_scratch, shortage.reserved, free,
        ];
        prop_assert_eq!(sums.iter().sum::<u64>(), memblock.memory_size());
        let last_size = |size| memblock.hole(&attempt, size, request.align);
        match shortage.largest {
            None => prop_assert_eq!(last_size(1), None),
            Some(largest) => {
                prop_assert!(last_size(largest.size()).is_some());
                prop_assert_eq!(last_size(largest.size() + 1), None);
            }
        }
        if let Some(blocked_by) = shortage.blocked_by {
            prop_assert!(shortage.largest.unwrap().touches(blocked_by));
        }
    }
}

#[test]
fn an_invalid_request_is_refused_before_any_search() {
    let mut memblock = Memblock::new();
    memblock.add(r(0x10_0000, 0x20_0000)).unwrap();
    let failure = |request| memblock.find(&request).unwrap_err().failure;
    assert_eq!(failure(Request::new(0)), AllocFailure::ZeroSize);
    for align in [0, 3, 0x3000] {
        assert_eq!(failure(Request { align, ..Request::new(1) }), AllocFailure::Alignment);
    }
    let empty = Request { min: 0x8000, max: Some(0x8000), ..Request::new(1) };
    assert_eq!(failure(empty), AllocFailure::EmptyWindow { min: 0x8000, end: 0x8000 });
}

#[test]
fn mirrored_memory_on_another_node_comes_before_plain_memory_on_the_requested_one() {
    let mut memblock = Memblock::new();
    let plain = |node, range| Region { node: NodeId::new(node), ..Region::plain(range) };
    memblock.add_node(plain(0, r(0x10_0000, 0x20_0000))).unwrap();
    memblock.add_node(plain(1, r(0x20_0000, 0x30_0000))).unwrap();
    memblock.set_mirrored_kernelcore(true);
    memblock.mark_mirror(r(0x10_0000, 0x10_1000)).unwrap();
    let request = Request { node: NodeId::new(1), ..Request::new(0x1000) };
    assert_eq!(memblock.find(&request).unwrap(), r(0x10_0000, 0x10_1000));
    let exact = Request { exact_node: true, ..request };
    assert_eq!(memblock.find(&exact).unwrap(), r(0x2f_f000, 0x30_0000));
}

#[test]
fn an_allocation_that_cannot_be_recorded_changes_nothing() {
    let mut memblock = Memblock::new();
    memblock.add(r(0x10_0000, 0x80_0000)).unwrap();
    let request = Request { align: 0x2000, ..Request::new(0x1000) };
    let error = core::iter::repeat_with(|| memblock.alloc(&request)).find_map(Result::err).unwrap();
    let before: Vec<Region> = memblock.reserved().iter().collect();
    assert!(matches!(error.failure, AllocFailure::Table(MemblockError::Full { .. })));
    assert!(memblock.alloc(&request).is_err());
    assert!(memblock.reserved().iter().eq(before));
}

#[test]
fn an_allocation_counts_as_the_kernels_own_with_the_node_that_was_searched() {
    let mut memblock = Memblock::new();
    memblock.add_node(Region { node: NodeId::new(0), ..Region::plain(r(0x10_0000, 0x20_0000)) }).unwrap();
    memblock.set_kern_accounting(true);
    let on = |node| Request { node: NodeId::new(node), ..Request::new(0x1000) };
    memblock.alloc(&on(0)).unwrap();
    memblock.alloc(&on(1)).unwrap();
    assert_eq!(memblock.reserved_kern_size(u64::MAX, NodeId::new(0)), 0x1000);
    assert_eq!(memblock.reserved_kern_size(u64::MAX, NodeId::new(1)), 0);
    assert_eq!(memblock.reserved_kern_size(u64::MAX, None), 0x2000);
    assert_eq!(memblock.reserved_kern_size(0x1f_e800, None), 0x800);
}

#[test]
fn reservations_of_one_owner_merge_and_those_of_different_owners_do_not() {
    let mut memblock = Memblock::new();
    memblock.add(r(0x10_0000, 0x20_0000)).unwrap();
    let request = |tag| Request { tag, ..Request::new(0x1000) };
    for tag in [Some("a"), Some("a"), None, Some("b"), Some("a")] {
        memblock.alloc(&request(tag)).unwrap();
    }
    let owners: Vec<_> = memblock.reserved_owners().map(|it| (it.owner, it.region.range.size())).collect();
    assert_eq!(owners, [(Some("a"), 0x1000), (Some("b"), 0x1000), (None, 0x1000), (Some("a"), 0x2000)]);
    // Changing attributes or nodes keeps the owner; freeing a part drops it.
    memblock.reserved_mark_noinit(r(0x1f_e000, 0x1f_f000)).unwrap();
    assert_eq!(memblock.reserved_owners().next_back().unwrap().owner, Some("a"));
    memblock.free(r(0x1f_e000, 0x20_0000)).unwrap();
    memblock.reserve(r(0x1f_e000, 0x20_0000)).unwrap();
    assert_eq!(memblock.reserved_owners().next_back().unwrap().owner, None);
}

#[test]
fn a_name_from_a_failed_call_is_forgotten() {
    let mut memblock = Memblock::new();
    while memblock
        .reserve(PhysRange::from_size(memblock.reserved_size() * 2 + 0x1000, 0x1000).unwrap())
        .is_ok()
    {}
    for number in 0..200 {
        let tag: &'static str = std::format!("owner {number}").leak();
        assert!(memblock.reserve_for(r(0x100_0000, 0x100_1000), tag).is_err());
    }
    let first = memblock.reserved().first().unwrap();
    memblock.free(first.range).unwrap();
    memblock.reserve_for(r(0x100_0000, 0x100_1000), "kernel").unwrap();
    assert_eq!(memblock.reserved_owners().next_back().unwrap().owner, Some("kernel"));
}

#[test]
fn gaps_outside_memory_and_on_other_nodes_are_skipped() {
    for bottom_up in [false, true] {
        let mut memblock = Memblock::new();
        for table in [TableKind::Memory, TableKind::Reserved] {
            memblock.grow(table, std::vec![Chunk::EMPTY; 200].leak()).unwrap();
        }
        memblock.set_bottom_up(bottom_up);
        let on = |node, range| Region { node: NodeId::new(node), ..Region::plain(range) };
        memblock.add_node(on(1, r(0x10_0000, 0x20_0000))).unwrap();
        memblock.add_node(on(0, r(0x20_0000, 0x20_8000))).unwrap();
        memblock.add_node(on(1, r(0x20_8000, 0x30_0000))).unwrap();
        for number in 0x80..0x380 {
            memblock.reserve(PhysRange::from_size(number * 0x1000, 0x400).unwrap()).unwrap();
        }
        let request = Request { node: NodeId::new(0), exact_node: true, ..Request::new(0x800) };
        let expected = if bottom_up { 0x20_0400 } else { 0x20_7800 };
        assert_eq!(memblock.find(&request).unwrap().start(), expected);
    }
}
