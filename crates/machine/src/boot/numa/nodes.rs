//! Nodes: from the firmware's tables to address blocks, and from these to memblock.

use std::collections::{BTreeMap, BTreeSet};

use memblock::{NodeId, PhysRange, Region, Request, TableKind};

use crate::boot::early::{Early, Halt};
use crate::boot::numa::tables::NumaTables;
use crate::boot::trace::Step;

/// A block of addresses that belongs to a node, regardless of how much RAM is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) range: PhysRange,
    pub(crate) node: u32,
}

/// The nodes of a machine, as one source describes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nodes {
    /// The blocks, in the source's order.
    pub(crate) blocks: Vec<Block>,
    /// Every node the source names, with or without memory.
    pub(crate) parsed: BTreeSet<u32>,
    /// Distances by node; [`Nodes::distance`] fills in the rest.
    pub(crate) distances: BTreeMap<(u32, u32), u8>,
    /// The location of the kernel's distance table.
    pub(crate) distance_table: Option<PhysRange>,
    /// What blocks are trimmed to: from the start of memory to its end, unless the release trims to something else.
    pub(crate) trimmed_to: Option<PhysRange>,
}

/// A source the kernel gives up on, and why; it then tries the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);

/// A node's distance to itself, and the default distance to another.
const LOCAL: u8 = 10;
const REMOTE: u8 = 20;

const PARSE: Step =
    Step { name: "acpi_numa_init", source: "drivers/acpi/numa/srat.c:acpi_numa_memory_affinity_init (6.12)" };
const RESET: Step = Step { name: "numa_memblks_init", source: "mm/numa_memblks.c:numa_memblks_init (6.12)" };
const CLEAN: Step =
    Step { name: "numa_cleanup_meminfo", source: "mm/numa_memblks.c:numa_cleanup_meminfo (6.12)" };
const REGISTER: Step =
    Step { name: "numa_register_meminfo", source: "mm/numa_memblks.c:numa_register_meminfo (6.12)" };
const UNPLUG: Step = Step {
    name: "numa_clear_kernel_node_hotplug",
    source: "mm/numa_memblks.c:numa_clear_kernel_node_hotplug (6.12)",
};
const NODE_DATA: Step = Step { name: "alloc_node_data", source: "mm/numa.c:alloc_node_data (6.12)" };

/// Clears all nodes and HOTPLUG flags: each source starts from scratch.
pub(crate) fn reset(early: &mut Early<'_>) -> Result<(), Halt> {
    early.begin(RESET);
    let marked =
        early.memblock.memory().iter().any(|region| region.flags.contains(memblock::RegionFlags::HOTPLUG));
    for table in [TableKind::Memory, TableKind::Reserved] {
        for region in early.regions(table) {
            early.set_node(table, region.range, None)?;
        }
    }
    if marked {
        for region in early.regions(TableKind::Memory) {
            early.memblock.clear_hotplug(region.range)?;
        }
        early.note(
            "memblock_clear_hotplug: all memory",
            "each source of nodes says anew what can be unplugged",
        );
    }
    Ok(())
}

impl Nodes {
    /// One node for everything, if there is no better source.
    pub(crate) fn faked(range: Option<PhysRange>, early: &mut Early<'_>, why: &str) -> Self {
        early.begin(Step { name: "dummy_numa_init", source: "arch/*/mm/numa*.c:dummy_numa_init (6.12)" });
        let blocks: Vec<Block> = range.map(|range| Block { range, node: 0 }).into_iter().collect();
        for block in &blocks {
            early.note(format!("node 0 [{}]", block.range), why);
        }
        Self { blocks, parsed: BTreeSet::from([0]), ..Self::default() }
    }

    /// The nodes of a kernel without CONFIG_NUMA: all memory is node 0's, nothing is allocated for it, and no table is
    /// read, so that no memory is marked hot-pluggable.
    pub(crate) fn without_numa(early: &mut Early<'_>) -> Result<Self, Halt> {
        early.begin(Step {
            name: "initmem_init",
            source: "arch/x86/mm/init_64.c:initmem_init without CONFIG_NUMA (6.12)",
        });
        for region in early.regions(TableKind::Memory) {
            early.set_node(TableKind::Memory, region.range, Some(NodeId::ZERO))?;
        }
        early.note("node 0: all memory", "CONFIG_NUMA is off");
        Ok(Self { parsed: BTreeSet::from([0]), ..Self::default() })
    }

