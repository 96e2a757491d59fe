//! Lookups in the memory blocks of `/sys/devices/system/memory`.

pub(crate) mod block_size;

use memblock::PhysRange;

use crate::snapshot::{BlockState, MemoryBlock, MemoryBlocks};

impl MemoryBlocks {
    /// The addresses of a block; `None` if its number does not fit the address space.
    pub fn range_of(&self, block: &MemoryBlock) -> Option<PhysRange> {
        PhysRange::from_size(block.number.checked_mul(self.block_size)?, self.block_size).ok()
    }

    /// The blocks that overlap `range`, ascending. O(log n) to find the first.
    pub fn overlapping(&self, range: PhysRange) -> impl Iterator<Item = &MemoryBlock> {
        let size = self.block_size.max(1);
        let (first, last) = (range.start() / size, range.last() / size);
        let from = self.blocks.partition_point(|block| block.number < first);
        self.blocks.iter().skip(from).take_while(move |block| block.number <= last)
    }

    /// Whether `range` starts and ends on block boundaries, as all hot-added memory does.
    pub fn is_whole(&self, range: PhysRange) -> bool {
        let size = self.block_size.max(1);
        range.start().is_multiple_of(size) && range.end().is_multiple_of(size)
    }
}

/// The state of a memory range, derived from its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it is online.
    Online,
    /// All of it is offline.
    Offline,
    /// Some of it is online and some is not, or is going offline.
    Mixed,
}

impl State {
    /// The word used in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Mixed => "mixed",
        }
    }

    /// The combined state of blocks; `None` if there are no blocks, or none with a known state.
    pub fn of_blocks<'a>(blocks: impl Iterator<Item = &'a MemoryBlock>) -> Option<Self> {
        blocks
            .filter_map(|block| match block.state {
                BlockState::Online => Some(Self::Online),
                BlockState::Offline => Some(Self::Offline),
                BlockState::GoingOffline => Some(Self::Mixed),
                BlockState::Unknown => None,
            })
            .reduce(|a, b| if a == b { a } else { Self::Mixed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(states: &[(u64, BlockState)]) -> MemoryBlocks {
        let block = |&(number, state)| MemoryBlock {
            number,
            state,
            nodes: vec![0],
            valid_zones: Vec::new(),
            firmware_node: None,
        };
        MemoryBlocks {
            block_size: 0x100,
            blocks: states.iter().map(block).collect(),
            ..MemoryBlocks::default()
        }
    }

    #[test]
    fn a_range_overlaps_the_blocks_that_hold_its_first_and_last_byte() {
        let all = blocks(&[(0, BlockState::Online), (1, BlockState::Online), (3, BlockState::Offline)]);
        let numbers = |start, end| {
            let range = PhysRange::new(start, end).unwrap();
            all.overlapping(range).map(|block| block.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(0xff, 0x101), [0, 1]);
        assert_eq!(numbers(0x100, 0x200), [1]);
        assert_eq!(numbers(0x200, 0x301), [3]);
    }

    #[test]
    fn one_offline_block_among_online_blocks_makes_the_range_mixed() {
        let all = blocks(&[(0, BlockState::Online), (1, BlockState::Offline), (2, BlockState::Unknown)]);
        assert_eq!(State::of_blocks(all.blocks.iter()), Some(State::Mixed));
        assert_eq!(State::of_blocks(all.blocks.iter().take(1)), Some(State::Online));
        assert_eq!(State::of_blocks(all.blocks.iter().skip(2)), None);
    }
}
