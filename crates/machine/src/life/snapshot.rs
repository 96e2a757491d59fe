//! A life as the records that a machine is read from: so that every other answer can be asked of a simulated machine.

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock, MemoryBlocks};
use evidence::zones::Zone;
use evidence::{Snapshot, Source, Tables};

use super::event::{ImageFor, auto_online_word};
use super::state::Life;

impl Life {
    /// The memory blocks as sysfs shows them, ascending. O(n).
    pub fn memory_blocks(&self) -> Vec<MemoryBlock> {
        let record = |view: super::state::BlockView| MemoryBlock {
            number: view.index,
            state: if view.is_online { BlockState::Online } else { BlockState::Offline },
            nodes: vec![view.node],
            valid_zones: view.valid_zones.into_iter().map(str::to_owned).collect(),
            firmware_node: None,
        };
        self.blocks().map(record).collect()
    }

    /// The zones with memory, in pages. `managed` is taken as `present`, which is more than the page allocator has.
    pub fn zone_records(&self) -> Vec<Zone> {
        let page = self.kernel.page.max(1);
        let record = |(node, kind, zone): (u32, crate::boot::zones::ZoneKind, &super::parts::zones::Zone)| {
            let span = zone.span()?;
            let present = zone.present() / page;
            Some(Zone {
                node,
                name: kind.as_str().to_owned(),
                start_pfn: span.start() / page,
                spanned: span.size() / page,
                present,
                managed: present,
                cma: zone.cma() / page,
            })
        };
        self.zones.iter().filter_map(record).collect()
    }

    /// The entries of `/sys/firmware/memmap`; `None` where there is none.
    pub fn firmware_records(&self) -> Option<Vec<FirmwareMapEntry>> {
        let entries = &self.firmware_map.as_ref()?.entries;
        let record = |(&index, entry): (&u32, &super::state::FirmwareEntry)| FirmwareMapEntry {
            index,
            start: entry.start,
            last: entry.last,
            kind: entry.kind.clone(),
        };
        Some(entries.iter().map(record).collect())
    }

    /// The snapshot that a capture of this machine would be now: `base`, which the life began with, and what events
    /// changed since. O(n).
    ///
    /// The kernel log stays that of `base`: it has the boot, and no line of the events.
    pub fn snapshot(&self, base: &Snapshot) -> Snapshot {
        let mut blocks = self.memory_blocks();
        let old = base.memory_blocks.read();
        for block in &mut blocks {
            let known = old.and_then(|old| {
                let index = old.blocks.binary_search_by_key(&block.number, |block| block.number).ok()?;
                old.blocks.get(index)
            });
            let Some(known) = known else { continue };
            // A block that lies on two nodes is linked to both.
            if known.nodes.first() == block.nodes.first() {
                block.nodes.clone_from(&known.nodes);
                block.firmware_node.clone_from(&known.firmware_node);
            }
        }
        let aware = if self.policy.numa_aware { "Y" } else { "N" };
        let is_loaded = |image| self.images.get(image).is_some();
        base.clone().showing(Tables {
            iomem: self.iomem(),
            blocks: MemoryBlocks {
                block_size: self.blocks.size(),
                auto_online: Source::Read(auto_online_word(self.policy.state).to_owned()),
                crash_hotplug: old.map(|old| old.crash_hotplug.clone()).unwrap_or_default(),
                blocks,
            },
            zones: self.zone_records(),
            firmware_map: self.firmware_records(),
            memblock: self.memblock.as_ref().map(|regions| regions.iter().collect()),
            hotplug: vec![
                ("online_policy", self.policy.online.as_str().to_owned()),
                ("auto_movable_ratio", self.policy.ratio.to_string()),
                ("auto_movable_numa_aware", aware.to_owned()),
            ],
            loaded: Some([is_loaded(ImageFor::Kexec), is_loaded(ImageFor::Kdump)]),
        })
    }
}