    /// The nodes from SRAT and SLIT; sets HOTPLUG in memblock for memory that can be unplugged.
    ///
    /// The number of nodes is limited; if a table has one more, the kernel gives up on it.
    pub(crate) fn of_acpi(
        tables: &NumaTables,
        early: &mut Early<'_>,
        max_nodes: usize,
    ) -> Result<Result<Self, Refused>, Halt> {
        early.begin(PARSE);
        if !tables.has_srat {
            return Ok(Err(Refused("there is no SRAT".into())));
        }
        let node_of = tables.nodes();
        let mut nodes = Self { parsed: node_of.values().copied().collect(), ..Self::default() };
        if nodes.parsed.len() > max_nodes {
            let domains = nodes.parsed.len();
            return Ok(Err(Refused(format!("SRAT: Too many proximity domains: {domains} of {max_nodes}"))));
        }
        for memory in &tables.memory {
            let Some(&node) = node_of.get(&memory.domain) else { continue };
            let hotplug = if memory.hot_pluggable { " hotplug" } else { "" };
            early.note(
                format!("SRAT: Node {node} PXM {} [{}]{hotplug}", memory.domain, memory.range),
                "an enabled memory affinity entry",
            );
            nodes.blocks.push(Block { range: memory.range, node });
            if memory.hot_pluggable {
                early.mark_hotplug(memory.range, "the SRAT says that memory there can be unplugged")?;
            }
        }
        nodes.set_distances(tables, &node_of, early)?;
        if nodes.blocks.is_empty() {
            return Ok(Err(Refused("the SRAT describes no memory".into())));
        }
        Ok(Ok(nodes))
    }

    /// Applies a SLIT: an implausible table is ignored entirely, and the first distance makes the kernel allocate its
    /// table.
    fn set_distances(
        &mut self,
        tables: &NumaTables,
        node_of: &BTreeMap<u32, u32>,
        early: &mut Early<'_>,
    ) -> Result<(), Halt> {
        let rows = &tables.distances;
        let is_plausible = rows.iter().enumerate().all(|(from, row)| {
            row.iter().enumerate().all(|(to, &d)| if from == to { d == LOCAL } else { d > LOCAL })
        });
        if rows.is_empty() {
            return Ok(());
        }
        if !is_plausible {
            early.note(
                "SLIT table looks invalid. Not used.",
                "a node is 10 from itself and farther from others",
            );
            return Ok(());
        }
        for (from, row) in rows.iter().enumerate() {
            for (to, &distance) in row.iter().enumerate() {
                let node = |domain: usize| node_of.get(&u32::try_from(domain).ok()?).copied();
                if let (Some(from), Some(to)) = (node(from), node(to)) {
                    self.distances.insert((from, to), distance);
                }
            }
        }
        self.allocate_distances(early)
    }

    /// The kernel's distance table: a byte for each pair of nodes, page-aligned.
    pub(crate) fn allocate_distances(&mut self, early: &mut Early<'_>) -> Result<(), Halt> {
        let nodes = self.parsed.last().map_or(0, |last| u64::from(*last).saturating_add(1));
        if self.distances.is_empty() || nodes == 0 {
            return Ok(());
        }
        let request = Request { align: 4096, ..Request::new(nodes.saturating_mul(nodes)) };
        self.distance_table = early.try_alloc(&request, "the table of distances")?;
        Ok(())
    }

    /// The kernel gives up on this source, and frees what it allocated for it.
    pub(crate) fn give_up(&self, early: &mut Early<'_>) -> Result<(), Halt> {
        match self.distance_table {
            Some(table) => early.free(table, "the distances of a source that does not hold"),
            None => Ok(()),
        }
    }

    /// The distance from one node to another.
    pub(crate) fn distance(&self, from: u32, to: u32) -> u8 {
        let by_default = if from == to { LOCAL } else { REMOTE };
        self.distances.get(&(from, to)).copied().unwrap_or(by_default)
    }

