//! Zones: their limits, and what of each node lies in which.

use std::collections::BTreeMap;
use std::fmt;

use memblock::{NodeId, PfnRange, PhysRange, RegionFlags};

use crate::boot::early::Early;

/// A zone of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZoneKind {
    /// For devices that reach little: below 16 MiB on x86, what most devices reach on arm64.
    Dma,
    /// For devices with 32 address lines.
    Dma32,
    /// Everything else.
    Normal,
    /// Only pages that can be moved, so that the memory can be taken away.
    Movable,
}

impl ZoneKind {
    /// The name in /proc/zoneinfo.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dma => "DMA",
            Self::Dma32 => "DMA32",
            Self::Normal => "Normal",
            Self::Movable => "Movable",
        }
    }
}

impl fmt::Display for ZoneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What of a node lies in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneSpan {
    /// The node's number.
    pub node: u32,
    /// The zone.
    pub zone: ZoneKind,
    /// From the first page to the last, holes included.
    pub span: PhysRange,
    /// Pages of memory in it.
    pub present_pages: u64,
}

/// The limits of the zones, which hold for all nodes: each begins where the one below ends.
///
/// # Invariants
///
/// The zones are in ascending order, Movable is not among them, and a zone's range is disjoint from the others'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ZoneLimits {
    /// Page frames from the first to the one behind the last; a zone without pages is not there.
    pub(crate) zones: Vec<(ZoneKind, u64, u64)>,
}

impl ZoneLimits {
    /// Lays zones out from the first page of memory, each to its highest page frame
    /// (mm/mm_init.c:free_area_init, 6.12).
    pub(crate) fn new(first_pfn: u64, ends: &[(ZoneKind, u64)]) -> Self {
        let mut start = first_pfn;
        let mut zones = Vec::new();
        for &(kind, end) in ends {
            let end = end.max(start);
            if start < end {
                zones.push((kind, start, end));
            }
            start = end;
        }
        Self { zones }
    }

    /// Writes the limits down.
    pub(crate) fn account(&self, early: &mut Early<'_>) {
        let page = early.memblock.page_size().bytes();
        for (kind, start, end) in &self.zones {
            let (start, last) = (start.saturating_mul(page), end.saturating_mul(page).saturating_sub(1));
            early.note(format!("{kind:8} [mem {start:#018x}-{last:#018x}]"), "the zone's limits");
        }
    }

    /// The highest zone that has pages: Movable is carved out of it alone.
    pub(crate) fn highest(&self) -> Option<(ZoneKind, u64, u64)> {
        self.zones.last().copied()
    }
}

/// Pages of memory, and where each node's movable part begins.
pub(crate) struct Layout<'a> {
    pub(crate) limits: &'a ZoneLimits,
    /// Whole pages of memory, ascending, all attributes.
    pub(crate) memory: Vec<PfnRange>,
    /// First movable page frame by node.
    pub(crate) movable: &'a BTreeMap<u32, u64>,
    /// With `kernelcore=mirror` and mirrored memory: the pages that are mirrored, ascending. Above a node's
    /// movable start they belong to its Normal zone, all others to Movable.
    pub(crate) mirrored: Option<Vec<(u64, u64)>>,
    pub(crate) page_size: u64,
}

/// The page frames of memory on a node, from the first to the one behind the last.
pub(crate) fn node_span(memory: &[PfnRange], node: u32) -> Option<(u64, u64)> {
    let pages = || memory.iter().filter(|pages| pages.node.map(NodeId::get) == Some(node));
    Some((pages().map(|pages| pages.start).min()?, pages().map(|pages| pages.end).max()?))
}

/// Whole pages of memory with their nodes.
pub(crate) fn memory_pages(early: &Early<'_>) -> Vec<PfnRange> {
    early.memblock.memory_pfn_ranges(None).collect()
}

/// The page frames of mirrored memory.
pub(crate) fn mirrored_pages(early: &Early<'_>) -> Vec<(u64, u64)> {
    let page_size = early.memblock.page_size();
    let mirrored = early.memblock.memory().iter().filter(|region| region.flags.contains(RegionFlags::MIRROR));
    mirrored.filter_map(|region| page_size.whole_pages(region.range)).collect()
}

