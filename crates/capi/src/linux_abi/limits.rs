//! Limiting memory: `mem=`, and a kdump kernel that may use only the memory set aside for it.

use memblock::{PhysRange, RegionFlags};

use super::fault::Fault;
use super::flat;
use super::linux::{Kind, Linux};

impl Linux<'_> {
    /// The address below which there are `limit` bytes of memory; `None` if there are fewer.
    fn end_of_lowest(&self, limit: u64) -> Option<u64> {
        let mut left = limit;
        flat::regions(self.table(Kind::Memory).records()).find_map(|region| {
            let size = region.range.size();
            if left <= size {
                return region.range.start().checked_add(left);
            }
            left = left.saturating_sub(size);
            None
        })
    }

    /// Keeps the lowest `limit` bytes of memory, and cuts off all memory and reservations above. A limit of
    /// 0, or more than there is, changes nothing.
    pub(super) fn enforce_memory_limit(&mut self, limit: u64) -> Result<(), Fault> {
        let end = if limit == 0 { None } else { self.end_of_lowest(limit) };
        let above = end.and_then(|end| PhysRange::new(end, u64::MAX).ok());
        self.remove(above)?;
        self.free(above)
    }

    /// Keeps memory inside `keep`, and NOMAP memory elsewhere, and removes the rest; also removes all
    /// reservations outside. Without memory, changes nothing.
    pub(super) fn cap_memory_range(&mut self, keep: Option<PhysRange>) -> Result<(), Fault> {
        let Some(keep) = keep.filter(|_| self.table(Kind::Memory).total_size() > 0) else { return Ok(()) };
        let below = PhysRange::new(0, keep.start()).ok();
        let above = PhysRange::new(keep.end(), u64::MAX).ok();
        for outside in [below, above].into_iter().flatten() {
            self.remove_mapped(outside)?;
            self.free(Some(outside))?;
        }
        Ok(())
    }

    /// Keeps the lowest `limit` bytes of memory, and NOMAP memory above. A limit of 0, or more than there is,
    /// changes nothing.
    pub(super) fn mem_limit_remove_map(&mut self, limit: u64) -> Result<(), Fault> {
        let end = if limit == 0 { None } else { self.end_of_lowest(limit) };
        self.cap_memory_range(end.and_then(|end| PhysRange::new(0, end).ok()))
    }

    /// Removes the memory in `range`, except NOMAP memory.
    fn remove_mapped(&mut self, range: PhysRange) -> Result<(), Fault> {
        let mut left = Some(range);
        while let Some(range) = left {
            let inside = flat::overlapping(self.table(Kind::Memory).records(), range);
            let kept = flat::regions(inside).find(|region| region.flags.contains(RegionFlags::NOMAP));
            let (end, next) =
                kept.map_or((range.end(), range.end()), |kept| (kept.range.start(), kept.range.end()));
            self.remove(PhysRange::new(range.start(), end).ok())?;
            left = PhysRange::new(next, range.end()).ok();
        }
        Ok(())
    }
}
