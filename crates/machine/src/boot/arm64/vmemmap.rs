//! Sections and their struct pages: the largest of the early allocations.

use memblock::{NodeId, PhysRange, Request};

use crate::boot::arm64::limits::LinearMap;
use crate::boot::arm64::page_tables::Tables;
use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::trace::Step;

const PRESENT: Step =
    Step { name: "memblocks_present", source: "mm/sparse.c:memory_present, sparse_index_alloc (6.12)" };
const INIT: Step = Step { name: "sparse_init_nid", source: "mm/sparse.c:sparse_init_nid (6.12)" };
const POPULATE: Step = Step {
    name: "vmemmap_populate",
    source: "arch/arm64/mm/mmu.c:vmemmap_populate, mm/sparse-vmemmap.c (6.12)",
};

const MIB: u64 = 1 << 20;
/// The smallest part of a section that can be added separately.
const SUBSECTION: u64 = 2 * MIB;
/// The struct page map ends 1 GiB below the last virtual address.
const MAP_END: u64 = 1 << 30;

/// Sections of one node, up to the first section of another.
struct Run {
    node: u32,
    /// Section numbers, half-open, ascending.
    sections: Vec<(u64, u64)>,
}

/// Sizes determined by the build.
struct Sizes {
    page: u64,
    /// Bytes of memory per section.
    section: u64,
    /// Bytes of struct pages per section, in whole blocks.
    map: u64,
    /// Bytes of usage bits per section.
    usage: u64,
}

impl Sizes {
    fn of(input: &BootInput) -> Self {
        let page = input.build.page_size.max(1);
        let section = if page == 64 << 10 { 512 * MIB } else { 128 * MIB };
        let block = page.saturating_mul(page / 8).max(1);
        let structs = (section / page).saturating_mul(input.build.arm64.page_struct);
        let words = |bits: u64| bits.div_ceil(64).saturating_mul(8);
        // A header for freeing it later, a bit per subsection, four bits per pageblock.
        let blocks = section / input.build.page_block().max(1);
        let usage =
            16u64.saturating_add(words(section / SUBSECTION)).saturating_add(words(blocks.saturating_mul(4)));
        Self { page, section, map: structs.checked_next_multiple_of(block).unwrap_or(structs), usage }
    }
}

/// Lists the sections that have memory, and allocates their metadata node by node.
pub(super) fn populate(early: &mut Early<'_>, input: &BootInput, linear_map: &LinearMap) -> Result<(), Halt> {
    let sizes = Sizes::of(input);
    let runs = sections(early, input, &sizes)?;
    // More address bits add one more table, which is already part of the kernel image.
    let mut tables = Tables::new(sizes.page, 48);
    for run in &runs {
        populate_node(early, input, linear_map, &sizes, run, &mut tables)?;
    }
    Ok(())
}

/// The sections with memory, and their descriptor tables: a top table for all possible sections, and a page for each
/// part in use.
fn sections(early: &mut Early<'_>, input: &BootInput, sizes: &Sizes) -> Result<Vec<Run>, Halt> {
    early.begin(PRESENT);
    let descriptor = input.build.arm64.mem_section.max(1);
    let per_page = (sizes.page / descriptor).max(1);
    let space = 1u64.checked_shl(input.build.arm64.physical_bits).unwrap_or(u64::MAX);
    let top = (space / sizes.section).div_ceil(per_page).saturating_mul(8);
    early.alloc(&Request::new(top), "the top table of sections")?;
    let mut runs: Vec<Run> = Vec::new();
    let (mut free, mut free_root) = (0, 0);
    let pages: Vec<_> = early.memblock.memory_pfn_ranges(None).collect();
    for pages in pages {
        let node = pages.node.map_or(0, NodeId::get);
        let bytes = |pfn: u64| pfn.saturating_mul(sizes.page);
        // The first range to claim a section gets it.
        let first = (bytes(pages.start) / sizes.section).max(free);
        let after = bytes(pages.end).div_ceil(sizes.section);
        if first >= after {
            continue;
        }
        free = after;
        let roots = (first / per_page).max(free_root)..after.div_ceil(per_page);
        free_root = free_root.max(roots.end);
        for _ in roots {
            let request = Request { node: NodeId::new(node), ..Request::new(sizes.page) };
            early.alloc(&request, "a table of sections")?;
        }
        match runs.last_mut() {
            Some(run) if run.node == node => run.sections.push((first, after)),
            _ => runs.push(Run { node, sections: vec![(first, after)] }),
        }
    }
    Ok(runs)
}

