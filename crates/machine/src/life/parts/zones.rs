//! Zones that grow and shrink.

use std::collections::BTreeMap;

use memblock::PhysRange;

use crate::boot::zones::ZoneKind;

/// The zones of every node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    by_node: BTreeMap<(u32, ZoneKind), Zone>,
    /// The sums over all nodes, kept up to date.
    total: Pages,
    of_node: BTreeMap<u32, Pages>,
}

/// A zone of a node: the memory in it, and its span.
///
/// # Invariants
///
/// The runs are disjoint and do not touch. The span reaches at least from the first run's first subsection into the last
/// one's.
/// `present` is at least `early`'s part that is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// From the first byte to the end of the last, holes included; `None` if it is empty.
    span: Option<PhysRange>,
    /// The online memory in subsections, start to end.
    runs: BTreeMap<u64, u64>,
    /// The bytes of memory, without holes.
    present: u64,
    /// Those of boot memory.
    early: u64,
    /// Those in contiguous areas, which count as movable.
    cma: u64,
}

/// Bytes of memory, as the auto-movable policy counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::life) struct Pages {
    /// Memory in kernel zones.
    pub(in crate::life) kernel: u64,
    /// Of that, boot memory.
    pub(in crate::life) kernel_early: u64,
    /// Memory in Movable.
    pub(in crate::life) movable: u64,
    /// Contiguous areas: boot memory that counts as movable.
    pub(in crate::life) cma: u64,
}

impl Zone {
    /// From the first byte to the end of the last, holes included; `None` if it is empty.
    pub const fn span(&self) -> Option<PhysRange> {
        self.span
    }

    /// The bytes of memory in it, without holes.
    pub const fn present(&self) -> u64 {
        self.present
    }

    /// The bytes in contiguous areas.
    pub const fn cma(&self) -> u64 {
        self.cma
    }
}

impl Pages {
    /// Memory comes to a zone or leaves it.
    fn change(&mut self, kind: ZoneKind, is_early: bool, change: impl Fn(u64) -> u64) {
        if kind == ZoneKind::Movable {
            self.movable = change(self.movable);
            return;
        }
        self.kernel = change(self.kernel);
        if is_early {
            self.kernel_early = change(self.kernel_early);
        }
    }
}

