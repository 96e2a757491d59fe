//! The node of each address.

use memblock::PhysRange;

use evidence::snapshot::MemoryBlocks;
use evidence::zones::Zone;
use evidence::{BootLog, Evidence, MemblockTable};

/// The node of each address, from the sources that know it, most reliable first.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeMap {
    layers: Vec<Vec<(PhysRange, u32)>>,
    /// Set on a machine with a single node.
    only: Option<u32>,
    page_size: u64,
}

impl NodeMap {
    pub(crate) fn of(evidence: &Evidence, page_size: u64) -> Self {
        let zones = evidence.zones.read().map_or(&[][..], Vec::as_slice);
        let by_block = evidence.blocks.read().map_or_else(Vec::new, of_blocks);
        let by_memblock = evidence.memblock_memory.read().map_or_else(Vec::new, of_memblock);
        let by_early_ranges = evidence.log.read().map_or_else(Vec::new, of_early_ranges);
        let by_zone = of_zones(zones, page_size);
        let mut nodes: Vec<u32> = match evidence.nodes.read() {
            Some(nodes) if !nodes.nodes.is_empty() => nodes.nodes.iter().map(|node| node.number).collect(),
            _ => zones.iter().map(|zone| zone.node).collect(),
        };
        nodes.dedup();
        let only = match nodes.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        Self { layers: vec![by_block, by_memblock, by_early_ranges, by_zone], only, page_size }
    }

    /// Splits `range` at node boundaries; the pieces are in order and cover all of it.
    pub(crate) fn split(&self, range: PhysRange) -> Vec<(PhysRange, Option<u32>)> {
        let mut pieces = vec![(range, None)];
        for layer in &self.layers {
            pieces = pieces
                .into_iter()
                .flat_map(|(piece, node)| match node {
                    Some(_) => vec![(piece, node)],
                    None => fill(piece, layer),
                })
                .collect();
        }
        for (_, node) in &mut pieces {
            *node = node.or(self.only);
        }
        join(pieces, self.page_size)
    }
}

/// Assigns each part of `piece` the node that `layer` knows for it.
fn fill(piece: PhysRange, layer: &[(PhysRange, u32)]) -> Vec<(PhysRange, Option<u32>)> {
    let mut out = Vec::new();
    let mut rest = Some(piece);
    let first = layer.partition_point(|(range, _)| range.end() <= piece.start());
    for &(range, node) in layer.iter().skip(first) {
        let Some(left) = rest else { break };
        let Some(part) = range.intersect(left) else { break };
        let (below, above) = left.subtract(part);
        out.extend(below.map(|below| (below, None)));
        out.push((part, Some(node)));
        rest = above;
    }
    out.extend(rest.map(|rest| (rest, None)));
    out
}

/// Joins neighbors on one node, and gives a partial page at the edge of RAM to its neighbor: layers that work in whole
/// pages do not cover it.
fn join(pieces: Vec<(PhysRange, Option<u32>)>, page_size: u64) -> Vec<(PhysRange, Option<u32>)> {
    let mut out: Vec<(PhysRange, Option<u32>)> = Vec::with_capacity(pieces.len());
    for (piece, node) in pieces {
        match out.last_mut() {
            Some((last, last_node))
                if *last_node == node
                    || (node.is_none() && piece.size() < page_size)
                    || (last_node.is_none() && last.size() < page_size) =>
            {
                *last = last.hull(piece);
                *last_node = last_node.or(node);
            }
            _ => out.push((piece, node)),
        }
    }
    out
}

/// Blocks on a single node. A block on two nodes is left to the layers that know the boundary.
fn of_blocks(memory: &MemoryBlocks) -> Vec<(PhysRange, u32)> {
    let mut ranges: Vec<(PhysRange, u32)> = Vec::new();
    for block in &memory.blocks {
        let &[node] = block.nodes.as_slice() else { continue };
        let Some(start) = block.number.checked_mul(memory.block_size) else { continue };
        let Ok(range) = PhysRange::from_size(start, memory.block_size) else { continue };
        match ranges.last_mut() {
            Some((last, same)) if *same == node && last.end() == range.start() => *last = last.hull(range),
            _ => ranges.push((range, node)),
        }
    }
    ranges
}

