//! Adding, removing and marking.
//!
//! Every change is a sequence of steps, each on part of one gap or part of one region. A step changes at most
//! the region and its two neighbors, and leaves the table merged.

use super::{RegionTable, TableFull};
use crate::chunk::Slot;
use crate::owner::Owner;
use crate::tree::{Missing, Path};
use crate::{NodeId, PhysRange, Region, RegionFlags};

impl RegionTable<'_> {
    /// Adds `region` (`memblock_add_range`, 6.12). Returns the number of bytes that were not in the table
    /// before.
    ///
    /// Only the parts that no region covers yet get the new node and attributes; covered parts keep theirs.
    /// Then neighbors that touch and are alike merge. O(log n) for each uncovered part.
    ///
    /// # Errors
    ///
    /// [`TableFull`]; the table is unchanged.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionFlags, RegionTable};
    /// let mut table = RegionTable::new();
    /// let hotplug = Region { flags: RegionFlags::HOTPLUG, ..Region::plain(PhysRange::new(0x2000, 0x3000)?) };
    /// assert_eq!(table.add(hotplug)?, 0x1000);
    /// assert_eq!(table.add(Region::plain(PhysRange::new(0x1000, 0x4000)?))?, 0x2000);
    /// assert!(table.iter().any(|region| region == hotplug));
    /// assert_eq!(table.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn add(&mut self, region: Region) -> Result<u64, TableFull> {
        self.add_slot(Slot::leaf(region), Room::KeepSpare)
    }

    /// Like [`RegionTable::add`], with an owner.
    #[inline]
    pub(crate) fn add_owned(&mut self, region: Region, owner: Owner) -> Result<u64, TableFull> {
        self.add_slot(Slot::leaf(region).owned_by(owner), Room::KeepSpare)
    }

    /// Like [`RegionTable::add_owned`], for a region that overlaps none, without keeping room for a cut.
    pub(crate) fn add_owned_using_spare(&mut self, region: Region, owner: Owner) -> Result<u64, TableFull> {
        self.add_slot(Slot::leaf(region).owned_by(owner), Room::UseSpare)
    }

    fn add_slot(&mut self, new: Slot, room: Room) -> Result<u64, TableFull> {
        let range = PhysRange::trusted(new.start, new.end);
        if let Some(inserted) = self.tree.insert_quick(new) {
            self.len += inserted;
            self.total_size += range.size();
            debug_assert!(self.is_consistent_if_small());
            return Ok(range.size());
        }
        let size_before = self.total_size;
        let mut path = self.tree.locate(range.start());
        if self.tree.get(&path).is_none_or(|next| next.start >= range.end()) {
            self.fill_gap(&mut path, new, room)
        } else {
            self.add_across(new)
        }
        .map_err(|missing| TableFull::new(range, missing))?;
        debug_assert!(self.is_consistent_if_small());
        Ok(self.total_size - size_before)
    }

    /// Adds many regions, in any order. Ascending order is fastest: each region costs little more than O(1),
    /// and chunks are left full; see [`RegionTable::add_unsorted`].
    ///
    /// # Errors
    ///
    /// [`TableFull`] at the first region that does not fit. The regions before it are in the table; it and
    /// the regions after it are not.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// let starts = [0x1000_u64, 0x4000, 0x8000];
    /// table.add_all(starts.map(|start| Region::plain(PhysRange::from_size(start, 0x1000).unwrap())))?;
    /// assert_eq!(table.total_size(), 0x3000);
    /// # Ok::<(), memblock::TableFull>(())
    /// ```
    pub fn add_all(&mut self, regions: impl IntoIterator<Item = Region>) -> Result<(), TableFull> {
        regions.into_iter().try_for_each(|region| self.add(region).map(drop))
    }

    /// Sorts the slice and adds its regions with [`RegionTable::add_all`]. Sorting takes most of the time.
    ///
    /// # Errors
    ///
    /// As [`RegionTable::add_all`].
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let region = |start| Region::plain(PhysRange::from_size(start, 0x1000).unwrap());
    /// let mut table = RegionTable::new();
    /// table.add_unsorted(&mut [region(0x8000), region(0x1000), region(0x4000)])?;
    /// assert!(table.iter().eq([region(0x1000), region(0x4000), region(0x8000)]));
    /// # Ok::<(), memblock::TableFull>(())
    /// ```
    pub fn add_unsorted(&mut self, regions: &mut [Region]) -> Result<(), TableFull> {
        regions.sort_unstable_by_key(|region| region.range.start());
        self.add_all(regions.iter().copied())
    }

    /// Removes `range` from the table (`memblock_remove_range`, 6.12). Returns the number of bytes removed.
    ///
    /// Regions that cross an end of `range` are cut there. O(log n) for each region touched.
    ///
    /// # Errors
    ///
    /// [`TableFull`] only if `range` lies strictly inside one region, so that two are left of it, and the
    /// spare room for that has already been used; the table is unchanged.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1000, 0x5000)?))?;
    /// assert_eq!(table.remove(PhysRange::new(0x2000, 0x3000)?)?, 0x1000);
    /// assert_eq!(table.remove(PhysRange::new(0x8000, 0x9000)?)?, 0);
    /// assert_eq!(table.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, range: PhysRange) -> Result<u64, TableFull> {
        if let Some((size, change)) = self.tree.remove_quick(range.start(), range.end()) {
            self.len = self.len.wrapping_add_signed(change);
            self.total_size -= size;
            debug_assert!(self.is_consistent_if_small());
            return Ok(size);
        }
        let size_before = self.total_size;
        loop {
            // Everything before has been removed, so the next part is the first after the start.
            let mut path = self.tree.locate(range.start());
            let Some(slot) = self.tree.get(&path).filter(|slot| slot.start < range.end()) else { break };
            let more = slot.end < range.end();
            let part = (slot.start.max(range.start()), slot.end.min(range.end()));
            self.cut(&mut path, slot, part).map_err(|missing| TableFull::new(range, missing))?;
            if !more {
                break;
            }
        }
        debug_assert!(self.is_consistent_if_small());
        Ok(size_before - self.total_size)
    }

    /// Sets attributes, bits 0 to 15, on the part of `range` that the table holds (`memblock_setclr_flag`,
    /// 6.12). Regions are cut at the ends of `range`, and merged where they have become alike. O(log n) for
    /// each region touched.
    ///
    /// # Errors
    ///
    /// [`TableFull`]; the table is unchanged.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionFlags, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0, 0x4000)?))?;
    /// table.set_flags(PhysRange::new(0x1000, 0x2000)?, RegionFlags::NOMAP)?;
    /// assert_eq!(table.len(), 3);
    /// table.clear_flags(PhysRange::new(0, 0x8000)?, RegionFlags::NOMAP)?;
    /// assert_eq!(table.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_flags(&mut self, range: PhysRange, flags: RegionFlags) -> Result<(), TableFull> {
        self.rewrite(range, Room::KeepSpare, |region| Region { flags: region.flags | flags, ..region })
    }

    /// Clears attributes. Otherwise like [`RegionTable::set_flags`].
    ///
    /// # Errors
    ///
    /// [`TableFull`]; the table is unchanged.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionFlags, RegionTable};
    /// let mut table = RegionTable::new();
    /// let range = PhysRange::new(0, 0x4000)?;
    /// table.add(Region { flags: RegionFlags::HOTPLUG, ..Region::plain(range) })?;
    /// table.clear_flags(PhysRange::new(0, 0x1000)?, RegionFlags::HOTPLUG)?;
    /// assert_eq!(table.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_flags(&mut self, range: PhysRange, flags: RegionFlags) -> Result<(), TableFull> {
        self.rewrite(range, Room::KeepSpare, |region| Region {
            flags: region.flags.difference(flags),
            ..region
        })
    }

    /// Sets the node of the part of `range` that the table holds (`memblock_set_node`, 6.12). Otherwise like
    /// [`RegionTable::set_flags`].
    ///
    /// # Errors
    ///
    /// [`TableFull`]; the table is unchanged.
    ///
    /// ```
    /// use memblock::{NodeId, PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0, 0x4000)?))?;
    /// table.set_node(PhysRange::new(0x2000, 0x8000)?, NodeId::new(1))?;
    /// assert_eq!(table.region_at(0x3fff).unwrap().node, NodeId::new(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_node(&mut self, range: PhysRange, node: Option<NodeId>) -> Result<(), TableFull> {
        self.rewrite(range, Room::KeepSpare, |region| Region { node, ..region })
    }

    /// Like [`RegionTable::set_node`], for a caller who has already checked that there is room.
    pub(crate) fn set_node_using_spare(
        &mut self,
        range: PhysRange,
        node: Option<NodeId>,
    ) -> Result<(), TableFull> {
        self.rewrite(range, Room::UseSpare, |region| Region { node, ..region })
    }

    /// Shrinks every region to multiples of `align` bytes, and drops regions that hold none
    /// (`memblock_trim_memory`, 6.12, which forgets to reduce the total; here it stays exact). `align` need
    /// not be a power of two; 0 counts as 1. Never needs memory. O(n log n).
    ///
    /// Returns the number of bytes removed.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0x1800, 0x4800)?))?;
    /// table.add(Region::plain(PhysRange::new(0x8800, 0x8c00)?))?;
    /// assert_eq!(table.trim(0x1000), 0x1400);
    /// assert_eq!(table.total_size(), 0x2000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&mut self, align: u64) -> u64 {
        let size_before = self.total_size;
        let mut address = 0;
        loop {
            let path = self.tree.locate(address);
            let Some(slot) = self.tree.get(&path) else { break };
            address = slot.end;
            match slot.region().range.shrink_to_multiples(align) {
                Some(kept) => self.put(&path, slot, slot.moved(kept.start(), kept.end())),
                None => self.take(&path, slot),
            }
        }
        debug_assert!(self.is_consistent_if_small());
        size_before - self.total_size
    }

    /// Adds the uncovered parts of a range that overlaps regions.
    fn add_across(&mut self, new: Slot) -> Result<(), Missing> {
        let range = PhysRange::trusted(new.start, new.end);
        // Count first: the table must not be left half changed.
        let is_alike = |address: u64| {
            self.tree.find(address).is_some_and(|there| there.start <= address && there.is_alike(&new))
        };
        let joins = |gap: &PhysRange| gap.start().checked_sub(1).is_some_and(is_alike) || is_alike(gap.end());
        let inserts = self.gaps(range, 1).filter(|gap| !joins(gap)).count();
        if inserts > 0 {
            let leaves = self.tree.leaves(&self.tree.locate(range.start()), &self.tree.locate(range.end()));
            self.tree.admits(inserts, leaves)?;
        }
        let mut address = range.start();
        while address < range.end() {
            let mut path = self.tree.locate(address);
            let next = self.tree.get(&path);
            if let Some(covering) = next.filter(|next| next.start <= address) {
                address = covering.end;
                continue;
            }
            let end = next.map_or(range.end(), |next| next.start.min(range.end()));
            self.fill_gap(&mut path, new.moved(address, end), Room::UseSpare)?;
            address = end;
        }
        Ok(())
    }

    /// Adds `new`, which lies in the gap below the region at `path`, and merges it with its neighbors.
    fn fill_gap(&mut self, path: &mut Path, new: Slot, room: Room) -> Result<(), Missing> {
        let below = self.tree.before(path).filter(|slot| slot.merges_with(&new));
        let above = self.tree.get(path).filter(|slot| new.merges_with(slot));
        match (below, above) {
            (None, None) => {
                if room == Room::KeepSpare {
                    self.tree.admits_at(path)?;
                }
                self.insert(path, new)?;
            }
            (None, Some(above)) => self.put(path, above, above.moved(new.start, above.end)),
            (Some(below), None) => {
                self.tree.step_back(path);
                self.put(path, below, below.moved(below.start, new.end));
            }
            (Some(below), Some(above)) => {
                // Remove the upper region first: the lower one cannot grow over it while it is there.
                self.take(path, above);
                let path = self.tree.locate(below.start);
                self.put(&path, below, below.moved(below.start, above.end));
            }
        }
        Ok(())
    }

    /// Removes `part` from the region at `path`, which is `slot`.
    fn cut(&mut self, path: &mut Path, slot: Slot, part: (u64, u64)) -> Result<(), Missing> {
        let (start, end) = part;
        match (slot.start < start, end < slot.end) {
            (false, false) => self.take(path, slot),
            (false, true) => self.put(path, slot, slot.moved(end, slot.end)),
            (true, false) => self.put(path, slot, slot.moved(slot.start, start)),
            (true, true) => {
                let upper = slot.moved(end, slot.end);
                self.put(path, slot, upper);
                if let Err(missing) = self.insert(path, slot.moved(slot.start, start)) {
                    self.put(path, upper, slot);
                    return Err(missing);
                }
            }
        }
        Ok(())
    }

    /// Changes the node or attributes of the part of `range` that the table holds.
    fn rewrite(
        &mut self,
        range: PhysRange,
        room: Room,
        change: impl Fn(Region) -> Region,
    ) -> Result<(), TableFull> {
        if self.rewrite_inside_one(range, &change) {
            debug_assert!(self.is_consistent_if_small());
            return Ok(());
        }
        let cuts = [range.start(), range.end()].into_iter().filter(|&address| {
            let cut = self.region_at(address).filter(|region| region.range.start() < address);
            cut.is_some_and(|region| change(region) != region)
        });
        let cuts = cuts.count();
        if cuts > 0 && room == Room::KeepSpare {
            self.tree.admits(cuts, cuts).map_err(|missing| TableFull::new(range, missing))?;
        }
        let mut address = range.start();
        while address < range.end() {
            let mut path = self.tree.locate(address);
            let Some(slot) = self.tree.get(&path).filter(|slot| slot.start < range.end()) else { break };
            let part = (slot.start.max(range.start()), slot.end.min(range.end()));
            address = part.1;
            let new = Slot::leaf(change(slot.region())).owned_by(slot.owner());
            if new == slot {
                // Skip everything that needs no change, without a search for each region.
                let mut rest = self.iter_from(slot.end);
                let next = rest.find(|next| next.range.start() >= range.end() || change(*next) != *next);
                address = next.map_or(range.end(), |next| next.range.start());
                continue;
            }
            let new = new.moved(part.0, part.1);
            self.relabel_part(&mut path, slot, new).map_err(|missing| TableFull::new(range, missing))?;
        }
        debug_assert!(self.is_consistent_if_small());
        Ok(())
    }

    /// Changes `range` if it lies in one region, merges with no neighbor and needs no chunk. Takes one search
    /// and a move within the leaf, without counting first.
    fn rewrite_inside_one(&mut self, range: PhysRange, change: impl Fn(Region) -> Region) -> bool {
        let path = self.tree.locate(range.start());
        let Some(slot) = self.tree.get(&path) else { return true };
        if slot.start > range.start() || range.end() > slot.end {
            return false;
        }
        let new = Slot::leaf(change(slot.region())).owned_by(slot.owner());
        if new == slot {
            return true;
        }
        let new = new.moved(range.start(), range.end());
        let below = (slot.start < new.start).then(|| slot.moved(slot.start, new.start));
        let above = (new.end < slot.end).then(|| slot.moved(new.end, slot.end));
        let joins_below = below.is_none() && self.tree.before(&path).is_some_and(|it| it.merges_with(&new));
        let joins_above = above.is_none() && self.tree.after(&path).is_some_and(|it| new.merges_with(&it));
        if joins_below || joins_above {
            return false;
        }
        let added = match (below, above) {
            (None, None) => self.tree.splice(&path, &[new]).then_some(0),
            (Some(below), None) => self.tree.splice(&path, &[below, new]).then_some(1),
            (None, Some(above)) => self.tree.splice(&path, &[new, above]).then_some(1),
            (Some(below), Some(above)) => self.tree.splice(&path, &[below, new, above]).then_some(2),
        };
        self.len += added.unwrap_or(0);
        added.is_some()
    }

    /// Replaces part of the region at `path`, which is `slot`, with `new`.
    fn relabel_part(&mut self, path: &mut Path, slot: Slot, new: Slot) -> Result<(), Missing> {
        let below = self.tree.before(path);
        let joins_below = below.is_some_and(|below| below.end == new.start && below.is_alike(&new));
        if new.start == slot.start && new.end == slot.end && !joins_below {
            let above = self.tree.after(path);
            if !above.is_some_and(|above| above.start == new.end && above.is_alike(&new)) {
                self.put(path, slot, new);
                return Ok(());
            }
        }
        self.cut(path, slot, (new.start, new.end))?;
        let mut path = self.tree.locate(new.start);
        self.fill_gap(&mut path, new, Room::UseSpare)
    }

    fn insert(&mut self, path: &mut Path, new: Slot) -> Result<(), Missing> {
        self.tree.insert(path, new)?;
        self.len += 1;
        self.total_size += new.end - new.start;
        Ok(())
    }

    /// Replaces the region at `path`, which is `old`.
    fn put(&mut self, path: &Path, old: Slot, new: Slot) {
        self.tree.replace(path, new);
        self.total_size -= old.end - old.start;
        self.total_size += new.end - new.start;
    }

    /// Removes the region at `path`, which is `old`.
    fn take(&mut self, path: &Path, old: Slot) {
        self.tree.remove(path);
        self.len -= 1;
        self.total_size -= old.end - old.start;
    }
}

/// Whether an insertion must keep room for a removal that cuts a region.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    KeepSpare,
    /// The caller has already counted.
    UseSpare,
}
