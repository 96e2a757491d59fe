//! What a boot is predicted to end with.

use std::collections::BTreeMap;

use memblock::{PhysRange, Region, RegionFlags};

use crate::boot::crashkernel::Crashkernel;
use crate::boot::early::Dump;
use crate::boot::trace::TraceLine;
use crate::boot::zones::{ZoneKind, ZoneSpan};
use evidence::Unknown;

/// The state a kernel has reached when its memory is sorted into zones, and how it got there.
///
/// Memory carries HOTPLUG as memblock does at that time; Linux takes it away when it hands memory to the page
/// allocator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Memory regions with node and attributes.
    pub memory: Vec<Region>,
    /// Reserved regions.
    pub reserved: Vec<Region>,
    /// The tables when the kernel dumps them last with `memblock=debug`: on x86 before the crash kernel's
    /// reservation.
    pub dump: Option<Dump>,
    /// The zones of each node that have pages, nodes ascending, zones ascending.
    pub zones: Vec<ZoneSpan>,
    /// The limits of the zones that all nodes share, zones ascending; zones without a page are not there, and
    /// Movable has no limits of its own.
    pub zone_limits: Vec<(ZoneKind, PhysRange)>,
    /// The first movable address of each node that has movable memory.
    pub movable_start: BTreeMap<u32, u64>,
    /// Whole pages of memory by node, ascending, as the kernel lists them.
    pub early_node_ranges: Vec<(u32, PhysRange)>,
    /// The nodes that each node asks for pages, in order.
    pub fallback_order: Vec<(u32, Vec<u32>)>,
    /// The crash kernel's reservation.
    pub crashkernel: Crashkernel,
    /// What was done, in order, and why.
    pub trace: Vec<TraceLine>,
    /// Why the kernel does not get further than this: it panics.
    pub panic: Option<String>,
    /// How the kernel treats parameters that it does not take as they stand.
    pub remarks: Vec<crate::command_line::Remark>,
    /// What nothing told, and what was taken in its place.
    pub assumed: Vec<Unknown>,
}

impl Prediction {
    /// Memory regions once the page allocator has memory: HOTPLUG is gone, and what differed in that alone is
    /// one region (mm/memblock.c:free_low_memory_core_early, 6.12).
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
    fn without_hotplug_neighbours_of_one_node_are_one_region() {
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
