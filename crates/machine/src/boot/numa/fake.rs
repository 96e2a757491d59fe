//! `numa=fake=`: splits the machine's nodes into smaller ones, to test NUMA on a machine without it.
//!
//! The split starts from the nodes in the tables; each piece ends where enough memory has accumulated, and fake nodes
//! are taken from the real ones in turn (mm/numa_emulation.c, 6.12).

use std::collections::BTreeSet;

use memblock::PhysRange;

use crate::boot::early::{Early, Halt};
use crate::boot::numa::nodes::{Block, Nodes};
use crate::boot::trace::Step;
use crate::command_line::numa::{FakeNodes, Split};

const STEP: Step = Step { name: "numa_emulation", source: "mm/numa_emulation.c:numa_emulation (6.12)" };

/// The minimum node size; all sizes are multiples of it.
const SMALLEST: u64 = 32 << 20;
/// The number of nodes in a typical kernel configuration (`CONFIG_NODES_SHIFT` 10).
const MOST_NODES: u64 = 1024;

/// Replaces the nodes with fake ones, or leaves them unchanged if that is not possible.
///
/// `dma32_end` is the end of 32-bit addressable memory: a node that would leave the next one no memory there takes all
/// of it.
pub(crate) fn emulate(
    nodes: &mut Nodes,
    early: &mut Early<'_>,
    fake: &FakeNodes,
    dma32_end: u64,
) -> Result<(), Halt> {
    early.begin(STEP);
    let end = nodes.blocks.iter().map(|block| block.range.end()).max().unwrap_or(0);
    let mut cutting = Cutting {
        memory: early.memblock.memory_pfn_ranges(None).map(|p| (p.start, p.end)).collect(),
        shift: early.memblock.page_size().bytes().trailing_zeros(),
        left: nodes.blocks.clone(),
        made: Vec::new(),
        next: 0,
        dma32_end,
    };
    let done = match fake.split {
        Split::Nodes(count) => cutting.cut_into_nodes(count, end),
        Split::Bytes(size) => cutting.cut_into_sizes(size, end),
        Split::PerNode(count) => cutting.cut_each_into(count),
    };
    if let Err(why) = done {
        early.note("numa=fake= changes nothing", why);
        return Ok(());
    }
    let real = |fake: u32| cutting.made.iter().find(|(block, _)| block.node == fake).map(|(_, node)| *node);
    let mut faked = Nodes {
        blocks: cutting.made.iter().map(|(block, _)| *block).collect(),
        parsed: cutting.made.iter().map(|(block, _)| block.node).collect(),
        trimmed_to: nodes.trimmed_to,
        ..Nodes::default()
    };
    // The distances from the command line, row by row, as far as they go; then those of the real nodes.
    let mut given = fake.distances.split(',').map_while(|distance| distance.trim().parse().ok());
    for &from in &faked.parsed {
        for &to in &faked.parsed {
            let of_real = || Some(nodes.distance(real(from)?, real(to)?));
            faked.distances.extend(given.next().or_else(of_real).map(|distance| ((from, to), distance)));
        }
    }
    for block in &faked.blocks {
        let mib = block.range.size() >> 20;
        early.note(format!("Faking node {} at [{}] ({mib}MB)", block.node, block.range), "numa=fake=");
    }
    if let Err(refused) = faked.clean_up(early) {
        early.note("numa=fake= changes nothing", refused.0);
        return Ok(());
    }
    if let Some(table) = nodes.distance_table {
        early.free(table, "fake nodes have distances of their own")?;
    }
    faked.allocate_distances(early)?;
    *nodes = faked;
    Ok(())
}

/// Real nodes being split.
struct Cutting {
    /// Whole pages of memory.
    memory: Vec<(u64, u64)>,
    shift: u32,
    /// What is left of the real nodes' blocks.
    left: Vec<Block>,
    /// The pieces, each with the real node it came from.
    made: Vec<(Block, u32)>,
    next: u64,
    dma32_end: u64,
}

