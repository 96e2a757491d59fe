//! What a machine that is only known from its boot would show of its memory.

use std::fmt::Write;

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock, MemoryBlocks};
use evidence::{Snapshot, Source};
use memblock::PhysRange;

use crate::Architecture;
use crate::boot::zones::ZoneKind;
use crate::range_set::RangeSet;

/// The memory of a machine right after boot.
#[derive(Clone, Debug)]
pub(crate) struct Booted {
    pub(crate) architecture: Architecture,
    /// System RAM, ascending, each on one node.
    pub(crate) ram: Vec<(PhysRange, u32)>,
    /// The zones' spans, by node.
    pub(crate) zones: Vec<(u32, ZoneKind, PhysRange)>,
    /// Bytes per page.
    pub(crate) page: u64,
    /// Bytes per memory block.
    pub(crate) block: u64,
}

impl Booted {
    /// `base`, with what this machine would show of its memory in place of what it shows. O(n log n).
    pub(crate) fn shown_by(&self, base: &Snapshot) -> Snapshot {
        let mut text = String::new();
        for (range, _) in &self.ram {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:08x}-{:08x} : System RAM", range.start(), range.last());
        }
        let entries = self.ram.iter().zip(0..).map(|((range, _), index)| FirmwareMapEntry {
            index,
            start: range.start(),
            last: range.last(),
            kind: "System RAM".to_owned(),
        });
        Snapshot {
            architecture: Source::Read(self.architecture.to_string()),
            iomem: Source::Read(text),
            zoneinfo: Source::Read(self.zones()),
            firmware_memmap: Source::Read(entries.collect()),
            memory_blocks: Source::Read(MemoryBlocks {
                block_size: self.block,
                blocks: self.blocks(),
                ..base.memory_blocks.read().cloned().unwrap_or_default()
            }),
            ..base.clone()
        }
    }

    /// /proc/zoneinfo, as far as it is read.
    fn zones(&self) -> String {
        let mut text = String::new();
        let page = self.page.max(1);
        for (node, kind, span) in &self.zones {
            let ram: RangeSet =
                self.ram.iter().filter(|(_, of)| of == node).map(|(range, _)| *range).collect();
            let present: u64 = ram
                .within(*span)
                .filter_map(|part| part.shrink_to_multiples(page))
                .map(|part| part.size() / page)
                .sum();
            let _ = write!(
                text,
                "Node {node}, zone {:>8}\n        spanned  {}\n        present  {present}\n        managed  \
                 {present}\n  start_pfn:           {}\n",
                kind.as_str(),
                span.size() / page,
                span.start() / page
            );
        }
        text
    }

    fn blocks(&self) -> Vec<MemoryBlock> {
        let size = self.block.max(1);
        let mut blocks: Vec<MemoryBlock> = Vec::new();
        for (range, node) in &self.ram {
            for number in range.start() / size..=range.last() / size {
                let Ok(block) = PhysRange::from_size(number.saturating_mul(size), size) else { continue };
                let part = block.intersect(*range);
                let zones = self
                    .zones
                    .iter()
                    .filter(|(of, _, span)| of == node && part.is_some_and(|part| part.overlaps(*span)));
                let zones: Vec<&str> = zones.map(|(_, kind, _)| kind.as_str()).collect();
                match blocks.last_mut().filter(|last| last.number == number) {
                    Some(last) => {
                        if !last.nodes.contains(node) {
                            last.nodes.push(*node);
                        }
                        let new =
                            zones.iter().filter(|zone| !last.valid_zones.iter().any(|known| known == *zone));
                        let new: Vec<String> = new.map(|zone| (*zone).to_owned()).collect();
                        last.valid_zones.extend(new);
                    }
                    None => blocks.push(MemoryBlock {
                        number,
                        state: BlockState::Online,
                        nodes: vec![*node],
                        valid_zones: zones.into_iter().map(str::to_owned).collect(),
                        firmware_node: None,
                    }),
                }
            }
        }
        for block in &mut blocks {
            // The kernel's word for a block in several zones or nodes.
            if block.valid_zones.len() > 1 || block.nodes.len() > 1 {
                block.valid_zones = vec!["none".to_owned()];
            }
        }
        blocks
    }
}
