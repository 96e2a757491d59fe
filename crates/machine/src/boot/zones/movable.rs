//! Where each node's movable memory starts.

use std::collections::{BTreeMap, BTreeSet};

use memblock::{NodeId, PfnRange, RegionFlags};
use rules::{Class, Rules, Use};

use crate::boot::early::Early;
use crate::boot::trace::Step;
use crate::boot::zones::{ZoneLimits, memory_pages, node_span};
use crate::command_line::movable::Movable;

const STEP: Step = Step {
    name: "find_zone_movable_pfns_for_nodes",
    source: "mm/mm_init.c:find_zone_movable_pfns_for_nodes (6.12)",
};

/// The first movable page frame of each node that has one.
///
/// The methods exclude each other, in this order: hot-pluggable memory with `movable_node`, all memory that is not
/// mirrored with `kernelcore=mirror`, and the amounts of `kernelcore=` and `movablecore=`. The rules decide whether the
/// class of hot-pluggable memory makes it movable. `largest_block` is the number of pages in the page allocator's
/// largest block.
pub(crate) fn starts(
    early: &mut Early<'_>,
    limits: &ZoneLimits,
    wanted: &Movable,
    largest_block: u64,
    rules: &Rules,
    mirror_needs_memory: bool,
) -> BTreeMap<u32, u64> {
    early.begin(STEP);
    let memory = memory_pages(early);
    let found = if wanted.movable_node {
        of_hotpluggable(early, rules)
    } else if wanted.mirror {
        if early.memblock.has_mirror() || !mirror_needs_memory {
            of_unmirrored(early)
        } else {
            early.note(
                "The system has no mirror memory, ignore kernelcore=mirror.",
                "nothing is marked MIRROR",
            );
            BTreeMap::new()
        }
    } else {
        of_amounts(early, &memory, limits, wanted, largest_block)
    };
    let pages = |early: &Early<'_>, pfn: u64| pfn.saturating_mul(early.memblock.page_size().bytes());
    let mut starts = BTreeMap::new();
    for (node, pfn) in found {
        let start = pfn.checked_next_multiple_of(largest_block.max(1)).unwrap_or(u64::MAX);
        let Some((_, end)) = node_span(&memory, node) else { continue };
        let what = format!("Node {node}: {:#018x}", pages(early, start));
        if start < end {
            early.note(what, "the first movable page, at a multiple of the largest block");
            starts.insert(node, start);
        } else {
            early.note(format!("{what}: none"), "the node ends below it");
        }
    }
    starts
}

/// With `movable_node`: from each node's lowest hot-pluggable region.
fn of_hotpluggable(early: &mut Early<'_>, rules: &Rules) -> BTreeMap<u32, u64> {
    let page_size = early.memblock.page_size();
    let kernel = rules::KernelFacts { movable_node: true, ..rules::KernelFacts::default() };
    let hot_pluggable =
        rules::Memory { kept_hotplug: Some(true), ..rules::Memory::of(Class::BootHotpluggable) };
    if !rules.verdict(Use::ZoneMovable, &hot_pluggable, &kernel).allowed {
        return BTreeMap::new();
    }
    let mut starts = BTreeMap::new();
    for region in early.memblock.memory().iter().filter(|r| r.flags.contains(RegionFlags::HOTPLUG)) {
        let Some(node) = region.node.map(NodeId::get) else { continue };
        starts.entry(node).or_insert(page_size.pfn_down(region.range.start()));
    }
    if starts.is_empty() {
        early.note("no movable memory", "movable_node is given and no memory carries HOTPLUG; kernelcore= and movablecore= do not count beside it");
    }
    starts
}

/// With `kernelcore=mirror`: from the lowest region above 4 GiB that is not mirrored; memory below is the kernel's in
/// any case.
fn of_unmirrored(early: &mut Early<'_>) -> BTreeMap<u32, u64> {
    const GIB_4: u64 = 1 << 32;
    let page_size = early.memblock.page_size();
    let mut starts = BTreeMap::new();
    let mut is_below = false;
    for region in early.memblock.memory().iter().filter(|r| !r.flags.contains(RegionFlags::MIRROR)) {
        let Some(node) = region.node.map(NodeId::get) else { continue };
        let pfn = page_size.pfn_up(region.range.start());
        if pfn < page_size.pfn_down(GIB_4) {
            is_below = true;
        } else {
            starts.entry(node).or_insert(pfn);
        }
    }
    if is_below {
        early.note(
            "This configuration results in unmirrored kernel memory.",
            "memory below 4 GiB is not mirrored, and stays the kernel's",
        );
    }
    starts
}

/// `kernelcore=` and `movablecore=`: the larger kernel share counts, and is spread evenly over the nodes.
fn of_amounts(
    early: &mut Early<'_>,
    memory: &[PfnRange],
    limits: &ZoneLimits,
    wanted: &Movable,
    largest_block: u64,
) -> BTreeMap<u32, u64> {
    let total = memory.iter().map(|pages| pages.end.saturating_sub(pages.start)).fold(0, u64::saturating_add);
    let page_size = early.memblock.page_size().bytes();
    let mut kernel = wanted.kernelcore.pages(total, page_size);
    let movable = wanted.movablecore.pages(total, page_size);
    if movable > 0 {
        let movable = movable.checked_next_multiple_of(largest_block.max(1)).unwrap_or(u64::MAX).min(total);
        kernel = kernel.max(total.saturating_sub(movable));
    }
    let Some((zone, lowest, _)) = limits.highest() else { return BTreeMap::new() };
    if kernel == 0 || kernel >= total {
        if kernel > 0 {
            early.note(
                "no movable memory",
                format!("the kernel's share, {kernel} pages, is all there is: {total}"),
            );
        }
        return BTreeMap::new();
    }
    early.note(
        format!("{kernel} of {total} pages are the kernel's"),
        format!("by kernelcore= and movablecore=; movable memory comes out of zone {zone} alone"),
    );
    Spread { memory, lowest, kernel, starts: BTreeMap::new() }.over_nodes()
}