impl Zones {
    /// The zones with memory: nodes ascending, zones ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, ZoneKind, &Zone)> {
        self.by_node
            .iter()
            .filter(|(_, zone)| zone.span.is_some())
            .map(|(&(node, kind), zone)| (node, kind, zone))
    }

    /// The span of a zone.
    pub(in crate::life) fn span(&self, node: u32, kind: ZoneKind) -> Option<PhysRange> {
        self.by_node.get(&(node, kind))?.span
    }

    /// Whether a zone's span overlaps a range.
    pub(in crate::life) fn intersects(&self, node: u32, kind: ZoneKind, range: PhysRange) -> bool {
        self.span(node, kind).is_some_and(|span| span.overlaps(range))
    }

    /// The kernel zone that memory would join: the lowest whose span it overlaps, or Normal.
    /// Source: mm/memory_hotplug.c:default_kernel_zone_for_pfn (6.12).
    pub(in crate::life) fn kernel_zone(&self, node: u32, range: PhysRange) -> ZoneKind {
        let limited = [ZoneKind::Dma, ZoneKind::Dma32];
        limited.into_iter().find(|&kind| self.intersects(node, kind, range)).unwrap_or(ZoneKind::Normal)
    }

    /// What the auto-movable policy counts, on all nodes or on one: contiguous areas as movable.
    /// Source: mm/memory_hotplug.c:auto_movable_stats_account_zone (6.12).
    pub(in crate::life) fn pages(&self, node: Option<u32>) -> Pages {
        let pages = match node {
            None => self.total,
            Some(node) => self.of_node.get(&node).copied().unwrap_or_default(),
        };
        Pages {
            kernel_early: pages.kernel_early.saturating_sub(pages.cma),
            movable: pages.movable.saturating_add(pages.cma),
            ..pages
        }
    }

    /// Sets the span and contiguous areas of a zone that was there at the start.
    pub(in crate::life) fn begin(&mut self, node: u32, kind: ZoneKind, span: PhysRange, cma: u64) {
        let zone = self.by_node.entry((node, kind)).or_default();
        zone.span = Some(zone.span.map_or(span, |old| old.hull(span)));
        zone.cma = cma;
        self.count(node, |pages| pages.cma = pages.cma.saturating_add(cma));
    }

    /// Sets what /proc/zoneinfo says is present: it also counts boot memory that no resource shows, such as NOMAP's.
    pub(in crate::life) fn set_present(&mut self, node: u32, kind: ZoneKind, present: u64) {
        let Some(zone) = self.by_node.get_mut(&(node, kind)) else { return };
        let missing = present.saturating_sub(zone.present);
        let surplus = zone.present.saturating_sub(present);
        zone.present = present;
        zone.early = zone.early.saturating_add(missing).saturating_sub(surplus);
        self.count(node, |pages| {
            let set = |count: &mut u64| *count = count.saturating_add(missing).saturating_sub(surplus);
            if kind == ZoneKind::Movable {
                set(&mut pages.movable);
            } else {
                set(&mut pages.kernel);
                set(&mut pages.kernel_early);
            }
        });
    }

    /// Memory goes online in a zone; `present` of its bytes are memory. O(log n).
    pub(in crate::life) fn grow(
        &mut self,
        node: u32,
        kind: ZoneKind,
        range: PhysRange,
        present: u64,
        is_early: bool,
    ) {
        let zone = self.by_node.entry((node, kind)).or_default();
        zone.span = Some(zone.span.map_or(range, |span| span.hull(range)));
        zone.present = zone.present.saturating_add(present);
        if is_early {
            zone.early = zone.early.saturating_add(present);
        }
        if let Some(run) = subsections(range) {
            insert(&mut zone.runs, run);
        }
        self.count(node, |pages| pages.change(kind, is_early, |count| count.saturating_add(present)));
    }

    /// Memory goes offline. A zone shrinks only if it loses its first or last memory, and then to a whole subsection: the
    /// end of boot memory may lie inside one. O(log n).
    /// Source: mm/memory_hotplug.c:remove_pfn_range_from_zone, shrink_zone_span (6.12).
    pub(in crate::life) fn shrink(
        &mut self,
        node: u32,
        kind: ZoneKind,
        range: PhysRange,
        present: u64,
        is_early: bool,
    ) {
        let Some(zone) = self.by_node.get_mut(&(node, kind)) else { return };
        zone.present = zone.present.saturating_sub(present);
        if is_early {
            zone.early = zone.early.saturating_sub(present);
        }
        remove(&mut zone.runs, range);
        if let Some(span) = zone.span {
            let first = zone.runs.first_key_value().map(|(&start, _)| start);
            let last = zone.runs.last_key_value().map(|(_, &end)| end);
            zone.span = match (first, last) {
                (Some(first), _) if span.start() == range.start() => PhysRange::new(first, span.end()).ok(),
                (_, Some(last)) if span.end() == range.end() => PhysRange::new(span.start(), last).ok(),
                (Some(_), Some(_)) => Some(span),
                _ => None,
            };
        }
        self.count(node, |pages| pages.change(kind, is_early, |count| count.saturating_sub(present)));
    }

    /// Keeps the sums.
    fn count(&mut self, node: u32, change: impl Fn(&mut Pages)) {
        change(&mut self.total);
        change(self.of_node.entry(node).or_default());
    }

    /// Whether each zone's span encloses its memory.
    pub(in crate::life) fn is_consistent(&self) -> bool {
        self.by_node.values().all(|zone| {
            let first = zone.runs.first_key_value().map(|(&start, _)| start);
            let last = zone.runs.last_key_value().map(|(_, &end)| end);
            match (zone.span, first, last) {
                (None, None, None) => zone.present == 0,
                (Some(span), Some(first), Some(last)) => {
                    let span = subsections(span).unwrap_or(span);
                    span.start() <= first && last <= span.end() && zone.early <= zone.present
                }
                // Boot memory of which no block or resource was read.
                (Some(_), None, None) => true,
                _ => false,
            }
        })
    }
}

/// The smallest piece of memory that the kernel looks at when a zone shrinks (PAGES_PER_SUBSECTION,
/// include/linux/mmzone.h, 6.12).
const SUBSECTION: u64 = 2 << 20;

/// The subsections that a range touches.
fn subsections(range: PhysRange) -> Option<PhysRange> {
    let start = range.start() / SUBSECTION * SUBSECTION;
    PhysRange::new(start, range.end().checked_next_multiple_of(SUBSECTION)?).ok()
}

/// Adds a range to disjoint runs, joining neighbors.
pub(in crate::life) fn insert(runs: &mut BTreeMap<u64, u64>, range: PhysRange) {
    let (mut start, mut end) = (range.start(), range.end());
    if let Some((&before, &until)) = runs.range(..=start).next_back().filter(|(_, until)| **until >= start) {
        (start, end) = (before, end.max(until));
    }
    while let Some((&next, &until)) = runs.range(start..=end).next() {
        runs.remove(&next);
        end = end.max(until);
    }
    runs.insert(start, end);
}

/// Takes a range out of disjoint runs.
pub(in crate::life) fn remove(runs: &mut BTreeMap<u64, u64>, range: PhysRange) {
    let (start, end) = (range.start(), range.end());
    if let Some((&before, &until)) = runs.range(..start).next_back().filter(|(_, until)| **until > start) {
        runs.insert(before, start);
        if until > end {
            runs.insert(end, until);
        }
    }
    while let Some((&next, &until)) = runs.range(start..end).next() {
        runs.remove(&next);
        if until > end {
            runs.insert(end, until);
        }
    }
}
