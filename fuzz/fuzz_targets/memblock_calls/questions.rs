//! Queries: every answer is compared with a search of all regions.

use memblock::{PfnRange, PhysRange, Region, RegionTable, Selection, TableKind, ranges};

use crate::grants::shown;
use crate::invariants::{both_ways, whole_pages};
use crate::machine::{Machine, hold};
use crate::model::{self, Row, row};

/// Makes all queries, about `range` and the memory that `selection` includes.
pub fn ask(machine: &Machine<'_>, range: PhysRange, selection: Selection, turns: u32) {
    let tables = &machine.before;
    let rows = [
        (TableKind::Memory, &tables.memory),
        (TableKind::Reserved, &tables.reserved),
        (TableKind::Physmem, &tables.physmem),
    ];
    for (table, rows) in rows {
        let plain: Vec<Row> =
            rows.iter().map(|row| Row { paint: (row.paint.0, row.paint.1, None), ..*row }).collect();
        ask_table(machine, machine.memblock.table(table), &plain, range, turns);
    }
    walks(machine, selection, turns);
    ask_addresses(machine, range);
    ask_pages(machine, range, selection, turns);
    set_algebra(machine, turns);
}

fn ask_table(machine: &Machine<'_>, table: &RegionTable<'_>, rows: &[Row], range: PhysRange, turns: u32) {
    let within = model::within(rows, range);
    let size = model::size(&within);
    hold!(machine, table.size_within(range) == size, "of {range:?}, {size:#x} bytes");
    hold!(machine, table.overlaps(range) == (size > 0), "overlaps {range:?}");
    hold!(machine, table.covers(range) == (size == range.size()), "covers {range:?}");
    for address in [range.start(), range.last(), range.end(), range.start().saturating_sub(1)] {
        let holds = rows.iter().find(|row| row.range.contains(address)).copied();
        hold!(machine, table.contains(address) == holds.is_some(), "holds {address:#x}");
        hold!(machine, table.region_at(address).map(row) == holds, "holds {address:#x}");
        let above = rows.iter().filter(|row| row.range.end() > address).copied();
        hold!(machine, table.iter_from(address).map(row).eq(above), "from {address:#x} on");
    }
    let overlapping = rows.iter().filter(|row| row.range.overlaps(range)).copied();
    hold!(machine, table.overlapping(range).map(row).eq(overlapping), "of {range:?}");
    both_ways(machine, table.overlapping(range), turns);
    hold!(machine, table.first().map(row) == rows.first().copied(), "the first");
    hold!(machine, table.last().map(row) == rows.last().copied(), "the last");
    let span = rows.first().zip(rows.last()).map(|(first, last)| first.range.hull(last.range));
    hold!(machine, table.span() == span, "the span is {span:?}");
    for min_size in [1, range.size() / 16 + 1, range.size()] {
        let gaps = model::minus(&[Row::plain(range)], rows);
        let gaps: Vec<PhysRange> =
            gaps.iter().map(|row| row.range).filter(|gap| gap.size() >= min_size).collect();
        let (first, last) = (table.first_gap(range, min_size), table.last_gap(range, min_size));
        hold!(machine, first == gaps.first().copied(), "the first gap of {min_size:#x} is {first:?}");
        hold!(machine, last == gaps.last().copied(), "the last gap of {min_size:#x} is {last:?}");
        hold!(machine, table.gaps(range, min_size).eq(gaps), "gaps of {min_size:#x}");
        both_ways(machine, table.gaps(range, min_size), turns);
    }
}

fn walks(machine: &Machine<'_>, selection: Selection, turns: u32) {
    let (memblock, tables) = (&machine.memblock, &machine.before);
    let memory = shown(machine, selection);
    hold!(machine, memblock.memory_ranges(selection).map(row).eq(memory.iter().copied()), "{selection:?}");
    both_ways(machine, memblock.memory_ranges(selection), turns);
    let free = model::minus(&memory, &tables.reserved);
    hold!(machine, memblock.free_ranges(selection).map(row).eq(free), "free of {selection:?}");
    both_ways(machine, memblock.free_ranges(selection), turns);
    both_ways(machine, memblock.reserved_ranges(), turns);
    both_ways(machine, memblock.reserved_owners(), turns);
    for (without, rows) in [(TableKind::Memory, &tables.memory), (TableKind::Reserved, &tables.reserved)] {
        let left = model::minus(&tables.physmem, rows);
        hold!(machine, memblock.physmem_ranges(without).map(row).eq(left), "physmem without {without}");
        both_ways(machine, memblock.physmem_ranges(without), turns);
    }
}

