//! memblock's memory while the machine runs, where the kernel keeps it.

use std::collections::BTreeMap;

use memblock::{NodeId, PhysRange, Region, RegionFlags};

/// memblock's memory regions, by address.
///
/// # Invariants
///
/// Disjoint; neighbors that touch differ in node or flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    by_start: BTreeMap<u64, (u64, Option<NodeId>, RegionFlags)>,
}

impl FromIterator<Region> for Regions {
    fn from_iter<I: IntoIterator<Item = Region>>(regions: I) -> Self {
        let of = |region: Region| (region.range.start(), (region.range.end(), region.node, region.flags));
        Self { by_start: regions.into_iter().map(of).collect() }
    }
}

impl Regions {
    /// The regions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Region> {
        self.by_start.iter().filter_map(|(&start, &(end, node, flags))| {
            Some(Region { range: PhysRange::new(start, end).ok()?, node, flags })
        })
    }

    /// Adds hot-added memory, which joins neighbors of the same node and flags (mm/memblock.c:memblock_add_node, 6.12).
    pub(in crate::life) fn add(&mut self, region: Region) {
        let (mut start, mut end) = (region.range.start(), region.range.end());
        let is_like =
            |entry: &(u64, Option<NodeId>, RegionFlags)| (entry.1, entry.2) == (region.node, region.flags);
        let before = self.by_start.range(..start).next_back();
        if let Some((&at, _)) = before.filter(|(_, entry)| entry.0 == start && is_like(entry)) {
            start = at;
        }
        if let Some(&(until, ..)) = self.by_start.get(&end).filter(|entry| is_like(entry)) {
            self.by_start.remove(&end);
            end = until;
        }
        self.by_start.insert(start, (end, region.node, region.flags));
    }

    /// Removes memory; regions that stick out are cut.
    pub(in crate::life) fn remove(&mut self, range: PhysRange) {
        let before = self.by_start.range(..range.start()).next_back().map(|(&at, &entry)| (at, entry));
        if let Some((at, (end, node, flags))) = before.filter(|(_, entry)| entry.0 > range.start()) {
            self.by_start.insert(at, (range.start(), node, flags));
            if end > range.end() {
                self.by_start.insert(range.end(), (end, node, flags));
            }
        }
        while let Some((&at, &(end, node, flags))) = self.by_start.range(range.start()..range.end()).next() {
            self.by_start.remove(&at);
            if end > range.end() {
                self.by_start.insert(range.end(), (end, node, flags));
            }
        }
    }

    /// Whether the regions are disjoint.
    pub(in crate::life) fn is_consistent(&self) -> bool {
        let mut free_from = 0;
        self.by_start.iter().all(|(&start, &(end, ..))| {
            let fits = free_from <= start && start < end;
            free_from = end;
            fits
        })
    }
}
