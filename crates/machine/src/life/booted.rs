//! The machine right after a predicted boot, as the records that a life begins with.

use std::collections::BTreeMap;
use std::fmt::Write;

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock, MemoryBlocks};
use evidence::{Evidence, Snapshot, Source};
use memblock::{NodeId, PhysRange, RegionFlags};
use rules::Walk;

use crate::boot::{BootInput, Prediction};
use crate::range_set::RangeSet;

/// The snapshot that a capture of the machine would be right after the predicted boot: `base`, which the prediction is
/// of, with the resource tree, memory blocks and zones that follow from it. What drivers add later is not there.
///
/// Resources are whole pages of RAM, the firmware's other ranges above them, and the crash kernel. O(n log n) in
/// regions, O(n) in memory blocks.
pub fn booted(base: &Snapshot, input: &BootInput, prediction: &Prediction) -> Snapshot {
    let architecture = input.platform.architecture();
    let page = input.build.page_size;
    let evidence = Evidence::from(base);
    let log = evidence.log.read();
    let shown = log.and_then(|log| log.boot.block_size);
    let end = prediction.memory.last().map_or(0, |region| region.range.end());
    let is_virtual = log.is_some_and(|log| log.boot.has_hypervisor);
    let rule = architecture.facts().memory_blocks;
    let size =
        shown.filter(|size| size.is_power_of_two()).unwrap_or_else(|| rule.size(page, end, is_virtual));
    let mut after = base.clone();
    after.architecture = Source::Read(architecture.to_string());
    after.iomem = Source::Read(iomem(input, prediction));
    after.memory_blocks = Source::Read(MemoryBlocks {
        blocks: blocks(prediction, size),
        block_size: size,
        ..MemoryBlocks::default()
    });
    after.zoneinfo = Source::Read(zoneinfo(prediction, page));
    if architecture.facts().walk == Walk::Memblock {
        after.memblock.memory = Source::Read(memblock_text(prediction));
    } else if after.firmware_memmap.read().is_none() {
        let entry = |(index, entry): (u32, firmware::e820::Entry)| FirmwareMapEntry {
            index,
            start: entry.range.start(),
            last: entry.range.last(),
            kind: entry.kind.resource_name().to_owned(),
        };
        after.firmware_memmap = Source::Read((0..).zip(input.e820_of_firmware()).map(entry).collect());
    }
    if after.version.read().is_none() {
        after.version = Source::Read(format!("Linux version {}", input.release));
    }
    if after.command_line.read().is_none() {
        after.command_line = Source::Read(input.command_line.clone());
    }
    after
}

/// RAM that the kernel maps, joined where it touches.
fn ram(prediction: &Prediction) -> RangeSet {
    let is_mapped = |region: &&memblock::Region| !region.flags.contains(RegionFlags::NOMAP);
    prediction.memory.iter().filter(is_mapped).map(|region| region.range).collect()
}

fn iomem(input: &BootInput, prediction: &Prediction) -> String {
    let ram = ram(prediction);
    let mut lines: BTreeMap<u64, (u64, String)> = BTreeMap::new();
    for entry in input.e820_of_firmware() {
        if entry.kind != firmware::e820::E820Type::Ram && !ram.overlaps(entry.range) {
            lines.insert(entry.range.start(), (entry.range.last(), entry.kind.resource_name().to_owned()));
        }
    }
    for range in ram.iter() {
        lines.insert(range.start(), (range.last(), "System RAM".to_owned()));
    }
    let crash: Vec<PhysRange> = [prediction.crashkernel.low, prediction.crashkernel.high]
        .into_iter()
        .flatten()
        .map(|area| area.range)
        .collect();
    let mut text = String::new();
    for (start, (last, name)) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{start:08x}-{last:08x} : {name}");
        for area in crash.iter().filter(|area| start <= area.start() && area.last() <= last) {
            let _ = writeln!(text, "  {:08x}-{:08x} : Crash kernel", area.start(), area.last());
        }
    }
    text
}

/// A block for each piece of the address space that holds memory, NOMAP's too.
/// Source: drivers/base/memory.c:early_node_zone_for_memory_block (6.12).
fn blocks(prediction: &Prediction, size: u64) -> Vec<MemoryBlock> {
    let mut nodes: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for region in &prediction.memory {
        for number in region.range.start() / size..=region.range.last() / size {
            let of_block = nodes.entry(number).or_default();
            let node = region.node.map_or(0, NodeId::get);
            if !of_block.contains(&node) {
                of_block.push(node);
            }
        }
    }
    let block = |(number, mut nodes): (u64, Vec<u32>)| {
        nodes.sort_unstable();
        let range = PhysRange::from_size(number.saturating_mul(size), size).ok();
        let is_here = |zone: &&crate::boot::zones::ZoneSpan| {
            nodes.contains(&zone.node) && range.is_some_and(|range| zone.span.overlaps(range))
        };
        let mut zones = prediction.zones.iter().filter(is_here).map(|zone| zone.zone.as_str());
        let zone = match (zones.next(), zones.next()) {
            (Some(zone), None) if nodes.len() == 1 => zone,
            _ => "none",
        };
        MemoryBlock {
            number,
            state: BlockState::Online,
            nodes,
            valid_zones: vec![zone.to_owned()],
            firmware_node: None,
        }
    };
    nodes.into_iter().map(block).collect()
}

fn zoneinfo(prediction: &Prediction, page: u64) -> String {
    let mut text = String::new();
    let page = page.max(1);
    for zone in &prediction.zones {
        let (start, spanned) = (zone.span.start() / page, zone.span.size() / page);
        let present = zone.present_pages;
        let _ = write!(
            text,
            "Node {}, zone {:>8}\n        spanned  {spanned}\n        present  {present}\n        managed  {present}\n  \
             start_pfn:           {start}\n",
            zone.node,
            zone.zone.as_str()
        );
    }
    text
}

fn memblock_text(prediction: &Prediction) -> String {
    let mut text = String::new();
    for (index, region) in prediction.memory_after_boot().iter().enumerate() {
        let node = region.node.map_or_else(|| "x".to_owned(), |node| node.get().to_string());
        let flags = if region.flags.contains(RegionFlags::NOMAP) { "NOMAP" } else { "NONE" };
        let (start, last) = (region.range.start(), region.range.last());
        let _ = writeln!(text, "{index:4}: {start:#018x}..{last:#018x} {node:>4} {flags}");
    }
    text
}