fn of_memblock(table: &MemblockTable) -> Vec<(PhysRange, u32)> {
    sorted(table.regions.iter().filter_map(|region| Some((region.range, region.node?.get()))).collect())
}

fn of_early_ranges(log: &BootLog) -> Vec<(PhysRange, u32)> {
    sorted(log.early_node_ranges.iter().map(|early| (early.range, early.node.get())).collect())
}

/// The parts of zone spans that belong to a single node.
fn of_zones(zones: &[Zone], page_size: u64) -> Vec<(PhysRange, u32)> {
    let spans: Vec<(PhysRange, u32)> = zones
        .iter()
        .filter(|zone| zone.present > 0)
        .filter_map(|zone| Some((zone.span(page_size)?, zone.node)))
        .collect();
    let alone = |&(span, node): &(PhysRange, u32)| !spans.iter().any(|&(s, n)| n != node && s.overlaps(span));
    sorted(spans.iter().copied().filter(alone).collect())
}

fn sorted(mut ranges: Vec<(PhysRange, u32)>) -> Vec<(PhysRange, u32)> {
    ranges.sort_unstable();
    // Spans of two zones on one node may overlap (Movable inside Normal). Disjoint ranges keep `fill` simple.
    let mut out: Vec<(PhysRange, u32)> = Vec::with_capacity(ranges.len());
    for (range, node) in ranges {
        match out.last_mut() {
            Some((last, same)) if range.start() < last.end() => {
                if *same == node {
                    *last = last.hull(range);
                }
            }
            _ => out.push((range, node)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::Snapshot;
    use evidence::Source;
    use evidence::snapshot::{BlockState, MemblockFiles, MemoryBlock};

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    fn block(number: u64, nodes: &[u32]) -> MemoryBlock {
        MemoryBlock {
            number,
            state: BlockState::Online,
            nodes: nodes.to_vec(),
            valid_zones: Vec::new(),
            firmware_node: None,
        }
    }

    #[test]
    fn a_block_on_two_nodes_is_split_where_memblock_says() {
        let snapshot = Snapshot {
            memory_blocks: Source::Read(MemoryBlocks {
                block_size: 0x1000_0000,
                blocks: vec![block(0, &[0]), block(1, &[0, 1]), block(2, &[1])],
                ..MemoryBlocks::default()
            }),
            memblock: MemblockFiles {
                memory: Source::Read(
                    "   0: 0x0000000000000000..0x0000000017ffffff    0 NONE\n   \
                     1: 0x0000000018000000..0x000000002fffffff    1 NONE\n"
                        .into(),
                ),
                ..MemblockFiles::default()
            },
            ..Snapshot::default()
        };
        let map = NodeMap::of(&snapshot.into(), 4096);
        assert_eq!(
            map.split(r(0, 0x3000_0000)),
            [(r(0, 0x1800_0000), Some(0)), (r(0x1800_0000, 0x3000_0000), Some(1))]
        );
    }

    #[test]
    fn a_partial_page_at_the_edge_of_ram_follows_its_neighbor() {
        let log = "Early memory node ranges\n  node   1: [mem 0x1000-0x9efff]\n";
        let snapshot = Snapshot { kernel_log: Source::Read(log.into()), ..Snapshot::default() };
        let map = NodeMap::of(&snapshot.into(), 4096);
        assert_eq!(map.split(r(0x1000, 0x9fc00)), [(r(0x1000, 0x9fc00), Some(1))]);
    }

    #[test]
    fn addresses_no_layer_knows_have_no_node() {
        assert_eq!(NodeMap::default().split(r(0, 8)), [(r(0, 8), None)]);
    }
}
