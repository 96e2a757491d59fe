//! Limiting memory: `mem=`, and a kdump kernel that may use only the memory set aside for it.

use super::Memblock;
use crate::{MemblockError, PhysRange, Region, RegionFlags, RegionTable};

/// Removes from a table everything in `range` that is not kept. Removing the ends of a table, region by
/// region, cuts no region in two, so it needs no memory.
fn take(table: &mut RegionTable<'_>, range: PhysRange, is_kept: impl Fn(&Region) -> bool) -> u64 {
    let mut taken = 0;
    let mut left = Some(range);
    while let Some(range) = left {
        let next = table.overlapping(range).find(|region| !is_kept(region));
        let Some(part) = next.and_then(|region| region.range.intersect(range)) else { break };
        taken += table.remove(part).unwrap_or(0);
        left = PhysRange::new(part.end(), range.end()).ok();
    }
    taken
}

const fn is_nomap(region: &Region) -> bool {
    region.flags.contains(RegionFlags::NOMAP)
}

impl Memblock<'_> {
    /// The address below which there are `limit` bytes of memory; `None` if there are fewer.
    fn end_of_lowest(&self, limit: u64) -> Option<u64> {
        let mut left = limit;
        self.memory.iter().find_map(|region| {
            let size = region.range.size();
            if left <= size {
                return Some(region.range.start() + left);
            }
            left -= size;
            None
        })
    }

    /// Keeps the lowest `limit` bytes of memory, and cuts off all memory and reservations above
    /// (`memblock_enforce_memory_limit`, 6.12). Returns the number of bytes of memory removed. A limit of 0,
    /// or more than there is, changes nothing. O(n), and O(log n) for each region removed. Needs no memory.
    ///
    /// # Errors
    ///
    /// [`MemblockError::InUse`] if memblock's own tables lie above; nothing is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x5000)?)?;
    /// memblock.add(PhysRange::new(0x8000, 0x9000)?)?;
    /// memblock.reserve(PhysRange::new(0x8000, 0x9000)?)?;
    /// assert_eq!(memblock.enforce_memory_limit(0x2000)?, 0x3000);
    /// assert_eq!((memblock.end_of_dram(), memblock.reserved_size()), (Some(0x3000), 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enforce_memory_limit(&mut self, limit: u64) -> Result<u64, MemblockError> {
        let end = if limit == 0 { None } else { self.end_of_lowest(limit) };
        let Some(above) = end.and_then(|end| PhysRange::new(end, u64::MAX).ok()) else { return Ok(0) };
        self.refuse_own(above)?;
        take(&mut self.reserved, above, |_| false);
        self.named.free(above);
        Ok(take(&mut self.memory, above, |_| false))
    }

    /// Keeps memory inside `keep`, and NOMAP memory elsewhere, and removes the rest; also removes all
    /// reservations outside (`memblock_cap_memory_range`, 6.12). Returns the number of bytes of memory
    /// removed. Without any memory, nothing is changed. O(log n) for each region removed. Needs no memory.
    ///
    /// Linux computes `keep`'s end without checking for overflow, and then deletes reservations inside it.
    ///
    /// # Errors
    ///
    /// [`MemblockError::InUse`] if memblock's own tables lie outside; nothing is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x9000)?)?;
    /// memblock.mark_nomap(PhysRange::new(0x8000, 0x9000)?)?;
    /// assert_eq!(memblock.cap_memory_range(PhysRange::new(0x2000, 0x4000)?)?, 0x5000);
    /// assert_eq!(memblock.memory_size(), 0x3000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cap_memory_range(&mut self, keep: PhysRange) -> Result<u64, MemblockError> {
        if self.memory.is_empty() {
            return Ok(0);
        }
        let below = PhysRange::new(0, keep.start()).ok();
        let above = PhysRange::new(keep.end(), u64::MAX).ok();
        let outside = [below, above];
        for range in outside.into_iter().flatten() {
            self.refuse_own(range)?;
        }
        let mut taken = 0;
        for range in outside.into_iter().flatten() {
            take(&mut self.reserved, range, |_| false);
            self.named.free(range);
            taken += take(&mut self.memory, range, is_nomap);
        }
        Ok(taken)
    }

    /// Keeps the lowest `limit` bytes of memory, and NOMAP memory above (`memblock_mem_limit_remove_map`,
    /// 6.12): [`Memblock::cap_memory_range`] from 0 to where these bytes end. A limit of 0, or more than
    /// there is, changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Memblock::cap_memory_range`].
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x9000)?)?;
    /// memblock.mark_nomap(PhysRange::new(0x8000, 0x9000)?)?;
    /// memblock.mem_limit_remove_map(0x2000)?;
    /// assert!(memblock.is_memory(0x2fff) && !memblock.is_memory(0x3000) && memblock.is_memory(0x8000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mem_limit_remove_map(&mut self, limit: u64) -> Result<u64, MemblockError> {
        let end = if limit == 0 { None } else { self.end_of_lowest(limit) };
        match end.and_then(|end| PhysRange::new(0, end).ok()) {
            Some(keep) => self.cap_memory_range(keep),
            None => Ok(0),
        }
    }
}
