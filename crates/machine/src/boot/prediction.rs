//! The predicted result of a boot.

use std::collections::BTreeMap;

use memblock::{PhysRange, Region, RegionFlags};

use crate::boot::crashkernel::Crashkernel;
use crate::boot::early::Dump;
use crate::boot::kho::ScratchAreas;
use crate::boot::trace::TraceLine;
use crate::boot::zones::{ZoneKind, ZoneSpan};
use evidence::Unknown;

/// The state of the kernel when it sorts memory into zones, and how it got there.
///
/// Memory has HOTPLUG as memblock does at that time; Linux clears it when it hands memory to the page allocator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Memory regions with nodes and flags.
    pub memory: Vec<Region>,
    /// Reserved regions.
    pub reserved: Vec<Region>,
    /// The tables as the kernel last dumps them with `memblock=debug`: on x86, before the crash kernel reservation.
    pub dump: Option<Dump>,
    /// The non-empty zones of each node, nodes ascending, zones ascending.
    pub zones: Vec<ZoneSpan>,
    /// The zone limits common to all nodes, zones ascending; empty zones are omitted, and Movable has no limits of its
    /// own.
    pub zone_limits: Vec<(ZoneKind, PhysRange)>,
    /// The first movable address of each node that has movable memory.
    pub movable_start: BTreeMap<u32, u64>,
    /// Whole pages of memory by node, ascending, as the kernel lists them.
    pub early_node_ranges: Vec<(u32, PhysRange)>,
    /// The fallback order of each node.
    pub fallback_order: Vec<(u32, Vec<u32>)>,
    /// The crash kernel reservation.
    pub crashkernel: Crashkernel,
    /// The scratch areas of kexec handover; `None` without it, or where those of an earlier kernel are taken over.
    pub scratch: Option<ScratchAreas>,
    /// What was done and why, in order.
    pub trace: Vec<TraceLine>,
    /// Whether only memory and its nodes are predicted, because zones and the crash kernel are unknown: of 32-bit kernels.
    pub ends_with_nodes: bool,
    /// If the kernel panics, the reason.
    pub panic: Option<String>,
    /// How the kernel treats parameters that it does not use as written.
    pub remarks: Vec<crate::command_line::Remark>,
    /// What could not be determined, and what is assumed instead.
    pub assumed: Vec<Unknown>,
}

impl Prediction {
    /// Memory regions after the page allocator has taken over: HOTPLUG is cleared, and regions that differed only in
    /// that flag are merged (mm/memblock.c:free_low_memory_core_early, 6.12).
    pub fn memory_after_boot(&self) -> Vec<Region> {
        let mut regions: Vec<Region> = Vec::with_capacity(self.memory.len());
        for region in &self.memory {
            let region = Region { flags: region.flags.difference(RegionFlags::HOTPLUG), ..*region };
            match regions.last_mut() {
                Some(last)
                    if last.range.end() == region.range.start()
                        && (last.node, last.flags) == (region.node, region.flags) =>
                {
                    last.range = last.range.hull(region.range);
                }
                _ => regions.push(region),
            }
        }
        regions
    }
}

#[cfg(test)]
mod tests {
    use memblock::NodeId;

    use super::*;

    #[test]
    fn without_hotplug_neighbors_on_one_node_are_one_region() {
        let region = |start, node, flags| Region {
            range: PhysRange::from_size(start, 0x1000).unwrap(),
            node: NodeId::new(node),
            flags,
        };
        let (none, hotplug) = (RegionFlags::empty(), RegionFlags::HOTPLUG);
        let memory = vec![region(0x1000, 0, none), region(0x2000, 0, hotplug), region(0x3000, 1, hotplug)];
        let after = Prediction { memory, ..Prediction::default() }.memory_after_boot();
        let joined = Region { range: PhysRange::new(0x1000, 0x3000).unwrap(), ..region(0x1000, 0, none) };
        assert_eq!(after, [joined, region(0x3000, 1, none)]);
    }
}
