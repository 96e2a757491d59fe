//! The memory blocks of a running machine.

use std::collections::btree_map::Range;
use std::collections::{BTreeMap, BTreeSet};

use memblock::PhysRange;

use crate::boot::zones::ZoneKind;

/// A memory block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it is online.
    pub online: Online,
    /// The node; the first if it lies on several.
    pub node: u32,
    /// Whether it lies on several nodes.
    pub spans_nodes: bool,
    /// The bytes of System RAM in it: fewer than the block's size if it has holes.
    pub present: u64,
    /// Whether it is boot memory.
    pub is_early: bool,
    /// The device that brought it, by its number; `None` for boot memory without one.
    pub(in crate::life) device: Option<u32>,
    /// Whether it holds pages that cannot move: an input, which only run time decides.
    pub is_pinned: bool,
    /// The bytes at its start that hold its own struct pages (memmap on memory).
    pub memmap: u64,
}

/// Whether and where a block is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Online {
    /// It is offline.
    No,
    /// In one zone.
    In(ZoneKind),
    /// In several zones: it cannot go offline.
    InSeveral,
}

impl Online {
    /// Whether it is online.
    pub const fn is(self) -> bool {
        !matches!(self, Self::No)
    }
}

/// The blocks, by number.
///
/// # Invariants
///
/// The size is a power of two, and every number times the size fits the address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    size: u64,
    all: BTreeMap<u64, Block>,
    /// Those of each node.
    of_node: BTreeSet<(u32, u64)>,
}

impl Blocks {
    pub(in crate::life) fn new(size: u64) -> Self {
        Self { size, all: BTreeMap::new(), of_node: BTreeSet::new() }
    }

    /// The bytes of a block.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The addresses of a block.
    pub fn range(&self, number: u64) -> Option<PhysRange> {
        PhysRange::from_size(number.checked_mul(self.size)?, self.size).ok()
    }

    /// A block. O(log n).
    pub fn get(&self, number: u64) -> Option<&Block> {
        self.all.get(&number)
    }

    /// All blocks, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Block)> {
        self.all.iter().map(|(&number, block)| (number, block))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The numbers from one to another, inclusive, that have a block.
    pub(in crate::life) fn between(&self, first: u64, last: u64) -> Range<'_, u64, Block> {
        if first <= last { self.all.range(first..=last) } else { self.all.range(0..0) }
    }

    /// The blocks in a range of whole blocks.
    pub(in crate::life) fn inside(&self, range: PhysRange) -> Range<'_, u64, Block> {
        self.between(range.start() / self.size, range.last() / self.size)
    }

    pub(in crate::life) fn get_mut(&mut self, number: u64) -> Option<&mut Block> {
        self.all.get_mut(&number)
    }

    pub(in crate::life) fn insert(&mut self, number: u64, block: Block) {
        let node = block.node;
        if let Some(old) = self.all.insert(number, block) {
            self.of_node.remove(&(old.node, number));
        }
        self.of_node.insert((node, number));
    }

    pub(in crate::life) fn remove(&mut self, number: u64) {
        if let Some(block) = self.all.remove(&number) {
            self.of_node.remove(&(block.node, number));
        }
    }

    /// The numbers of a node's blocks, ascending.
    pub(in crate::life) fn of_node(&self, node: u32) -> impl Iterator<Item = u64> {
        self.of_node.range((node, 0)..=(node, u64::MAX)).map(|(_, number)| *number)
    }

    /// Whether a node has a block.
    pub(in crate::life) fn has_node(&self, node: u32) -> bool {
        self.of_node(node).next().is_some()
    }
}
