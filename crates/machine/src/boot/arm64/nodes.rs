//! Nodes: from ACPI or the device tree, otherwise one node for everything.

use std::collections::BTreeSet;

use firmware::fdt::Fdt;
use memblock::{NodeId, PhysRange, Request, TableKind};

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::numa::{self, Block, Nodes, Refused};
use crate::boot::trace::Step;
use crate::command_line::BootParameters;
use crate::releases::NUMA_MEMBLKS_ARE_SHARED;

const OF: Step = Step { name: "of_numa_init", source: "drivers/of/of_numa.c:of_numa_init (6.12)" };
const REGISTER: Step =
    Step { name: "numa_register_nodes", source: "drivers/base/arch_numa.c:numa_register_nodes (6.12)" };
const MASKS: Step = Step {
    name: "setup_node_to_cpumask_map",
    source: "drivers/base/arch_numa.c:setup_node_to_cpumask_map (6.12)",
};

/// A node's distance to itself.
const LOCAL: u32 = 10;

/// The first source that works: ACPI tables or the device tree, never both; otherwise one node for everything.
pub(super) fn numa_init(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    tree: &Fdt<'_>,
    uses_acpi: bool,
) -> Result<Nodes, Halt> {
    if !input.build.has_numa {
        return Nodes::without_numa(early);
    }
    let shares_code = crate::boot::arm64::has_behavior(input, NUMA_MEMBLKS_ARE_SHARED);
    let mut why_faked = "numa=off";
    if !parameters.numa.off {
        begin(early, shares_code)?;
        let found = if uses_acpi {
            Nodes::of_acpi(&input.numa, early, input.build.max_nodes)?
        } else {
            of_device_tree(tree, early)?
        };
        match settle(early, input, found, shares_code)? {
            Ok(nodes) => return Ok(nodes),
            Err(refused) => early.note("No NUMA configuration found", refused.0),
        }
        why_faked = "nothing describes nodes";
    }
    begin(early, shares_code)?;
    let all = early.memblock.start_of_dram().zip(early.memblock.end_of_dram());
    let all = all.and_then(|(start, end)| PhysRange::new(start, end).ok());
    let faked = Nodes::faked(all, early, why_faked);
    settle(early, input, Ok(faked), shares_code)?.map_err(|refused| Halt::Panic(refused.0))
}

/// Each source starts from scratch. With the code shared with x86, this clears the device tree's HOTPLUG flags.
fn begin(early: &mut Early<'_>, shares_code: bool) -> Result<(), Halt> {
    if shares_code {
        return numa::reset(early);
    }
    for table in [TableKind::Memory, TableKind::Reserved] {
        for region in early.regions(table) {
            early.set_node(table, region.range, None)?;
        }
    }
    Ok(())
}

/// Uses a source if it gives every byte of memory a node.
fn settle(
    early: &mut Early<'_>,
    input: &BootInput,
    nodes: Result<Nodes, Refused>,
    shares_code: bool,
) -> Result<Result<Nodes, Refused>, Halt> {
    let mut nodes = match nodes {
        Ok(nodes) => nodes,
        Err(refused) => return Ok(Err(refused)),
    };
    let held = if shares_code {
        match nodes.clean_up(early) {
            Ok(()) => nodes.register(early, 0)?,
            Err(refused) => Err(refused),
        }
    } else {
        set_nodes(early, &nodes)?
    };
    if let Err(refused) = held {
        nodes.give_up(early)?;
        return Ok(Err(refused));
    }
    // Every node that was named gets node data, with or without memory.
    numa::allocate_data_of(early, &nodes.parsed, input.build.node_data)?;
    allocate_masks(early, input, &nodes.parsed)?;
    Ok(Ok(nodes))
}

/// Before 6.12, each block was applied to memory as it was found.
fn set_nodes(early: &mut Early<'_>, nodes: &Nodes) -> Result<Result<(), Refused>, Halt> {
    early.begin(REGISTER);
    for block in &nodes.blocks {
        early.set_node(TableKind::Memory, block.range, NodeId::new(block.node))?;
        early.note(format!("node {}: [{}]", block.node, block.range), "the block's node");
    }
    let missing = early.memblock.nodeless_size();
    Ok(if missing == 0 {
        Ok(())
    } else {
        Err(Refused(format!("no nodes coverage for {} KiB of RAM", missing >> 10)))
    })
}