impl Layout<'_> {
    /// The zones of every node that have memory, nodes ascending, zones ascending.
    pub(crate) fn zones(&self) -> Vec<ZoneSpan> {
        let nodes: std::collections::BTreeSet<u32> =
            self.memory.iter().filter_map(|pages| pages.node).map(NodeId::get).collect();
        let mut zones = Vec::new();
        for node in nodes {
            let Some((first, last)) = node_span(&self.memory, node) else { continue };
            for &(kind, low, high) in &self.limits.zones {
                zones.extend(self.zone(node, kind, self.below_movable(node, low.max(first), high.min(last))));
            }
            if let (Some(&start), Some((_, _, high))) = (self.movable.get(&node), self.limits.highest()) {
                zones.extend(self.zone(node, ZoneKind::Movable, (start.max(first), last.min(high))));
            }
        }
        zones
    }

    /// What Movable leaves a kernel zone of its node (mm/mm_init.c:adjust_zone_range_for_zone_movable, 6.12).
    fn below_movable(&self, node: u32, start: u64, end: u64) -> (u64, u64) {
        match self.movable.get(&node) {
            // Mirrored pages lie among the movable ones, so the zone keeps its span.
            Some(&movable) if start < movable && end > movable && self.mirrored.is_none() => (start, movable),
            Some(&movable) if start >= movable => (end, end),
            _ => (start, end),
        }
    }

    fn zone(&self, node: u32, zone: ZoneKind, (start, end): (u64, u64)) -> Option<ZoneSpan> {
        let of_node = self.memory.iter().filter(|pages| pages.node.map(NodeId::get) == Some(node));
        let parts = of_node.map(|pages| (pages.start.max(start), pages.end.min(end)));
        let present_pages = parts.map(|part| self.pages_in(node, zone, part)).fold(0, u64::saturating_add);
        let bytes = |pfn: u64| pfn.checked_mul(self.page_size);
        let span = PhysRange::new(bytes(start)?, bytes(end)?).ok()?;
        (present_pages > 0).then_some(ZoneSpan { node, zone, span, present_pages })
    }

    /// The pages of a piece of memory that count for a zone.
    fn pages_in(&self, node: u32, zone: ZoneKind, (start, end): (u64, u64)) -> u64 {
        let pages = end.saturating_sub(start);
        let (Some(mirrored), true) = (&self.mirrored, self.movable.contains_key(&node)) else {
            return pages;
        };
        let overlap = |&(from, to): &(u64, u64)| to.min(end).saturating_sub(from.max(start));
        let of_mirror = mirrored.iter().map(overlap).fold(0, u64::saturating_add);
        match zone {
            ZoneKind::Movable => pages.saturating_sub(of_mirror),
            ZoneKind::Normal => of_mirror,
            ZoneKind::Dma | ZoneKind::Dma32 => pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(node: u32, start: u64, end: u64) -> PfnRange {
        PfnRange { start, end, node: NodeId::new(node) }
    }

    fn limits() -> ZoneLimits {
        ZoneLimits::new(1, &[(ZoneKind::Dma, 0x10), (ZoneKind::Dma32, 0x100), (ZoneKind::Normal, 0x200)])
    }

    fn zones(memory: &[PfnRange], movable: &[(u32, u64)]) -> Vec<(u32, &'static str, u64, u64, u64)> {
        let movable = movable.iter().copied().collect();
        let layout = Layout {
            limits: &limits(),
            memory: memory.to_vec(),
            movable: &movable,
            mirrored: None,
            page_size: 1,
        };
        let row = |z: &ZoneSpan| (z.node, z.zone.as_str(), z.span.start(), z.span.end(), z.present_pages);
        layout.zones().iter().map(row).collect()
    }

    #[test]
    fn a_zone_that_ends_where_it_begins_is_not_there() {
        let low =
            ZoneLimits::new(1, &[(ZoneKind::Dma, 0x10), (ZoneKind::Dma32, 0x80), (ZoneKind::Normal, 0x80)]);
        assert_eq!(low.highest(), Some((ZoneKind::Dma32, 0x10, 0x80)));
    }

    #[test]
    fn a_span_reaches_over_holes_and_present_pages_do_not() {
        let memory = [pages(0, 1, 9), pages(0, 0xc, 0xa0), pages(0, 0x100, 0x200)];
        assert_eq!(
            zones(&memory, &[]),
            [(0, "DMA", 1, 0x10, 12), (0, "DMA32", 0x10, 0x100, 0x90), (0, "Normal", 0x100, 0x200, 0x100)]
        );
    }

    #[test]
    fn movable_takes_the_end_of_the_highest_zone_of_its_node() {
        let memory = [pages(0, 1, 0x100), pages(1, 0x100, 0x200)];
        assert_eq!(
            zones(&memory, &[(1, 0x180)])[2..],
            [(1, "Normal", 0x100, 0x180, 0x80), (1, "Movable", 0x180, 0x200, 0x80)]
        );
        assert_eq!(zones(&memory, &[(1, 0x100)])[2..], [(1, "Movable", 0x100, 0x200, 0x100)]);
    }
}
