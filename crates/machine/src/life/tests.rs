//! What events do, each as Linux was seen to do it.

mod adding;
mod auto_movable;
mod images;
mod offline;
mod removing;
mod virtio_mem;

use std::collections::BTreeMap;

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemblockFiles, MemoryBlock, MemoryBlocks, Nodes};
use evidence::{Snapshot, Source};

use super::{Change, Life, Refusal};
use crate::Machine;

/// Two nodes of 1 GiB each, as the guests of `captures/x86/rt-*`: blocks 0 to 15, the first in two zones.
pub(super) fn two_nodes() -> Snapshot {
    let block = |number| MemoryBlock {
        number,
        state: BlockState::Online,
        nodes: vec![u32::from(number >= 8)],
        valid_zones: vec![if number == 0 { "none" } else { "DMA32" }.to_owned()],
        firmware_node: None,
    };
    let zone = |node, name, start: u64, end: u64, present: u64| {
        format!(
            "Node {node}, zone {name}\n        spanned  {}\n        present  {present}\n        managed  {present}\n  \
             start_pfn: {start}\n",
            end - start
        )
    };
    Snapshot {
        architecture: Source::Read("x86_64".into()),
        version: Source::Read("Linux version 6.12.117 (x)".into()),
        command_line: Source::Read(String::new()),
        iomem: Source::Read("00001000-0009efff : System RAM\n00100000-7fffffff : System RAM\n".into()),
        zoneinfo: Source::Read(
            [
                zone(0, "DMA", 1, 0x1000, 3998),
                zone(0, "DMA32", 0x1000, 0x4_0000, 0x3_f000),
                zone(1, "DMA32", 0x4_0000, 0x8_0000, 0x4_0000),
            ]
            .concat(),
        ),
        firmware_memmap: Source::Read(vec![FirmwareMapEntry {
            index: 0,
            start: 0,
            last: 0x7fff_ffff,
            kind: "System RAM".into(),
        }]),
        memory_blocks: Source::Read(MemoryBlocks {
            block_size: 128 << 20,
            auto_online: Source::Read("online".into()),
            crash_hotplug: Source::Read("0".into()),
            blocks: (0..16).map(block).collect(),
        }),
        nodes: Source::Read(Nodes {
            lists: BTreeMap::from([
                ("possible".to_owned(), Source::Read("0-2".to_owned())),
                ("has_cpu".to_owned(), Source::Read("0-1".to_owned())),
            ]),
            ..Nodes::default()
        }),
        ..Snapshot::default()
    }
}

/// The same with memblock kept, and boot memory that never goes offline.
pub(super) fn arm64() -> Snapshot {
    Snapshot {
        architecture: Source::Read("aarch64".into()),
        firmware_memmap: Source::Missing,
        memblock: MemblockFiles {
            memory: Source::Read("   0: 0x0000000000100000..0x000000007fffffff    0 NONE\n".into()),
            ..MemblockFiles::default()
        },
        ..two_nodes()
    }
}

pub(super) fn life(snapshot: &Snapshot) -> Life {
    Life::of(&Machine::of(snapshot).unwrap()).unwrap()
}

pub(super) fn with_command_line(line: &str) -> Snapshot {
    Snapshot { command_line: Source::Read(line.into()), ..two_nodes() }
}

impl Life {
    /// Lets an event happen that does not fail, and checks that everything still agrees.
    pub(super) fn must(&mut self, event: &str) -> Change {
        let change = self.apply(&event.parse().unwrap()).unwrap();
        assert_eq!((self.disagreement(), &change.refused), (None, &None), "{event}");
        change
    }

    /// Lets an event happen that is refused, which changes nothing.
    pub(super) fn refuses(&mut self, event: &str) -> Refusal {
        let before = self.shown();
        let refusal = self.apply(&event.parse().unwrap()).unwrap_err();
        assert_eq!(self.shown(), before, "{event}");
        refusal
    }

    /// `32 online 0 Normal` for each block of memory that was added.
    pub(super) fn added(&self) -> Vec<String> {
        let added = self.blocks().filter(|block| block.index >= 16);
        added
            .map(|block| {
                let state = if block.is_online { "online" } else { "offline" };
                format!("{} {state} {} {}", block.index, block.node, block.valid_zones.join("/"))
            })
            .collect()
    }

    /// Everything that a user sees.
    fn shown(&self) -> String {
        let zones: Vec<_> = self.zones().iter().map(|zone| format!("{zone:?}")).collect();
        format!(
            "{}{:?}{zones:?}{:?}{:?}",
            self.iomem(),
            self.memory_blocks(),
            self.firmware_records(),
            self.memblock().map(|regions| regions.iter().collect::<Vec<_>>())
        )
    }
}