/// A CPU mask for each node, if CPU masks are allocated separately.
fn allocate_masks(early: &mut Early<'_>, input: &BootInput, nodes: &BTreeSet<u32>) -> Result<(), Halt> {
    let bytes = input.build.arm64.cpu_mask;
    if bytes == 0 {
        return Ok(());
    }
    early.begin(MASKS);
    for node in 0..=nodes.last().copied().unwrap_or(0) {
        early.alloc(&Request::new(bytes), &format!("the mask of node {node}'s processors"))?;
    }
    Ok(())
}

/// The nodes from `numa-node-id` of CPUs and memory, and the distance map.
fn of_device_tree(tree: &Fdt<'_>, early: &mut Early<'_>) -> Result<Result<Nodes, Refused>, Halt> {
    early.begin(OF);
    let mut nodes = Nodes::default();
    if let Err(refused) = read_nodes(tree, early, &mut nodes) {
        return Ok(Err(refused));
    }
    if let Err(refused) = read_distances(tree, early, &mut nodes)? {
        nodes.give_up(early)?;
        return Ok(Err(refused));
    }
    if nodes.parsed.is_empty() {
        return Ok(Err(Refused("the device tree names no node".into())));
    }
    Ok(Ok(nodes))
}

fn read_nodes(tree: &Fdt<'_>, early: &mut Early<'_>, nodes: &mut Nodes) -> Result<(), Refused> {
    let cpus = tree.root().children().filter(|node| node.name() == "cpus").flat_map(|cpus| cpus.children());
    let is_cpu = |node: &firmware::fdt::Node<'_>| {
        node.name().split('@').next() == Some("cpu")
            || node.property(b"device_type").is_some_and(|kind| kind.text() == b"cpu")
    };
    let of_cpus = cpus.filter(is_cpu).filter_map(|cpu| cpu.property(b"numa-node-id")?.cell());
    nodes.parsed.extend(of_cpus.filter(|node| NodeId::new(*node).is_some()));
    let memory = tree.memory().map_err(|fault| Refused(fault.to_string()))?;
    for memory in memory {
        match memory {
            Ok(memory) => {
                let Some(node) = memory.node.map(NodeId::get) else { continue };
                early.note(format!("node {node} [{}]", memory.range), "numa-node-id of a memory node");
                nodes.blocks.push(Block { range: memory.range, node });
                nodes.parsed.insert(node);
            }
            Err(fault) if fault.is_empty_range() => {}
            // An invalid node number, or a malformed `reg`, aborts everything.
            Err(fault) => return Err(Refused(format!("bad property in memory node: {fault}"))),
        }
    }
    Ok(())
}

/// `numa-distance-map-v1`: triples of two nodes and a distance. A distance applies to both directions until the other
/// direction is given.
fn read_distances(
    tree: &Fdt<'_>,
    early: &mut Early<'_>,
    nodes: &mut Nodes,
) -> Result<Result<(), Refused>, Halt> {
    let is_map = |node: &firmware::fdt::Node<'_>| {
        node.property(b"compatible").is_some_and(|names| names.lists(b"numa-distance-map-v1"))
    };
    let Some((_, map)) = tree.nodes().find(|(_, node)| is_map(node)) else { return Ok(Ok(())) };
    let Some(matrix) = map.property(b"distance-matrix") else {
        return Ok(Err(Refused("No distance-matrix property in distance-map".into())));
    };
    let cells: Vec<u32> = matrix.cells().collect();
    for triple in cells.chunks_exact(3) {
        let &[from, to, distance] = triple else { continue };
        let is_valid = if from == to { distance == LOCAL } else { distance > LOCAL };
        let Some(byte) = u8::try_from(distance).ok().filter(|_| is_valid) else {
            return Ok(Err(Refused(format!("Invalid distance[node{from} -> node{to}] = {distance}"))));
        };
        if NodeId::new(from).is_none() || NodeId::new(to).is_none() {
            return Ok(Err(Refused(format!("node {} is one too many", from.max(to)))));
        }
        let is_first = nodes.distances.is_empty();
        nodes.parsed.insert(from);
        nodes.distances.insert((from, to), byte);
        if to > from {
            nodes.distances.insert((to, from), byte);
        }
        if is_first {
            nodes.allocate_distances(early)?;
        }
    }
    Ok(Ok(()))
}