    /// Trims the blocks to where there is memory (before 6.12, x86 only cuts them at its end), and joins blocks of one node that have no other node's block between
    /// them.
    ///
    /// Blocks without memory are dropped. Overlapping blocks of different nodes make the kernel give up on the whole
    /// source.
    pub(crate) fn clean_up(&mut self, early: &mut Early<'_>) -> Result<(), Refused> {
        early.begin(CLEAN);
        let memory = early.memblock.memory();
        let span = self.trimmed_to.or(memory.span());
        let cut = |block: &Block| {
            let range = block.range.intersect(span?)?;
            memory.overlaps(block.range).then_some(Block { range, ..*block })
        };
        let mut blocks: Vec<Block> = self.blocks.iter().filter_map(cut).collect();
        let mut at = 0;
        while let Some(&block) = blocks.get(at) {
            let mut other = at.saturating_add(1);
            let mut joined = block;
            while let Some(&next) = blocks.get(other) {
                if joined.range.overlaps(next.range) && joined.node != next.node {
                    return Err(Refused(format!(
                        "node {} [{}] overlaps with node {} [{}]",
                        joined.node, joined.range, next.node, next.range
                    )));
                }
                let hull = joined.range.hull(next.range);
                let is_between = |b: &Block| b.node != joined.node && b.range.overlaps(hull);
                if joined.node != next.node || blocks.iter().any(is_between) {
                    other = other.saturating_add(1);
                    continue;
                }
                early.trace.note(
                    format!("NUMA: Node {} [{}] + [{}] -> [{hull}]", joined.node, joined.range, next.range),
                    "no other node lies between",
                );
                joined.range = hull;
                blocks.remove(other);
                if let Some(slot) = blocks.get_mut(at) {
                    *slot = joined;
                }
            }
            at = at.saturating_add(1);
        }
        self.blocks = blocks;
        Ok(())
    }

    /// Assigns memory to its nodes, and clears HOTPLUG on every node that already has a reservation: the kernel uses
    /// it, so it can never be unplugged. If more than `tolerated` bytes of memory have no node, the kernel gives up on
    /// the source.
    pub(crate) fn register(
        &self,
        early: &mut Early<'_>,
        tolerated: u64,
    ) -> Result<Result<(), Refused>, Halt> {
        early.begin(REGISTER);
        for block in &self.blocks {
            early.set_node(TableKind::Memory, block.range, NodeId::new(block.node))?;
            early.note(format!("node {}: [{}]", block.node, block.range), "the block's node");
        }
        self.clear_hotplug_of_kernel_nodes(early)?;
        early.begin(REGISTER);
        if !early.memblock.validate_numa_coverage(tolerated) {
            let missing = early.memblock.nodeless_size();
            return Ok(Err(Refused(format!("no nodes coverage for {} KiB of RAM", missing >> 10))));
        }
        Ok(Ok(()))
    }

    fn clear_hotplug_of_kernel_nodes(&self, early: &mut Early<'_>) -> Result<(), Halt> {
        early.begin(UNPLUG);
        for block in &self.blocks {
            early.set_node(TableKind::Reserved, block.range, NodeId::new(block.node))?;
        }
        let reserved = early.regions(TableKind::Reserved);
        let on = |node: u32| reserved.iter().find(|region| region.node.map(NodeId::get) == Some(node));
        for block in &self.blocks {
            let Some(Region { range, .. }) = on(block.node).copied() else { continue };
            let carries = early.memblock.memory().iter().any(|region| {
                region.range.overlaps(block.range) && region.flags.contains(memblock::RegionFlags::HOTPLUG)
            });
            if carries {
                let why =
                    format!("[{range}] on node {} is reserved: the node cannot be unplugged", block.node);
                early.clear_hotplug(block.range, &why)?;
            }
        }
        Ok(())
    }
}

/// Allocates the node data of each node that has memory, in node order, on the node itself if possible.
pub(crate) fn allocate_node_data(early: &mut Early<'_>, bytes: u64) -> Result<(), Halt> {
    let nodes = with_memory(early);
    allocate_data_of(early, &nodes, bytes)
}

