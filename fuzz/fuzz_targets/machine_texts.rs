//! The text files of /proc and debugfs, and the conclusions drawn from them: no text makes them fail, and
//! what is concluded covers System RAM exactly.
#![no_main]

use evidence::snapshot::{BlockState, MemblockFiles, MemoryBlock, MemoryBlocks};
use evidence::{ResourceTree, Snapshot, Source};
use libfuzzer_sys::fuzz_target;
use machine::Machine;
use rules::{Loader, Rules, Use};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // iomem, zoneinfo, memblock/memory, memblock/reserved, cmdline, the log, and one line a memory block.
    let mut parts = text.split("====\n").map(str::to_owned);
    let mut part = || parts.next().map_or(Source::Missing, Source::Read);
    let snapshot = Snapshot {
        iomem: part(),
        zoneinfo: part(),
        memblock: MemblockFiles { memory: part(), reserved: part(), ..MemblockFiles::default() },
        command_line: part(),
        kernel_log: part(),
        memory_blocks: match part() {
            Source::Read(lines) => Source::Read(blocks(&lines)),
            _ => Source::Missing,
        },
        ..Snapshot::default()
    };
    let Ok(machine) = Machine::of(&snapshot) else { return };
    if let (Some(text), Some(tree)) = (snapshot.iomem.read(), machine.resources()) {
        assert_eq!(&tree.to_string(), text);
        assert_eq!(ResourceTree::parse(text).as_ref(), Ok(tree));
        // System RAM inside System RAM is counted once for each.
        let ram =
            tree.system_ram().filter_map(|r| r.range().ok()).map(|r| u128::from(r.size())).sum::<u128>();
        let ours = machine.ranges.iter().map(|memory| u128::from(memory.range.size())).sum::<u128>();
        assert_eq!(ram, ours);
    }
    for memory in &machine.ranges {
        assert!(memory.resource.as_ref().is_none_or(|resource| resource.range.encloses(memory.range)));
        for loader in Loader::ALL {
            for of in
                [Use::KexecImage(loader), Use::NextKernel(loader), Use::Vmcore(loader), Use::AfterUnplug]
            {
                assert_eq!(
                    memory.verdict(&Rules::LINUX, of, &machine.kernel).is_some(),
                    memory.class.is_some()
                );
            }
        }
    }
});

/// `NUMBER STATE NODE ZONE...`, the first line the block size.
fn blocks(lines: &str) -> MemoryBlocks {
    let mut lines = lines.lines();
    let block_size = lines.next().and_then(|line| line.parse().ok()).unwrap_or(0);
    let block = |line: &str| {
        let mut words = line.split(' ');
        Some(MemoryBlock {
            number: words.next()?.parse().ok()?,
            state: match words.next()? {
                "online" => BlockState::Online,
                "offline" => BlockState::Offline,
                _ => BlockState::Unknown,
            },
            nodes: words.next()?.split(',').filter_map(|node| node.parse().ok()).collect(),
            valid_zones: words.map(str::to_owned).collect(),
            firmware_node: None,
        })
    };
    let mut blocks: Vec<MemoryBlock> = lines.filter_map(block).collect();
    blocks.sort_by_key(|block| block.number);
    blocks.dedup_by_key(|block| block.number);
    MemoryBlocks { block_size, blocks, ..MemoryBlocks::default() }
}
