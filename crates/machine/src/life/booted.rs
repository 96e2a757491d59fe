//! The machine right after a predicted boot, as the records that a life begins with.

use std::collections::BTreeMap;
use std::fmt::Write;

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock, MemoryBlocks};
use evidence::zones::Zone;
use evidence::{Evidence, Snapshot, Source, Tables};
use memblock::{NodeId, PhysRange, RegionFlags};
use rules::Walk;

use crate::boot::zones::ZoneSpan;
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
    let usually = architecture.facts().walk == Walk::Memblock;
    let keeps_memblock =
        evidence.configuration.read().map_or(usually, |options| options.has("ARCH_KEEP_MEMBLOCK"));
    let entry = |(index, entry): (u32, firmware::e820::Entry)| FirmwareMapEntry {
        index,
        start: entry.range.start(),
        last: entry.range.last(),
        kind: entry.kind.resource_name().to_owned(),
    };
    let firmware_map = (0..).zip(input.e820_of_firmware()).map(entry).collect();
    let mut after = base.clone().showing(Tables {
        iomem: iomem(input, prediction),
        blocks: MemoryBlocks {
            blocks: blocks(prediction, size),
            block_size: size,
            ..base.memory_blocks.read().cloned().unwrap_or_default()
        },
        zones: zones(prediction, page),
        firmware_map: Some(firmware_map).filter(|_| !keeps_memblock),
        memblock: keeps_memblock.then(|| prediction.memory_after_boot()),
        ..Tables::default()
    });
    after.architecture = Source::Read(architecture.to_string());
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
        let is_here = |zone: &&ZoneSpan| {
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

fn zones(prediction: &Prediction, page: u64) -> Vec<Zone> {
    let page = page.max(1);
    let record = |zone: &ZoneSpan| Zone {
        node: zone.node,
        name: zone.zone.as_str().to_owned(),
        start_pfn: zone.span.start() / page,
        spanned: zone.span.size() / page,
        present: zone.present_pages,
        managed: zone.present_pages,
        cma: 0,
    };
    prediction.zones.iter().map(record).collect()
}