fn populate_node(
    early: &mut Early<'_>,
    input: &BootInput,
    linear_map: &LinearMap,
    sizes: &Sizes,
    run: &Run,
    tables: &mut Tables,
) -> Result<(), Halt> {
    early.begin(INIT);
    let lengths = run.sections.iter().map(|(first, after)| after.saturating_sub(*first));
    let count = lengths.fold(0, u64::saturating_add);
    allocate_usage(early, sizes, run.node, count.saturating_mul(sizes.usage))?;
    let node = NodeId::new(run.node);
    let request = Request {
        align: sizes.map,
        min: linear_map.start,
        min_is_optional: true,
        node,
        exact_node: true,
        ..Request::new(count.saturating_mul(sizes.map))
    };
    let why = "a struct page for each page of the node's sections";
    let buffer = if sizes.map.is_power_of_two() { early.try_alloc(&request, why)? } else { None };
    early.begin(POPULATE);
    let blocks_only = sizes.page == 4 << 10;
    let structs = (sizes.section / sizes.page).saturating_mul(input.build.arm64.page_struct);
    for &(first, after) in &run.sections {
        let before = tables.count();
        let start = map_offset(first, sizes, linear_map, input);
        let bytes = after.saturating_sub(first).saturating_mul(structs);
        tables.map_at(start, start.saturating_add(bytes), !blocks_only);
        for _ in before..tables.count() {
            let request = Request {
                align: sizes.page,
                min: linear_map.start,
                min_is_optional: true,
                node,
                ..Request::new(sizes.page)
            };
            early.alloc(&request, "a table of the map of struct page")?;
        }
        if buffer.is_none() && !one_by_one(early, sizes, node, after.saturating_sub(first))? {
            break;
        }
    }
    // Whatever the sections do not use of their whole blocks is freed at the end.
    let used = structs.saturating_mul(count);
    if let Some(buffer) = buffer
        && let Ok(rest) = PhysRange::new(buffer.start().saturating_add(used), buffer.end())
    {
        early.free(rest, "the sections need no more of it")?;
    }
    Ok(())
}

/// Usage bits preferably go into the section with the node's data, so that both can be unplugged together.
fn allocate_usage(early: &mut Early<'_>, sizes: &Sizes, node: u32, bytes: u64) -> Result<(), Halt> {
    let data = early.node_data.get(&node).map_or(0, |data| data.start());
    let goal = data & !sizes.section.saturating_sub(1);
    let lies_on = early.memblock.memory().region_at(goal).and_then(|region| region.node);
    let request = Request {
        min: goal,
        max: Some(goal.saturating_add(sizes.section)),
        node: lies_on,
        min_is_optional: true,
        ..Request::new(bytes)
    };
    let why = "the usage bits of the node's sections";
    if early.try_alloc(&request, why)?.is_none() {
        early.alloc(&Request { max: None, ..request }, why)?;
    }
    Ok(())
}

/// If the node has no room for everything at once, each section is allocated separately. Returns whether there was room
/// for all.
fn one_by_one(early: &mut Early<'_>, sizes: &Sizes, node: Option<NodeId>, count: u64) -> Result<bool, Halt> {
    for _ in 0..count {
        let request = Request { align: sizes.map, node, ..Request::new(sizes.map) };
        if early.try_alloc(&request, "a struct page for each page of one section")?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The offset of a section's part of the map, from a multiple of what a top-level entry maps.
fn map_offset(section: u64, sizes: &Sizes, linear_map: &LinearMap, input: &BootInput) -> u64 {
    let start = section.saturating_mul(sizes.section).saturating_sub(linear_map.start);
    let structs = (start / sizes.page).saturating_mul(input.build.arm64.page_struct);
    // The map starts 1 GiB below such a multiple.
    let shift = sizes.page.max(2).ilog2();
    let entry =
        1u64.checked_shl(shift.saturating_add(shift.saturating_sub(3).saturating_mul(3))).unwrap_or(0);
    entry.saturating_sub(MAP_END).saturating_add(structs)
}
