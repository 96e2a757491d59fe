//! From ACPI's SRAT to the nodes of the memory table.

use firmware::srat::{Entry, MemoryAffinity, Srat};
use memblock::{Memblock, NodeId, TableKind};

use crate::acpi::Tables;
use crate::failure::Failure;
use crate::serial::say;
use crate::size::Size;

/// Assigns memory to the nodes in the SRAT. Memory that is not in it, and all memory without an SRAT, belongs
/// to node 0, as on every machine without NUMA.
pub(crate) fn enter(memblock: &mut Memblock<'_>, tables: Option<&Tables<'_>>) -> Result<(), Failure> {
    if let Some(srat) = tables.and_then(find) {
        enter_srat(memblock, &srat)?;
    } else {
        say!("srat: none");
    }
    let nodeless = memblock.nodeless_size();
    while let Some(region) = memblock.memory().iter().find(|region| region.node.is_none()) {
        memblock.set_node(TableKind::Memory, region.range, Some(NodeId::ZERO))?;
    }
    if nodeless != 0 {
        say!("memory: {} of no node are node 0's", Size(nodeless));
    }
    let mut last = None;
    while let Some(node) = after(memblock.memory().iter().filter_map(|region| region.node), last) {
        last = Some(node);
        let regions = memblock.memory().iter().filter(|region| region.node == last);
        say!("memory: node {node} has {}", Size(regions.map(|region| region.range.size()).sum()));
    }
    Ok(())
}

/// The SRAT, unless it is missing or broken.
fn find<'a>(tables: &Tables<'a>) -> Option<Srat<'a>> {
    let found = tables.iter().flatten().find(|found| found.name() == "SRAT")?;
    Srat::new(found.table.bytes()).inspect_err(|fault| say!("srat: not used: {fault}")).ok()
}

fn enter_srat(memblock: &mut Memblock<'_>, srat: &Srat<'_>) -> Result<(), Failure> {
    for entry in srat.entries() {
        match entry {
            Ok(Entry::Memory(memory)) if memory.enabled => enter_memory(memblock, &memory)?,
            Ok(Entry::Processor(processor)) if processor.enabled => {
                say!("srat: node {} has processor {:?}", processor.domain, processor.processor);
            }
            // Ignore disabled entries, and devices, which this kernel does not use.
            Ok(_) => {}
            Err(fault) => say!("srat: an entry is left out: {fault}"),
        }
    }
    Ok(())
}

/// Proximity domains are the firmware's numbers and may be sparse; Linux renumbers them. Here nothing is
/// indexed by node, so they are used directly.
fn enter_memory(memblock: &mut Memblock<'_>, memory: &MemoryAffinity) -> Result<(), Failure> {
    // Firmware uses entries of length 0 for empty slots.
    let Some(range) = memory.range else { return Ok(()) };
    let Some(node) = NodeId::new(memory.domain) else {
        say!("srat: {range} is left out: its domain {} is too large for a node", memory.domain);
        return Ok(());
    };
    memblock.set_node(TableKind::Memory, range, Some(node))?;
    let now = Size(memblock.memory().size_within(range));
    if memory.hot_pluggable {
        memblock.mark_hotplug(range)?;
        say!("srat: node {node} has {range}, hot-pluggable, {now} now");
    } else {
        say!("srat: node {node} has {range}, {now} of memory");
    }
    Ok(())
}

/// The lowest of `nodes` above `last`, or the lowest of all: visits each node once, ascending, whatever the
/// input order.
pub(crate) fn after(nodes: impl Iterator<Item = NodeId>, last: Option<NodeId>) -> Option<NodeId> {
    nodes.filter(|node| Some(*node) > last).min()
}
