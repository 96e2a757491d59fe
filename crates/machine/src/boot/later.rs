//! What the kernel allocates between its zones and the page allocator's start: page structures, per-processor memory,
//! hash tables. A boot with kexec handover counts it, and places its scratch areas below it.

use evidence::LateCall;
use memblock::{NodeId, PhysRange, Request};

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::numa;
use crate::boot::trace::Step;
use crate::command_line::BootParameters;

const STEP: Step = Step { name: "mm_core_init", source: "init/main.c:start_kernel (6.12)" };

/// Bytes of a section of memory, and of the page structures of one (arch/x86/include/asm/sparsemem.h, 6.12).
const SECTION: u64 = 128 << 20;
const OF_SECTION: u64 = 2 << 20;
/// Bytes of the table of sections, with five levels of page tables and with four.
const SECTION_TABLE: (u64, u64) = (1 << 20, 16 << 10);
/// Bytes of a processor's unit of per-processor memory, and about as much as of it is used.
const UNIT: (u64, u64) = (2 << 20, 240 << 10);
/// Page structures and per-processor memory lie above this.
const DMA_END: u64 = 16 << 20;
/// Machines with memory above 4 GiB have a bounce buffer below. Bytes of a slab of it, and of what is kept about one
/// (kernel/dma/swiotlb.c:swiotlb_init_remap, 6.12).
const SLAB: u64 = 2 << 10;
const OF_SLAB: u64 = 24;
const GIB_4: u64 = 1 << 32;
/// Free memory for each entry of the hash tables for directory entries and inodes, and bytes of an entry
/// (`Dentry cache hash table entries`: seen 524288 for 2 to 4 GiB).
const HASHES: [(u64, u64); 2] = [(8 << 10, 8), (16 << 10, 8)];

/// Allocates what the log of the machine shows, or else what is usual on x86. Returns the reservations for huge pages of
/// user memory.
pub(crate) fn allocate(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<Vec<PhysRange>, Halt> {
    early.begin(STEP);
    let is_logged = !input.later.is_empty();
    let before = early.memblock.reserved_size();
    let huge = if is_logged { as_logged(early, &input.later)? } else { as_usual(early, input, parameters)? };
    let bytes = early.memblock.reserved_size().saturating_sub(before);
    let from = if is_logged { "as this machine's log shows" } else { "estimated" };
    early.note(
        format!("{bytes:#x} bytes: page structures, per-processor memory, hash tables"),
        format!("{from}: the scratch areas are allocated after them"),
    );
    Ok(huge)
}

/// The calls of the log, each allocation wherever it fits now.
fn as_logged(early: &mut Early<'_>, calls: &[LateCall]) -> Result<Vec<PhysRange>, Halt> {
    let mut huge = Vec::new();
    // What an allocation was given then, and what it is given now.
    let mut given: Vec<(PhysRange, PhysRange)> = Vec::new();
    for call in calls {
        match call {
            LateCall::Allocate { request, given: then, is_hugetlb } => {
                let Ok(now) = early.memblock.alloc(request) else { continue };
                given.push((*then, now));
                if *is_hugetlb {
                    huge.push(now);
                }
            }
            LateCall::Reserve(range) => {
                early.memblock.reserve(*range)?;
            }
            LateCall::Free(range) => {
                let of = given.iter().rev().find(|(then, _)| then.encloses(*range));
                let offset = of.and_then(|(then, _)| range.start().checked_sub(then.start()));
                let moved = of.zip(offset).and_then(|((_, now), offset)| {
                    PhysRange::from_size(now.start().checked_add(offset)?, range.size()).ok()
                });
                early.memblock.free(moved.unwrap_or(*range))?;
            }
        }
    }
    Ok(huge)
}

/// An estimate for a kernel whose log does not show the calls.
fn as_usual(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<Vec<PhysRange>, Halt> {
    let nodes: Vec<u32> = numa::with_memory(early).into_iter().collect();
    let kernel = |size, align| Request { align, min_is_optional: true, ..Request::new(size) };
    let table = if input.build.page_table_levels > 4 { SECTION_TABLE.0 } else { SECTION_TABLE.1 };
    // What does not fit is left out: this is an estimate.
    let mut take = |request: Request| early.memblock.alloc(&request).ok();
    take(kernel(table, 64));
    let mut sections: Vec<(u32, u64)> = Vec::new();
    let ranges: Vec<_> = early.memblock.memory().iter().map(|region| (region.node, region.range)).collect();
    let mut seen = None;
    for (node, range) in ranges {
        let last = range.last() / SECTION;
        let mut first = range.start() / SECTION;
        if seen.is_some_and(|seen| seen >= first) {
            first = first.saturating_add(1);
        }
        if let Some(count) = last.checked_sub(first) {
            sections.push((node.map_or(0, NodeId::get), count.saturating_add(1)));
        }
        seen = Some(last);
    }
    for (node, count) in sections {
        let of_section = Request {
            min: DMA_END,
            node: NodeId::new(node),
            exact_node: true,
            ..kernel(OF_SECTION, OF_SECTION)
        };
        for _ in 0..count {
            let _ = early.memblock.alloc(&of_section);
        }
    }
    let count = u64::try_from(nodes.len()).unwrap_or(1).max(1);
    for cpu in 0..input.cpus.unwrap_or(1) {
        let index = cpu.checked_rem(count).and_then(|index| usize::try_from(index).ok());
        let node = index.and_then(|index| nodes.get(index)).copied().and_then(NodeId::new);
        let unit = Request { min: DMA_END, node, ..kernel(UNIT.0, UNIT.0) };
        let Ok(unit) = early.memblock.alloc(&unit) else { continue };
        if let Ok(rest) = PhysRange::new(unit.start().saturating_add(UNIT.1), unit.end()) {
            early.memblock.free(rest)?;
        }
    }
    // With several nodes the hash tables are spread over them, later.
    if nodes.len() == 1 {
        let memory = early.memblock.memory_size().saturating_sub(early.memblock.reserved_size());
        for (for_each, entry) in HASHES {
            let entries = (memory / for_each).next_power_of_two();
            let _ = early.memblock.alloc(&kernel(entries.saturating_mul(entry), 64));
        }
    }
    let bounce = parameters.swiotlb.size();
    if early.memblock.end_of_dram().is_some_and(|end| end > GIB_4) && !parameters.swiotlb.noforce {
        let low = Request { max: Some(GIB_4), ..kernel(bounce, input.build.page_size) };
        let _ = early.memblock.alloc(&low);
        let slots = (bounce / SLAB).saturating_mul(OF_SLAB);
        let _ = early.memblock.alloc(&kernel(slots, input.build.page_size));
    }
    Ok(Vec::new())
}
