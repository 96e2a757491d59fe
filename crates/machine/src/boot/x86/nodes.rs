//! Nodes: from the SRAT, otherwise one node for everything.

use memblock::PhysRange;

use crate::arch::Architecture;
use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::numa::fake;
use crate::boot::numa::{self, Nodes};
use crate::boot::x86::{GIB_4, MIB, PAGE};
use crate::command_line::BootParameters;
use crate::command_line::acpi::AcpiMode;
use crate::releases::{NUMA_BLOCKS_START_AT_0, Target, is_known};

/// The first source of nodes that works: the SRAT, or one node for everything. Then the node data.
pub(super) fn numa_init(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    max_pfn: u64,
) -> Result<Nodes, Halt> {
    if !input.build.has_numa {
        return Nodes::without_numa(early);
    }
    let mut why_faked = "numa=off";
    if !parameters.numa.off {
        numa::reset(early)?;
        let from_acpi = if parameters.numa.noacpi {
            Err(numa::Refused("numa=noacpi".into()))
        } else if parameters.acpi.mode == Some(AcpiMode::Off) {
            Err(numa::Refused("acpi=off".into()))
        } else {
            Nodes::of_acpi(&input.numa, early, input.build.max_nodes)?
        };
        match settle(early, input, parameters, from_acpi, max_pfn)? {
            Ok(nodes) => return Ok(nodes),
            Err(refused) => early.note("No NUMA configuration found", refused.0),
        }
        why_faked = "nothing describes nodes";
    }
    numa::reset(early)?;
    let all = PhysRange::new(0, max_pfn.saturating_mul(PAGE)).ok();
    let faked = Nodes::faked(all, early, why_faked);
    settle(early, input, parameters, Ok(faked), max_pfn)?.map_err(|refused| Halt::Panic(refused.0))
}

/// What blocks are trimmed to where that is not memory: page 0 has the node of the block around it.
fn trimmed_to(input: &BootInput, max_pfn: u64) -> Option<PhysRange> {
    let target = Target::new(Architecture::X86_64, input.release.clone());
    let all = || PhysRange::new(0, max_pfn.saturating_mul(PAGE)).ok();
    is_known(NUMA_BLOCKS_START_AT_0, &target).then(all).flatten()
}

/// Uses a source if it works.
fn settle(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    nodes: Result<Nodes, numa::Refused>,
    max_pfn: u64,
) -> Result<Result<Nodes, numa::Refused>, Halt> {
    // The SRAT was read, or there is none: HOTPLUG is known, and allocations are top-down again.
    early.memblock.set_bottom_up(false);
    let mut nodes = match nodes {
        Ok(nodes) => nodes,
        Err(refused) => return Ok(Err(refused)),
    };
    nodes.trimmed_to = trimmed_to(input, max_pfn);
    if let Err(refused) = nodes.clean_up(early) {
        nodes.give_up(early)?;
        return Ok(Err(refused));
    }
    if let Some(fake) = parameters.numa.fake.as_ref().filter(|_| input.build.numa_emulation) {
        fake::emulate(&mut nodes, early, fake, GIB_4)?;
    }
    // Less than 1 MiB without a node is treated as a rounding error in the firmware.
    if let Err(refused) = nodes.register(early, MIB)? {
        nodes.give_up(early)?;
        return Ok(Err(refused));
    }
    numa::allocate_node_data(early, input.build.node_data)?;
    Ok(Ok(nodes))
}
