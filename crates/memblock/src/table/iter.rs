//! The regions of a table, in order.

use super::RegionTable;
use crate::chunk::Slot;
use crate::tree::Slots;
use crate::{PhysRange, Region};

/// The regions of a table, ascending, or descending from the back (`for_each_mem_region`, 6.12).
///
/// Returned by [`RegionTable::iter`], [`RegionTable::iter_from`] and [`RegionTable::overlapping`]. O(1) each.
#[derive(Clone)]
pub struct Regions<'a>(Slots<'a>);

impl Iterator for Regions<'_> {
    type Item = Region;

    #[inline]
    fn next(&mut self) -> Option<Region> {
        self.0.next().map(Slot::region)
    }
}

impl DoubleEndedIterator for Regions<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Region> {
        self.0.next_back().map(Slot::region)
    }
}

impl core::iter::FusedIterator for Regions<'_> {}

impl core::fmt::Debug for Regions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl RegionTable<'_> {
    /// All regions. O(log n) for the first, then O(1).
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x5000, 0x6000)?))?;
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// let starts: Vec<u64> = table.iter().rev().map(|region| region.range.start()).collect();
    /// assert_eq!(starts, [0x5000, 0x1000]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> Regions<'_> {
        Regions(self.tree.all_slots())
    }

    /// The regions that contain `address` or lie above it. O(log n) for the first, then O(1).
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// table.add(Region::plain(PhysRange::new(0x5000, 0x6000)?))?;
    /// assert_eq!(table.iter_from(0x1fff).count(), 2);
    /// assert_eq!(table.iter_from(0x2000).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter_from(&self, address: u64) -> Regions<'_> {
        Regions(self.tree.slots(&self.tree.locate(address), &self.tree.end()))
    }

    /// The regions that overlap `range`, uncut. O(log n) for the first, then O(1).
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// table.add(Region::plain(PhysRange::new(0x5000, 0x6000)?))?;
    /// assert_eq!(table.overlapping(PhysRange::new(0x1800, 0x5000)?).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn overlapping(&self, range: PhysRange) -> Regions<'_> {
        let from = self.tree.locate(range.start());
        let to = self.tree.first_starting_at_or_after(range.end());
        Regions(self.tree.slots(&from, &to))
    }
}

impl<'a> IntoIterator for &'a RegionTable<'_> {
    type Item = Region;
    type IntoIter = Regions<'a>;

    fn into_iter(self) -> Regions<'a> {
        self.iter()
    }
}