/// Allocates the node data of these nodes, on the node itself if possible.
pub(crate) fn allocate_data_of(early: &mut Early<'_>, nodes: &BTreeSet<u32>, bytes: u64) -> Result<(), Halt> {
    early.begin(NODE_DATA);
    for &node in nodes {
        let request = Request { node: NodeId::new(node), ..Request::new(bytes) };
        let range = early.alloc(&request, &format!("NODE_DATA({node})"))?;
        early.node_data.insert(node, range);
        let lies_on = early.memblock.memory().iter().find(|region| region.range.contains(range.start()));
        if let Some(other) = lies_on.and_then(|region| region.node).filter(|other| other.get() != node) {
            early.note(format!("NODE_DATA({node}) on node {other}"), "the node itself has no place for it");
        }
    }
    Ok(())
}

/// The nodes with whole pages of memory, ascending.
pub(crate) fn with_memory(early: &Early<'_>) -> BTreeSet<u32> {
    let pages = early.memblock.memory_pfn_ranges(None);
    pages.filter_map(|pages| pages.node).map(NodeId::get).collect()
}

#[cfg(test)]
mod tests {
    use memblock::Memblock;

    use super::*;

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    fn early(memory: &[PhysRange]) -> Early<'static> {
        let mut memblock = Memblock::new();
        for range in memory {
            memblock.add(*range).unwrap();
        }
        Early::new(memblock)
    }

    fn block(start: u64, end: u64, node: u32) -> Block {
        Block { range: r(start, end), node }
    }

    fn cleaned(early: &mut Early<'_>, blocks: &[Block]) -> Result<Vec<Block>, Refused> {
        let mut nodes = Nodes { blocks: blocks.to_vec(), ..Nodes::default() };
        nodes.clean_up(early).map(|()| nodes.blocks)
    }

    #[test]
    fn blocks_of_a_node_join_unless_another_node_lies_between() {
        let mut early = early(&[r(0x1000, 0x1_0000)]);
        let apart = [block(0, 0x3000, 0), block(0x5000, 0x7000, 1), block(0x8000, 0x9000, 0)];
        assert_eq!(
            cleaned(&mut early, &apart),
            Ok(vec![block(0x1000, 0x3000, 0), block(0x5000, 0x7000, 1), block(0x8000, 0x9000, 0)])
        );
        let near = [block(0, 0x3000, 0), block(0x4000, 0x5000, 0), block(0x5000, 0xffff_0000, 1)];
        assert_eq!(
            cleaned(&mut early, &near),
            Ok(vec![block(0x1000, 0x5000, 0), block(0x5000, 0x1_0000, 1)])
        );
    }

    #[test]
    fn blocks_of_two_nodes_must_not_overlap() {
        let mut early = early(&[r(0x1000, 0x1_0000)]);
        let error = cleaned(&mut early, &[block(0, 0x3000, 0), block(0x2000, 0x4000, 1)]).unwrap_err();
        assert_eq!(error.0, "node 0 [00001000-00002fff] overlaps with node 1 [00002000-00003fff]");
    }

    #[test]
    fn one_reserved_byte_clears_the_flag_of_its_node_only() {
        let mut early = early(&[r(0x1000, 0x1_0000)]);
        early.memblock.mark_hotplug(r(0, 0x1_0000)).unwrap();
        early.memblock.reserve(r(0x1234, 0x1235)).unwrap();
        let nodes =
            Nodes { blocks: vec![block(0x1000, 0x8000, 0), block(0x8000, 0x1_0000, 1)], ..Nodes::default() };
        assert_eq!(nodes.register(&mut early, 0), Ok(Ok(())));
        let flags: Vec<bool> =
            early.memblock.memory().iter().map(|region| !region.flags.is_empty()).collect();
        assert_eq!(flags, [false, true]);
    }

    #[test]
    fn memory_without_a_node_is_refused_if_none_is_tolerated() {
        let mut early = early(&[r(0x1000, 0x1_0000)]);
        let nodes = Nodes { blocks: vec![block(0x1000, 0xf000, 0)], ..Nodes::default() };
        assert_eq!(nodes.register(&mut early, 0x1000), Ok(Ok(())));
        assert!(nodes.register(&mut early, 0xfff).unwrap().is_err());
    }
}
