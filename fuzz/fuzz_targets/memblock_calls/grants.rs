//! Allocation: compared with a search of every free piece, in order.

use memblock::{
    AllocError, AllocFailure, Direction, NodeId, PhysRange, Region, RegionFlags, Request, Selection, Shortage,
};

use crate::machine::{Growth, Machine, hold};
use crate::model::{self, Row};

/// Finds memory, without reserving it.
pub fn find(machine: &mut Machine<'_>, request: &Request) {
    let found = machine.memblock.find(request);
    check(machine, request, &found);
    machine.unchanged();
}

/// Finds memory and reserves it.
pub fn alloc(machine: &mut Machine<'_>, request: &Request) {
    let expected = machine.memblock.find(request);
    check(machine, request, &expected);
    let result = machine.memblock.alloc(request);
    if let Err(error) = &result {
        let is_table = matches!(error.failure, AllocFailure::Table(_));
        hold!(machine, is_table || expected.as_ref().err() == Some(error), "{error}, but found {expected:?}");
        hold!(machine, !is_table || expected.is_ok(), "{error}, but found {expected:?}");
    }
    settle(machine, request, result);
}

/// Compares the tables with the expected effect of an allocation.
fn settle(machine: &mut Machine<'_>, request: &Request, result: Result<PhysRange, AllocError>) {
    let expected = expected(machine, request);
    let growth = expected.map_or(Growth::None, |(range, _)| Growth::Before(range));
    let (mut node, mut flags) = (None, RegionFlags::empty());
    if machine.settings.kern_accounting {
        (node, flags) = (expected.and_then(|(_, node)| node), RegionFlags::RSRV_KERN);
    }
    let given = result.as_ref().ok().copied();
    hold!(machine, given.is_none() || given == expected.map(|(range, _)| range), "was given {given:?}");
    machine.settle(growth, result, |tables| {
        if let Some(given) = given {
            model::add(&mut tables.reserved, given, (node, flags, request.tag));
        }
    });
    let Some(given) = given else { return };
    // The model implies this already; here it is stated as in the documentation.
    let owned = machine.memblock.reserved_owners().find(|owned| owned.region.range.encloses(given));
    hold!(machine, owned.is_some_and(|owned| owned.owner == request.tag), "{given:?} belongs to {owned:?}");
}

/// The result of a search of every free piece, and the node it was searching.
fn expected(machine: &Machine<'_>, request: &Request) -> Option<(PhysRange, Option<NodeId>)> {
    if request.size == 0 || !request.align.is_power_of_two() {
        return None;
    }
    let direction = if machine.settings.bottom_up { Direction::BottomUp } else { Direction::TopDown };
    request.attempts(&machine.memblock.search_settings()).find_map(|attempt| {
        let shown = shown(machine, attempt.selection);
        let free = model::minus(&model::within(&shown, attempt.window), &machine.before.reserved);
        let mut fits = free.iter().filter_map(|row| direction.fit(row.range, request.size, request.align));
        let found = if machine.settings.bottom_up { fits.next() } else { fits.last() };
        found.map(|range| (range, attempt.selection.node))
    })
}

/// The memory that a selection includes.
pub fn shown(machine: &Machine<'_>, selection: Selection) -> Vec<Row> {
    let movable_node = machine.settings.movable_node;
    let region = |row: &Row| Region { range: row.range, node: row.paint.0, flags: row.paint.1 };
    let rows = machine.before.memory.iter();
    rows.filter(|row| selection.shows(&region(row), movable_node)).copied().collect()
}

fn check(machine: &Machine<'_>, request: &Request, found: &Result<PhysRange, AllocError>) {
    let expected = expected(machine, request).map(|(range, _)| range);
    hold!(machine, found.as_ref().ok() == expected.as_ref(), "{found:?}, but {expected:?} would do");
    match found {
        Ok(found) => check_grant(machine, request, *found),
        Err(error) => check_failure(machine, request, error),
    }
}

