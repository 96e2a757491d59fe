//! The size of a memory block where no file shows it: a copy of `/sys/devices/system/node` without
//! `/sys/devices/system/memory`.

use crate::snapshot::{MemoryBlocks, Nodes};
use crate::source::Source;

/// The smallest block of any architecture: arm64 and x86 have sections of 128 MiB, s390 of 256 MiB, powerpc of 16 MiB.
const SMALLEST: u64 = 16 << 20;

/// The blocks with a size: as it was read, or as the nodes' memory shows it.
pub(crate) fn with_size(blocks: Source<MemoryBlocks>, nodes: &Source<Nodes>) -> Source<MemoryBlocks> {
    match blocks {
        Source::Read(blocks) if blocks.block_size == 0 => match of_nodes(&blocks, nodes) {
            Some(block_size) => Source::Read(MemoryBlocks { block_size, ..blocks }),
            None => Source::Unreadable {
                why: format!(
                    "/sys/devices/system/memory is not there: the nodes link to {} memory blocks, but neither \
                     block_size_bytes nor the nodes' meminfo shows their size",
                    blocks.blocks.len()
                ),
                for_lack_of_privilege: false,
            },
        },
        other => other,
    }
}

/// The smallest power of two with which each node's blocks have room for its memory. The kernel keeps a few percent of
/// a node back, and a block may have holes, but half of the size would be too small for any node that is mostly memory.
fn of_nodes(blocks: &MemoryBlocks, nodes: &Source<Nodes>) -> Option<u64> {
    let mut size = None;
    for node in &nodes.read()?.nodes {
        let linked = blocks.blocks.iter().filter(|block| block.nodes.contains(&node.number)).count();
        let (Some(total), Ok(linked)) = (node.memory_total.read(), u64::try_from(linked)) else { continue };
        let Some(each) = (linked > 0).then(|| total.div_ceil(linked)) else { continue };
        size = size.max(each.max(SMALLEST).checked_next_power_of_two());
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{BlockState, MemoryBlock, Node};

    fn nodes(totals: [u64; 2]) -> Source<Nodes> {
        let node = |(number, total)| Node { number, memory_total: Source::Read(total), ..Node::default() };
        Source::Read(Nodes { nodes: (0..).zip(totals).map(node).collect(), ..Nodes::default() })
    }

    fn blocks() -> Source<MemoryBlocks> {
        let block = |number| MemoryBlock {
            number,
            state: BlockState::Unknown,
            nodes: vec![u32::from(number >= 12)],
            valid_zones: Vec::new(),
            firmware_node: None,
        };
        Source::Read(MemoryBlocks { blocks: (0..16).map(block).collect(), ..MemoryBlocks::default() })
    }

    #[test]
    fn a_block_is_as_large_as_the_fullest_node_needs() {
        let size = |totals| with_size(blocks(), &nodes(totals)).read().map(|blocks| blocks.block_size);
        assert_eq!(size([0x5000_0000, 0x1f00_0000]), Some(128 << 20));
        assert_eq!(size([0x5000_0000, 0x2100_0000]), Some(256 << 20));
        assert_eq!(size([0, 0]), Some(SMALLEST));
    }

    #[test]
    fn without_the_nodes_memory_the_blocks_cannot_be_placed() {
        let Source::Unreadable { why, .. } = with_size(blocks(), &Source::Missing) else { panic!("a size") };
        assert!(why.contains("16 memory blocks"), "{why}");
    }
}
