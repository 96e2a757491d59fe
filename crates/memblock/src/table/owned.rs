//! The regions of a table with their owners, as a [`Memblock`](crate::Memblock) keeps them for reservations.

use super::RegionTable;
use crate::chunk::Slot;
use crate::owner::Owner;
use crate::tree::Slots;
use crate::{PhysRange, Region};

/// Regions with their owners, from either end.
#[derive(Clone)]
pub(crate) struct OwnedRegions<'a>(Slots<'a>);

const fn owned(slot: &Slot) -> (Region, Owner) {
    (slot.region(), slot.owner())
}

impl Iterator for OwnedRegions<'_> {
    type Item = (Region, Owner);

    #[inline]
    fn next(&mut self) -> Option<(Region, Owner)> {
        self.0.next().map(owned)
    }
}

impl DoubleEndedIterator for OwnedRegions<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<(Region, Owner)> {
        self.0.next_back().map(owned)
    }
}

impl RegionTable<'_> {
    /// All regions.
    pub(crate) fn owned(&self) -> OwnedRegions<'_> {
        OwnedRegions(self.tree.all_slots())
    }

    /// The regions that overlap `range`, uncut.
    pub(crate) fn owned_overlapping(&self, range: PhysRange) -> OwnedRegions<'_> {
        let from = self.tree.locate(range.start());
        let to = self.tree.first_starting_at_or_after(range.end());
        OwnedRegions(self.tree.slots(&from, &to))
    }

    /// The region that contains `address`.
    pub(crate) fn owned_at(&self, address: u64) -> Option<(Region, Owner)> {
        self.tree.find(address).filter(|slot| slot.start <= address).map(owned)
    }

    /// The highest regions, those of the last leaf, ascending.
    #[inline]
    pub(crate) fn last_leaf(&self) -> &[Slot] {
        self.tree.last_leaf()
    }
}