/// How a piece is cut.
struct Cut {
    /// The minimum bytes per piece.
    size: u64,
    /// Whether holes count as memory.
    counts_holes: bool,
    /// The number of pieces, from the first, that get [`SMALLEST`] more.
    larger: u64,
    /// Node numbers wrap to 0 after this many.
    modulus: u64,
}

impl Cutting {
    /// `numa=fake=N`: N nodes of about the same size.
    fn cut_into_nodes(&mut self, count: u64, end: u64) -> Result<(), String> {
        let count = count.min(MOST_NODES);
        let pages = self.memory_in(0, end) >> self.shift;
        let Some(each) = pages.checked_div(count).map(|pages| pages << self.shift) else {
            return Err("no nodes are asked for".into());
        };
        let size = each & !(SMALLEST - 1);
        if size == 0 {
            return Err("Not enough memory for each node.".into());
        }
        let larger = (each & (SMALLEST - 1)).saturating_mul(count) / SMALLEST;
        self.cut_all(&Cut { size, counts_holes: false, larger, modulus: count }, None);
        Ok(())
    }

    /// `numa=fake=SIZE`: nodes of at least that size.
    fn cut_into_sizes(&mut self, size: u64, end: u64) -> Result<(), String> {
        if size == 0 {
            return Err("no size is asked for".into());
        }
        let least = ((self.memory_in(0, end) >> self.shift) / MOST_NODES) << self.shift;
        let least = least.max(SMALLEST).checked_next_multiple_of(SMALLEST).unwrap_or(SMALLEST);
        let size = size.max(least) & !(SMALLEST - 1);
        self.cut_all(&Cut { size, counts_holes: false, larger: 0, modulus: MOST_NODES }, None);
        Ok(())
    }

    /// `numa=fake=NU`: each real node into N.
    fn cut_each_into(&mut self, count: u64) -> Result<(), String> {
        let nodes: BTreeSet<u32> = self.left.iter().map(|block| block.node).collect();
        for node in nodes {
            let before = self.next;
            let Some(first) = self.left.first().copied() else { break };
            let pages = (first.range.end() >> self.shift).saturating_sub(first.range.start() >> self.shift);
            let Some(each) = pages.checked_div(count).map(|pages| pages << self.shift) else {
                return Err("no nodes are asked for".into());
            };
            let size = each.max(SMALLEST).checked_next_multiple_of(SMALLEST).unwrap_or(SMALLEST);
            self.cut_all(&Cut { size, counts_holes: true, larger: 0, modulus: MOST_NODES }, Some(first.node));
            let got = self.next.saturating_sub(before);
            if got < count {
                return Err(format!("node {node} only gave {got} of {count} nodes"));
            }
        }
        Ok(())
    }

    /// Cuts the blocks of all real nodes, or of one, in turn until nothing is left.
    fn cut_all(&mut self, cut: &Cut, only: Option<u32>) {
        let mut nodes: BTreeSet<u32> = self.left.iter().map(|block| block.node).collect();
        nodes.retain(|node| only.is_none_or(|only| only == *node));
        while !nodes.is_empty() {
            nodes.retain(|node| self.cut_one(cut, *node));
        }
    }

    /// Cuts one piece off a node; `false` if nothing is left of it.
    fn cut_one(&mut self, cut: &Cut, node: u32) -> bool {
        let Some(at) = self.left.iter().position(|block| block.node == node) else { return false };
        let Some(block) = self.left.get(at).copied() else { return false };
        let (start, limit) = (block.range.start(), block.range.end());
        let number = self.next.checked_rem(cut.modulus).unwrap_or(0);
        let mut end = start.saturating_add(cut.size);
        if self.next < cut.larger {
            end = end.saturating_add(SMALLEST);
        }
        if !cut.counts_holes {
            end = self.end_with(cut.size, start, end, limit);
        }
        if end < self.dma32_end && self.memory_in(end, self.dma32_end) < SMALLEST {
            end = self.dma32_end;
        }
        if !cut.counts_holes && self.memory_in(end, limit) < cut.size {
            end = limit;
        }
        let end = end.min(limit);
        let Ok(range) = PhysRange::new(start, end) else { return false };
        let fake = u32::try_from(number).unwrap_or(u32::MAX);
        self.made.push((Block { range, node: fake }, node));
        self.next = self.next.saturating_add(1);
        match (PhysRange::new(end, limit), self.left.get_mut(at)) {
            (Ok(rest), Some(block)) => block.range = rest,
            _ => drop(self.left.remove(at)),
        }
        true
    }

