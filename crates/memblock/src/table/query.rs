//! Questions about a table.

use super::RegionTable;
use crate::chunk::Slot;
use crate::{PhysRange, Region};

impl RegionTable<'_> {
    /// The region that contains `address` (`memblock_search`, 6.12). O(log n).
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// let region = Region::plain(PhysRange::new(0x1000, 0x2000)?);
    /// table.add(region)?;
    /// assert_eq!(table.region_at(0x1fff), Some(region));
    /// assert_eq!(table.region_at(0x2000), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn region_at(&self, address: u64) -> Option<Region> {
        self.tree.find(address).filter(|slot| slot.start <= address).map(Slot::region)
    }

    /// Whether a region contains `address`. O(log n).
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// assert!(table.contains(0x1fff) && !table.contains(0x2000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains(&self, address: u64) -> bool {
        self.tree.find(address).is_some_and(|slot| slot.start <= address)
    }

    /// Whether any byte of `range` lies in a region (`memblock_overlaps_region`, 6.12). O(log n), where
    /// Linux looks at every region.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// assert!(table.overlaps(PhysRange::new(0x1fff, 0x3000)?));
    /// assert!(!table.overlaps(PhysRange::new(0x2000, 0x3000)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn overlaps(&self, range: PhysRange) -> bool {
        self.tree.find(range.start()).is_some_and(|slot| slot.start < range.end())
    }

    /// Whether every byte of `range` lies in a region. Unlike `memblock_is_region_memory` (6.12), which looks
    /// at one region only, this is also true across regions that touch but differ in node or attributes.
    /// O(log n), plus O(1) for each region passed.
    ///
    /// ```
    /// use memblock::{NodeId, PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// table.add(Region { node: NodeId::new(1), ..Region::plain(PhysRange::new(0x2000, 0x3000)?) })?;
    /// assert!(table.covers(PhysRange::new(0x1800, 0x2800)?));
    /// assert!(!table.covers(PhysRange::new(0x1800, 0x3001)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn covers(&self, range: PhysRange) -> bool {
        let Some(slot) = self.tree.find(range.start()) else { return false };
        if slot.start > range.start() {
            return false;
        }
        if slot.end >= range.end() {
            return true;
        }
        let mut reached = range.start();
        for region in self.overlapping(range) {
            if region.range.start() > reached {
                return false;
            }
            reached = region.range.end();
        }
        reached >= range.end()
    }

    /// Bytes of `range` that lie in a region. O(log n), plus O(1) for each region passed.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// assert_eq!(table.size_within(PhysRange::new(0x1800, 0x9000)?), 0x800);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn size_within(&self, range: PhysRange) -> u64 {
        let parts = self.overlapping(range).filter_map(|region| region.range.intersect(range));
        parts.map(PhysRange::size).sum()
    }

    /// The lowest region. O(log n).
    pub fn first(&self) -> Option<Region> {
        self.iter().next()
    }

    /// The highest region. O(log n).
    pub fn last(&self) -> Option<Region> {
        self.iter().next_back()
    }

    /// From the lowest byte to the highest, including gaps. O(1).
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x2000)?))?;
    /// table.add(Region::plain(PhysRange::new(0x8000, 0x9000)?))?;
    /// assert_eq!(table.span(), Some(PhysRange::new(0x1000, 0x9000)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn span(&self) -> Option<PhysRange> {
        self.tree.ends().map(|(start, end)| PhysRange::trusted(start, end))
    }
}