/// The kernel's pages while they are spread over nodes.
struct Spread<'a> {
    memory: &'a [PfnRange],
    /// The first page frame of the zone that movable memory is taken from.
    lowest: u64,
    /// Pages the kernel still needs.
    kernel: u64,
    starts: BTreeMap<u32, u64>,
}

impl Spread<'_> {
    /// Gives each node an equal part. The amount that does not fit on a node is spread again over all nodes, assuming
    /// one node fewer each time.
    fn over_nodes(mut self) -> BTreeMap<u32, u64> {
        let nodes: BTreeSet<u32> =
            self.memory.iter().filter_map(|pages| pages.node).map(NodeId::get).collect();
        let mut counted = u64::try_from(nodes.len()).unwrap_or(u64::MAX);
        while let Some(each) = self.kernel.checked_div(counted) {
            let mut part = each;
            for node in &nodes {
                if self.kernel < part {
                    part = self.kernel.checked_div(counted).unwrap_or(0);
                }
                self.give(*node, part);
            }
            counted = counted.saturating_sub(1);
            if counted == 0 || self.kernel <= counted {
                break;
            }
        }
        self.starts
    }

    /// Gives the kernel `part` pages on a node, from its start upwards, after the pages it already has.
    fn give(&mut self, node: u32, mut part: u64) {
        for pages in self.memory.iter().filter(|pages| pages.node.map(NodeId::get) == Some(node)) {
            let mut start = pages.start.max(self.starts.get(&node).copied().unwrap_or(0));
            if start >= pages.end {
                continue;
            }
            // Below the zone that movable memory is taken from, everything is the kernel's.
            if start < self.lowest {
                let below = pages.end.min(self.lowest).saturating_sub(start);
                part = part.saturating_sub(below);
                self.kernel = self.kernel.saturating_sub(below);
                if pages.end <= self.lowest {
                    self.starts.insert(node, pages.end);
                    continue;
                }
                start = self.lowest;
            }
            let given = pages.end.saturating_sub(start).min(part);
            self.starts.insert(node, start.saturating_add(given));
            self.kernel = self.kernel.saturating_sub(given);
            part = part.saturating_sub(given);
            if part == 0 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use memblock::{Memblock, PhysRange, Region};

    use super::*;
    use crate::boot::zones::ZoneKind;
    use crate::command_line::movable::Core;

    const MIB: u64 = 1 << 20;

    fn mib(mib: u64) -> Core {
        Core { bytes: mib * MIB, percent: 0 }
    }

    /// Nodes with these sizes in MiB, back to back, starting at 1 MiB.
    fn machine(nodes: &[u64]) -> Early<'static> {
        let mut memblock = Memblock::new();
        let mut start = MIB;
        for (node, mib) in nodes.iter().enumerate() {
            let range = PhysRange::from_size(start, mib * MIB).unwrap();
            let node = NodeId::new(u32::try_from(node).unwrap());
            memblock.add_node(Region { node, ..Region::plain(range) }).unwrap();
            start += mib * MIB;
        }
        Early::new(memblock)
    }

    fn starts_mib(early: &mut Early<'_>, wanted: Movable) -> Vec<(u32, u64)> {
        let limits = ZoneLimits::new(1, &[(ZoneKind::Dma, 4096), (ZoneKind::Dma32, 1 << 20)]);
        starts(early, &limits, &wanted, 1 << 10, &Rules::LINUX, true)
            .into_iter()
            .map(|(node, pfn)| (node, pfn >> 8))
            .collect()
    }

    #[test]
    fn the_larger_kernel_share_wins() {
        let both = Movable { kernelcore: mib(512), movablecore: mib(300), ..Movable::default() };
        let only = Movable { movablecore: both.movablecore, ..Movable::default() };
        assert_eq!(
            starts_mib(&mut machine(&[1023, 1024]), both),
            starts_mib(&mut machine(&[1023, 1024]), only)
        );
    }

    #[test]
    fn a_small_node_leaves_its_share_to_the_others() {
        let wanted = Movable { kernelcore: mib(600), ..Movable::default() };
        // 200 MiB each; the first has 99, and its 101 go to the second and third.
        let starts = starts_mib(&mut machine(&[99, 1000, 1000]), wanted);
        assert_eq!(starts.iter().map(|(node, _)| *node).collect::<Vec<_>>(), [1, 2]);
        let kernel: u64 = 99 + (starts[0].1 - 100) + (starts[1].1 - 1100);
        assert!((600..=608).contains(&kernel), "{kernel} {starts:?}");
    }

    #[test]
    fn with_movable_node_amounts_are_ignored() {
        let wanted = Movable { movable_node: true, kernelcore: mib(512), ..Movable::default() };
        assert_eq!(starts_mib(&mut machine(&[1023, 1024]), wanted), []);
        let mut marked = machine(&[1023, 1024]);
        marked.memblock.mark_hotplug(PhysRange::new(1024 * MIB, 2048 * MIB).unwrap()).unwrap();
        assert_eq!(starts_mib(&mut marked, wanted), [(1, 1024)]);
    }

    #[test]
    fn all_memory_for_the_kernel_leaves_nothing_movable() {
        let wanted = Movable { kernelcore: Core { bytes: 0, percent: 100 }, ..Movable::default() };
        assert_eq!(starts_mib(&mut machine(&[1023, 1024]), wanted), []);
    }
}