    /// The end of a piece with `size` bytes of memory: at `end`, or a multiple of [`SMALLEST`] later, but at most
    /// `limit`.
    fn end_with(&self, size: u64, start: u64, end: u64, limit: u64) -> u64 {
        let after = |steps: u64| end.saturating_add(steps.saturating_mul(SMALLEST));
        let (mut few, mut enough) = (0, limit.saturating_sub(end) / SMALLEST);
        if self.memory_in(start, after(enough)) < size {
            return limit.max(end);
        }
        // Memory only grows with the number of steps, so a binary search finds the minimum.
        while few < enough {
            let middle = few.midpoint(enough);
            if self.memory_in(start, after(middle)) < size {
                few = middle.saturating_add(1);
            } else {
                enough = middle;
            }
        }
        after(enough)
    }

    /// Bytes between two addresses minus the holes, counted in whole pages.
    fn memory_in(&self, start: u64, end: u64) -> u64 {
        let (up, down) = (start.div_ceil(1 << self.shift), end >> self.shift);
        let hit = self.memory.iter().map(|&(from, to)| to.min(down).saturating_sub(from.max(up)));
        let pages = hit.fold(0, u64::saturating_add);
        let holes = down.saturating_sub(up).saturating_sub(pages) << self.shift;
        end.saturating_sub(start).saturating_sub(holes)
    }
}

#[cfg(test)]
mod tests {
    use memblock::Memblock;

    use super::*;

    /// The machine in the capture numa-fake4: 3 GiB with the usual holes, one node.
    fn faked(split: Split) -> Vec<(u64, u64, u32)> {
        let mut memblock = Memblock::new();
        for (start, end) in [(0x1000, 0x9_f000), (0x10_0000, 0xbffe_0000)] {
            memblock.add(PhysRange::new(start, end).unwrap()).unwrap();
        }
        let mut early = Early::new(memblock);
        let range = PhysRange::new(0x1000, 0xbffe_0000).unwrap();
        let blocks = vec![Block { range, node: 0 }];
        let mut nodes = Nodes { blocks, parsed: BTreeSet::from([0]), ..Nodes::default() };
        let fake = FakeNodes { split, distances: String::new() };
        emulate(&mut nodes, &mut early, &fake, 1 << 32).unwrap();
        nodes.blocks.iter().map(|block| (block.range.start(), block.range.end(), block.node)).collect()
    }

    #[test]
    fn nodes_of_about_the_same_size_end_where_enough_memory_has_accumulated() {
        assert_eq!(
            faked(Split::Nodes(4)),
            [
                (0x1000, 0x3000_1000, 0),
                (0x3000_1000, 0x6000_1000, 1),
                (0x6000_1000, 0x9000_1000, 2),
                (0x9000_1000, 0xbffe_0000, 3)
            ]
        );
    }

    #[test]
    fn nodes_that_cannot_be_split_stay_whole() {
        let whole = [(0x1000, 0xbffe_0000, 0)];
        assert_eq!(faked(Split::Nodes(0)), whole);
        assert_eq!(faked(Split::PerNode(0)), whole);
        assert_eq!(faked(Split::PerNode(2)).len(), 2);
        assert_eq!(faked(Split::Bytes(1 << 30)).len(), 2);
    }

    #[test]
    fn the_last_node_takes_a_rest_too_small_for_another() {
        let ends: Vec<u64> = faked(Split::Bytes(1 << 30)).iter().map(|(_, end, _)| *end).collect();
        assert_eq!(ends.last(), Some(&0xbffe_0000));
    }
}
