//! Zones: their limits, and which part of each node lies in which zone.

use std::collections::BTreeMap;
use std::fmt;

use memblock::{NodeId, PfnRange, PhysRange, RegionFlags};

use crate::boot::early::Early;

/// A zone of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZoneKind {
    /// For devices with limited reach: below 16 MiB on x86, what all devices reach on arm64.
    Dma,
    /// For devices with 32-bit addresses.
    Dma32,
    /// Everything else.
    Normal,
    /// Only movable pages, so that the memory can be removed.
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

/// The part of a node that lies in a zone.
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

/// The zone limits, common to all nodes: each zone starts where the one below ends.
///
/// # Invariants
///
/// The zones are in ascending order and disjoint, and Movable is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ZoneLimits {
    /// Half-open page frame ranges; empty zones are omitted.
    pub(crate) zones: Vec<(ZoneKind, u64, u64)>,
}

impl ZoneLimits {
    /// Lays out zones from the first page of memory, each up to its highest page frame (mm/mm_init.c:free_area_init,
    /// 6.12).
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

    /// Records the limits in the trace.
    pub(crate) fn account(&self, early: &mut Early<'_>) {
        let page = early.memblock.page_size().bytes();
        for (kind, start, end) in &self.zones {
            let (start, last) = (start.saturating_mul(page), end.saturating_mul(page).saturating_sub(1));
            early.note(format!("{kind:8} [mem {start:#018x}-{last:#018x}]"), "the zone's limits");
        }
    }

    /// The highest zone with pages: Movable is taken only from this zone.
    pub(crate) fn highest(&self) -> Option<(ZoneKind, u64, u64)> {
        self.zones.last().copied()
    }
}

/// Pages of memory, and where each node's movable part starts.
pub(crate) struct Layout<'a> {
    pub(crate) limits: &'a ZoneLimits,
    /// Whole pages of memory, ascending, whatever their flags.
    pub(crate) memory: Vec<PfnRange>,
    /// First movable page frame by node.
    pub(crate) movable: &'a BTreeMap<u32, u64>,
    /// With `kernelcore=mirror` and mirrored memory, before 7.3: the mirrored pages, ascending. Above a node's movable start these
    /// belong to its Normal zone, all others to Movable.
    pub(crate) mirrored: Option<Vec<(u64, u64)>>,
    pub(crate) page_size: u64,
}

/// The half-open page frame range of memory on a node.
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
    /// The zones of every node with memory, nodes ascending, zones ascending.
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

    /// What Movable leaves of a kernel zone on its node (mm/mm_init.c:adjust_zone_range_for_zone_movable, 6.12).
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

    /// The pages in a piece of memory that count towards a zone.
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
    fn an_empty_zone_is_omitted() {
        let low =
            ZoneLimits::new(1, &[(ZoneKind::Dma, 0x10), (ZoneKind::Dma32, 0x80), (ZoneKind::Normal, 0x80)]);
        assert_eq!(low.highest(), Some((ZoneKind::Dma32, 0x10, 0x80)));
    }

    #[test]
    fn a_span_includes_holes_and_present_pages_do_not() {
        let memory = [pages(0, 1, 9), pages(0, 0xc, 0xa0), pages(0, 0x100, 0x200)];
        assert_eq!(
            zones(&memory, &[]),
            [(0, "DMA", 1, 0x10, 12), (0, "DMA32", 0x10, 0x100, 0x90), (0, "Normal", 0x100, 0x200, 0x100)]
        );
    }

    #[test]
    fn movable_takes_the_end_of_its_nodes_highest_zone() {
        let memory = [pages(0, 1, 0x100), pages(1, 0x100, 0x200)];
        assert_eq!(
            zones(&memory, &[(1, 0x180)])[2..],
            [(1, "Normal", 0x100, 0x180, 0x80), (1, "Movable", 0x180, 0x200, 0x80)]
        );
        assert_eq!(zones(&memory, &[(1, 0x100)])[2..], [(1, "Movable", 0x100, 0x200, 0x100)]);
    }
}