fn ask_addresses(machine: &Machine<'_>, range: PhysRange) {
    let (memblock, tables) = (&machine.memblock, &machine.before);
    let at = |rows: &[Row], address| rows.iter().find(|row| row.range.contains(address)).copied();
    for address in [range.start(), range.last()] {
        let (memory, reserved) = (at(&tables.memory, address), at(&tables.reserved, address));
        hold!(machine, memblock.is_memory(address) == memory.is_some(), "{address:#x} is memory");
        hold!(machine, memblock.is_reserved(address) == reserved.is_some(), "{address:#x} is reserved");
        let is_mapped = memory.is_some_and(|row| !row.paint.1.contains(memblock::RegionFlags::NOMAP));
        hold!(machine, memblock.is_map_memory(address) == is_mapped, "{address:#x} is mapped");
    }
    let is_memory = model::size(&model::within(&tables.memory, range)) == range.size();
    hold!(machine, memblock.is_region_memory(range) == is_memory, "{range:?} is memory");
    let is_reserved = model::overlaps(&tables.reserved, range);
    hold!(machine, memblock.is_region_reserved(range) == is_reserved, "{range:?} is reserved");
    let (first, last) = (tables.memory.first(), tables.memory.last());
    hold!(machine, memblock.start_of_dram() == first.map(|row| row.range.start()), "the start");
    hold!(machine, memblock.end_of_dram() == last.map(|row| row.range.end()), "the end");
    for node in [None, memblock::NodeId::new(0), memblock::NodeId::new(1)] {
        let is_kern = |row: &&Row| {
            let (of, flags, _) = row.paint;
            flags.contains(memblock::RegionFlags::RSRV_KERN) && (node.is_none() || of == node)
        };
        let below = |row: &Row| PhysRange::new(row.range.start(), row.range.end().min(range.end())).ok();
        let kern = tables.reserved.iter().filter(is_kern).filter_map(below).map(PhysRange::size).sum();
        hold!(machine, memblock.reserved_kern_size(range.end(), node) == kern, "{kern:#x} of the kernel");
    }
}

fn ask_pages(machine: &Machine<'_>, range: PhysRange, selection: Selection, turns: u32) {
    let (memblock, tables) = (&machine.memblock, &machine.before);
    let page = memblock.page_size().bytes();
    let node = selection.node;
    let of_node: Vec<Row> =
        tables.memory.iter().filter(|row| node.is_none() || row.paint.0 == node).copied().collect();
    let pages = whole_pages(memblock, &of_node);
    let pages = pages.into_iter().map(|(start, end, row)| PfnRange { start, end, node: row.paint.0 });
    hold!(machine, memblock.memory_pfn_ranges(node).eq(pages), "pages of {node:?}");
    both_ways(machine, memblock.memory_pfn_ranges(node), turns);

    let (start_pfn, end_pfn) = (range.start() / page, range.end() / page);
    let free = model::minus(&shown(machine, Selection { node, ..Selection::ANY }), &tables.reserved);
    let zone: Vec<(u64, u64)> = whole_pages(memblock, &free)
        .into_iter()
        .map(|(start, end, _)| (start.max(start_pfn), end.min(end_pfn)))
        .filter(|(start, end)| start < end)
        .collect();
    let found = memblock.free_pfn_ranges_in_zone(node, start_pfn, end_pfn);
    hold!(machine, found.eq(zone), "free pages {start_pfn:#x} to {end_pfn:#x} of {node:?}");

    let whole = whole_pages(memblock, &[Row::plain(range)]);
    let late = whole.first().map(|(start, end, _)| (*start, *end));
    hold!(machine, memblock.free_late(range) == late, "{range:?} freed late");

    let holding = tables.memory.iter().find(|row| row.range.contains(start_pfn * page));
    let pfns = holding.map(|row| PfnRange {
        start: row.range.start() / page,
        end: row.range.end() / page,
        node: row.paint.0,
    });
    hold!(machine, memblock.search_pfn_nid(start_pfn) == pfns, "page frame {start_pfn:#x}");

    let nodeless: Vec<Row> = tables.memory.iter().filter(|row| row.paint.0.is_none()).copied().collect();
    let nodeless: u64 =
        whole_pages(memblock, &nodeless).iter().map(|(start, end, _)| (end - start) * page).sum();
    hold!(machine, memblock.nodeless_size() == nodeless, "{nodeless:#x} bytes have no node");
    hold!(machine, memblock.validate_numa_coverage(nodeless), "all but {nodeless:#x} bytes have a node");
    let covers_less = nodeless > 0 && memblock.validate_numa_coverage(nodeless - 1);
    hold!(machine, !covers_less, "{nodeless:#x} bytes have no node");

    let nomap = tables.memory.iter().filter(|row| row.paint.1.contains(memblock::RegionFlags::NOMAP));
    let has_pages = |row: &&Row| !row.paint.1.contains(memblock::RegionFlags::RSRV_NOINIT);
    let reserved = nomap.chain(tables.reserved.iter().filter(has_pages)).map(|row| row.range);
    let found = memblock.reserved_pages().map(|region: Region| region.range);
    hold!(machine, found.eq(reserved), "reserved pages");
}

fn set_algebra(machine: &Machine<'_>, turns: u32) {
    let (memory, reserved) = (machine.memblock.memory(), machine.memblock.reserved());
    let tables = &machine.before;
    both_ways(machine, ranges::union(memory.iter(), reserved.iter()), turns);
    both_ways(machine, ranges::intersection(memory.iter(), reserved.iter()), turns);
    both_ways(machine, ranges::difference(reserved.iter(), memory.iter()), turns);
    let mut all = Vec::new();
    for row in tables.memory.iter().chain(&tables.reserved) {
        model::add(&mut all, row.range, model::PLAIN);
    }
    let union = ranges::union(memory.iter(), reserved.iter());
    hold!(machine, union.eq(all.iter().map(|row| row.range)), "memory and reserved: {all:?}");
    let both: Vec<Row> =
        tables.memory.iter().flat_map(|row| model::within(&tables.reserved, row.range)).collect();
    let intersection = ranges::intersection(memory.iter(), reserved.iter()).map(|region| region.range);
    hold!(machine, intersection.eq(both.iter().map(|row| row.range)), "memory that is reserved: {both:?}");
}