/// Checks that the memory found satisfies the request.
fn check_grant(machine: &Machine<'_>, request: &Request, found: PhysRange) {
    let settings = &machine.settings;
    hold!(machine, found.size() == request.size, "{found:?} is of another size");
    hold!(machine, found.start() % request.align == 0, "{found:?} is not aligned");
    let end = request.max.unwrap_or(settings.current_limit);
    hold!(machine, found.end() <= end, "{found:?} lies above {end:#x}");
    hold!(machine, found.start() >= machine.memblock.page_size().bytes(), "{found:?} lies in page 0");
    let min = if request.min_is_optional { 0 } else { request.min };
    hold!(machine, found.start() >= min, "{found:?} lies below {min:#x}");
    hold!(machine, !model::overlaps(&machine.before.reserved, found), "{found:?} is reserved");
    let row = machine.before.memory.iter().find(|row| row.range.encloses(found));
    hold!(machine, row.is_some(), "{found:?} is not in one region of memory");
    let Some(Row { paint: (node, flags, _), .. }) = row else { return };
    let mut never = RegionFlags::NOMAP | RegionFlags::DRIVER_MANAGED;
    if settings.movable_node {
        never |= RegionFlags::HOTPLUG;
    }
    hold!(machine, !flags.intersects(never), "{found:?} is of the attributes {flags:?}");
    let is_scratch = flags.contains(RegionFlags::KHO_SCRATCH);
    hold!(machine, is_scratch || !settings.kho_scratch_only, "{found:?} is not scratch memory");
    let is_there = !request.exact_node || request.node.is_none() || *node == request.node;
    hold!(machine, is_there, "{found:?} is of another node");
}

/// Checks the reason of a refusal.
fn check_failure(machine: &Machine<'_>, request: &Request, error: &AllocError) {
    hold!(machine, error.request == *request, "the error repeats another request");
    hold!(machine, error.to_string().starts_with("cannot allocate "), "{error}");
    let attempt = request.attempts(&machine.memblock.search_settings()).last();
    let fits = match (error.failure, attempt) {
        (AllocFailure::ZeroSize, _) => request.size == 0,
        (AllocFailure::Alignment, _) => request.size > 0 && !request.align.is_power_of_two(),
        (AllocFailure::EmptyWindow { min, end }, None) => min >= end,
        (AllocFailure::NoSpace(shortage), Some(attempt)) => {
            let shown = shown(machine, attempt.selection);
            let free = model::minus(&model::within(&shown, attempt.window), &machine.before.reserved);
            check_shortage(machine, request, &shortage, &free);
            true
        }
        _ => false,
    };
    hold!(machine, fits, "{error:?}");
}

/// Checks that every byte is accounted for, and that the reported hole is the largest.
fn check_shortage(machine: &Machine<'_>, request: &Request, shortage: &Shortage, free: &[Row]) {
    let sums = [
        shortage.outside,
        shortage.other_node,
        shortage.hotplug,
        shortage.nomap,
        shortage.driver_managed,
        shortage.not_scratch,
        shortage.reserved,
        model::size(free),
    ];
    let memory = model::size(&machine.before.memory);
    let adds_up = shortage.memory == memory && sums.iter().sum::<u64>() == memory;
    hold!(machine, adds_up, "{shortage:x?} does not add up to {memory:#x}");
    // A piece is usable from its first aligned address up.
    let usable = |row: &Row| {
        let start = row.range.start().checked_next_multiple_of(request.align)?;
        PhysRange::new(start, row.range.end()).ok().map(PhysRange::size)
    };
    let largest = free.iter().filter_map(usable).max();
    hold!(machine, shortage.largest.map(PhysRange::size) == largest, "{shortage:x?}, not {largest:x?}");
    if let Some(blocked_by) = shortage.blocked_by {
        let is_next = shortage.largest.is_some_and(|largest| largest.touches(blocked_by));
        let row = machine.before.reserved.iter().find(|row| row.range == blocked_by);
        let is_named = row.is_some_and(|row| row.paint.2 == shortage.blocked_by_owner);
        hold!(machine, is_named && (is_next || request.align > 1), "{shortage:x?}");
    }
}
