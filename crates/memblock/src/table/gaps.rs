//! Finding gaps between regions by size.

use super::RegionTable;
use crate::PhysRange;
use crate::tree::GapQuery;

impl RegionTable<'_> {
    /// The highest gap with at least `min_size` bytes inside `within`, cut to `within`.
    ///
    /// The parts of `within` below the first region and above the last one count as gaps.
    ///
    /// O(log n), however many smaller gaps lie in between, if `min_size` has at most 21 significant bits,
    /// like any size up to 2 MiB and any multiple of 4 KiB up to 8 GiB: the directory stores the largest gap
    /// under each of its entries, rounded down to 21 bits. For other sizes, each gap that is too small but
    /// rounds to the same number costs a look: O(n) if most gaps do.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut reserved = RegionTable::new();
    /// reserved.add(Region::plain(PhysRange::new(0x4000, 0x5000)?))?;
    /// reserved.add(Region::plain(PhysRange::new(0x6000, 0x7000)?))?;
    /// let ram = PhysRange::new(0x1000, 0x8000)?;
    /// assert_eq!(reserved.last_gap(ram, 0x1000), Some(PhysRange::new(0x7000, 0x8000)?));
    /// assert_eq!(reserved.last_gap(ram, 0x2000), Some(PhysRange::new(0x1000, 0x4000)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn last_gap(&self, within: PhysRange, min_size: u64) -> Option<PhysRange> {
        self.last_hole(within, &GapQuery::new(min_size, 1))
    }

    /// The highest gap inside `within`, cut to it, that satisfies `wanted`.
    ///
    /// Without an alignment, like [`RegionTable::last_gap`]. With one, a gap that is large enough but
    /// misaligned costs a look when the gaps next to it are aligned but too small.
    pub(crate) fn last_hole(&self, within: PhysRange, wanted: &GapQuery) -> Option<PhysRange> {
        let fits = |gap: &PhysRange| wanted.fits(*gap);
        let mut path = self.tree.first_starting_at_or_after(within.end());
        let below = self.tree.before(&path);
        let topmost = within.start().max(below.map_or(0, |below| below.end));
        // The topmost gap reaches to the end of `within`; the others end at a region.
        if let Some(gap) = PhysRange::new(topmost, within.end()).ok().filter(fits) {
            return Some(gap);
        }
        below?;
        self.tree.step_back(&mut path);
        let gap = match self.tree.gap_before(&path, wanted) {
            Some(gap) => gap,
            None => PhysRange::new(0, self.tree.ends()?.0).ok()?,
        };
        gap.intersect(within).filter(fits)
    }

    /// The lowest gap with at least `min_size` bytes inside `within`, cut to it. Otherwise like
    /// [`RegionTable::last_gap`].
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut reserved = RegionTable::new();
    /// reserved.add(Region::plain(PhysRange::new(0x4000, 0x5000)?))?;
    /// let ram = PhysRange::new(0x3000, 0x8000)?;
    /// assert_eq!(reserved.first_gap(ram, 0x2000), Some(PhysRange::new(0x5000, 0x8000)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn first_gap(&self, within: PhysRange, min_size: u64) -> Option<PhysRange> {
        self.first_hole(within, &GapQuery::new(min_size, 1))
    }

    /// The lowest gap inside `within`. Otherwise like [`RegionTable::last_hole`].
    pub(crate) fn first_hole(&self, within: PhysRange, wanted: &GapQuery) -> Option<PhysRange> {
        let fits = |gap: &PhysRange| wanted.fits(*gap);
        let path = self.tree.locate(within.start());
        let above = self.tree.get(&path).map_or(u64::MAX, |above| above.start);
        if let Some(gap) = PhysRange::new(within.start(), above.min(within.end())).ok().filter(fits) {
            return Some(gap);
        }
        let gap = match self.tree.gap_after(&path, wanted) {
            Some(gap) => gap,
            None => PhysRange::new(self.tree.ends()?.1, u64::MAX).ok()?,
        };
        gap.intersect(within).filter(fits)
    }

    /// The gaps with at least `min_size` bytes inside `within`, cut to it, from either end. Each costs as
    /// much as [`RegionTable::last_gap`].
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut reserved = RegionTable::new();
    /// reserved.add(Region::plain(PhysRange::new(0x4000, 0x5000)?))?;
    /// let gaps: Vec<_> = reserved.gaps(PhysRange::new(0x1000, 0x8000)?, 1).collect();
    /// assert_eq!(gaps, [PhysRange::new(0x1000, 0x4000)?, PhysRange::new(0x5000, 0x8000)?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gaps(&self, within: PhysRange, min_size: u64) -> Gaps<'_> {
        Gaps { table: self, left: Some(within), min_size }
    }
}

/// Gaps of a table from either end, from [`RegionTable::gaps`].
#[derive(Clone)]
pub struct Gaps<'a> {
    table: &'a RegionTable<'a>,
    /// The part not searched yet.
    left: Option<PhysRange>,
    min_size: u64,
}

impl Iterator for Gaps<'_> {
    type Item = PhysRange;

    fn next(&mut self) -> Option<PhysRange> {
        let left = self.left.take()?;
        let gap = self.table.first_gap(left, self.min_size)?;
        self.left = PhysRange::new(gap.end(), left.end()).ok();
        Some(gap)
    }
}

impl DoubleEndedIterator for Gaps<'_> {
    fn next_back(&mut self) -> Option<PhysRange> {
        let left = self.left.take()?;
        let gap = self.table.last_gap(left, self.min_size)?;
        self.left = PhysRange::new(left.start(), gap.start()).ok();
        Some(gap)
    }
}

impl core::iter::FusedIterator for Gaps<'_> {}

impl core::fmt::Debug for Gaps<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
