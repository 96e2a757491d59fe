//! Memory nodes.

use memblock::{NodeId, PhysRange};

use super::cells::{Cells, Ranges};
use super::error::FdtError;
use super::tree::{Children, Node, Tree};

/// One range of a memory node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The addresses, to the byte. Linux shrinks them to whole pages.
    pub range: PhysRange,
    /// `numa-node-id` of the node; `None` also if that is not a valid node number.
    pub node: Option<NodeId>,
    /// The node has `hotpluggable`.
    pub hotpluggable: bool,
    /// The node's `status` is absent, `okay` or `ok`. Otherwise Linux does not use the memory.
    pub enabled: bool,
    /// The range comes from `linux,usable-memory`, which overrides `reg`: old kexec versions limit a crash
    /// kernel this way.
    pub usable_memory: bool,
    /// Offset of the memory node in the blob, in bytes; the same for all ranges of one node.
    pub offset: usize,
}

/// Iterator over the ranges of all memory nodes, from [`Fdt::memory`](super::Fdt::memory).
///
/// Pairs of size 0 and other faults are errors in their place, and the next ranges follow. An invalid
/// `numa-node-id` is one error before the ranges of its node, which then have no node: Linux adds the memory
/// without looking at it (`drivers/of/fdt.c:early_init_dt_scan_memory`).
#[derive(Clone, Debug)]
pub struct MemoryNodes<'a> {
    nodes: Children<'a>,
    cells: Cells,
    current: Option<Current<'a>>,
}

/// The node whose ranges are being returned.
#[derive(Clone, Debug)]
struct Current<'a> {
    /// What is wrong with the node itself, to be returned before its ranges.
    fault: Option<FdtError>,
    ranges: Ranges<'a>,
    node: Option<NodeId>,
    hotpluggable: bool,
    enabled: bool,
    usable_memory: bool,
    offset: usize,
}

impl<'a> MemoryNodes<'a> {
    pub(super) fn new(tree: &Tree<'a>, cells: Cells) -> Self {
        Self { nodes: tree.root().children(), cells, current: None }
    }

    fn enter(&self, node: &Node<'a>) -> Current<'a> {
        const USABLE: &str = "linux,usable-memory";
        let usable = node.property(USABLE.as_bytes());
        let usable_memory = usable.is_some();
        let what = if usable_memory { USABLE } else { "memory reg" };
        let (numa_node, fault) = match numa_node(node) {
            Ok(numa_node) => (numa_node, None),
            Err(fault) => (None, Some(fault)),
        };
        Current {
            fault,
            ranges: Ranges::new(usable.or_else(|| node.property(b"reg")), self.cells, what),
            node: numa_node,
            hotpluggable: node.property(b"hotpluggable").is_some(),
            enabled: node.is_available(),
            usable_memory,
            offset: node.offset,
        }
    }
}

/// The node number in `numa-node-id`, if the property exists.
fn numa_node(node: &Node<'_>) -> Result<Option<NodeId>, FdtError> {
    const WHAT: &str = "numa-node-id";
    let Some(property) = node.property(WHAT.as_bytes()) else { return Ok(None) };
    let number = property.u32(WHAT)?;
    match NodeId::new(number) {
        Some(node) => Ok(Some(node)),
        None => Err(FdtError::Value {
            what: WHAT,
            offset: property.offset,
            value: u64::from(number),
            expected: "a node number",
        }),
    }
}

impl Iterator for MemoryNodes<'_> {
    type Item = Result<Memory, FdtError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(fault) = current.fault.take() {
                    return Some(Err(fault));
                }
                if let Some(range) = current.ranges.next() {
                    return Some(range.map(|range| Memory {
                        range,
                        node: current.node,
                        hotpluggable: current.hotpluggable,
                        enabled: current.enabled,
                        usable_memory: current.usable_memory,
                        offset: current.offset,
                    }));
                }
            }
            self.current = None;
            let node = self.nodes.find(|node| {
                node.property(b"device_type").is_some_and(|property| property.text() == b"memory")
            })?;
            self.current = Some(self.enter(&node));
        }
    }
}

impl core::iter::FusedIterator for MemoryNodes<'_> {}
