//! The invariants after every call.

use std::fmt::Debug;

use memblock::{Memblock, RegionFlags, Selection, TableKind};

use crate::machine::{Machine, hold};
use crate::model::{self, Row, Tables};

/// The attributes that a walk only includes on request.
pub const ALL: Selection = Selection {
    node: None,
    flags: RegionFlags::HOTPLUG.union(RegionFlags::NOMAP).union(RegionFlags::DRIVER_MANAGED),
};

/// Checks the invariants after a call; `tables` are the current tables.
pub fn check(machine: &Machine<'_>, tables: &Tables) {
    let memblock = &machine.memblock;
    let rows = [
        (TableKind::Memory, &tables.memory),
        (TableKind::Reserved, &tables.reserved),
        (TableKind::Physmem, &tables.physmem),
    ];
    for (table, rows) in rows {
        let table = memblock.table(table);
        hold!(machine, table.is_consistent(), "a table is not consistent");
        hold!(machine, table.len() == rows.len(), "{} regions of {}", table.len(), rows.len());
        hold!(machine, table.vacant_chunks() <= table.chunks(), "more chunks are vacant than there are");
        let backward = table.iter().rev().map(|region| region.range);
        hold!(
            machine,
            backward.eq(rows.iter().rev().map(|row| row.range)),
            "backward is not forward reversed"
        );
    }
    let sizes = (memblock.memory_size(), memblock.reserved_size(), memblock.physmem().total_size());
    let sums = (model::size(&tables.memory), model::size(&tables.reserved), model::size(&tables.physmem));
    hold!(machine, sizes == sums, "total sizes are {sizes:x?}, sums {sums:x?}");
    partition(machine, tables);
    // Its own memory always stays reserved; `Machine::settle` checks how much there is.
    hold!(machine, memblock.own_memory().all(|own| memblock.is_reserved(own.start())), "own memory is free");
    settings(machine);
}

/// Checks that free and reserved pieces are disjoint, and together make up memory.
fn partition(machine: &Machine<'_>, tables: &Tables) {
    let memblock = &machine.memblock;
    let free: Vec<Row> = memblock.free_ranges(ALL).map(model::row).collect();
    hold!(machine, free == model::minus(&tables.memory, &tables.reserved), "free: {free:?}");
    let free = model::size(&free);
    let taken = memblock::ranges::intersection(memblock.memory().iter(), memblock.reserved().iter());
    let taken: u64 = taken.map(|piece| piece.range.size()).sum();
    hold!(machine, free + taken == memblock.memory_size(), "{free:#x} free and {taken:#x} reserved");
    hold!(machine, memblock.free_size() == free, "free_size() is {:#x}", memblock.free_size());
}

fn settings(machine: &Machine<'_>) {
    let (memblock, settings) = (&machine.memblock, &machine.settings);
    let ours = (settings.bottom_up, settings.movable_node, settings.has_mirror, settings.current_limit);
    let its =
        (memblock.bottom_up(), memblock.movable_node(), memblock.has_mirror(), memblock.current_limit());
    hold!(machine, ours == its, "settings are {its:x?}");
}

/// Checks that an iterator returns the same items from the front, from the back, and from both ends in turn:
/// each bit of `turns` selects the next end.
pub fn both_ways<T: PartialEq + Debug>(
    machine: &Machine<'_>,
    items: impl DoubleEndedIterator<Item = T> + Clone,
    turns: u32,
) {
    let forward: Vec<T> = items.clone().collect();
    let mut backward: Vec<T> = items.clone().rev().collect();
    backward.reverse();
    hold!(machine, forward == backward, "forward {forward:x?}\nbackward {backward:x?}");
    let (mut front, mut back) = (Vec::new(), Vec::new());
    let (mut items, mut turns) = (items, turns);
    loop {
        turns = turns.rotate_right(1);
        let is_front = turns & 1 == 0;
        let Some(item) = (if is_front { items.next() } else { items.next_back() }) else { break };
        if is_front { front.push(item) } else { back.push(item) }
    }
    hold!(machine, items.next().is_none() && items.next_back().is_none(), "an item behind the end");
    front.extend(back.into_iter().rev());
    hold!(machine, front == forward, "from both ends {front:x?}\nforward {forward:x?}");
}

/// The pages of a list that a memblock counts: those entirely inside one row.
pub fn whole_pages(memblock: &Memblock<'_>, rows: &[Row]) -> Vec<(u64, u64, Row)> {
    let page = memblock.page_size().bytes();
    let pages = |row: &Row| {
        let (start, end) = (row.range.start().div_ceil(page), row.range.end() / page);
        (start < end).then_some((start, end, *row))
    };
    rows.iter().filter_map(pages).collect()
}
