//! Walks over memory, free memory and physmem, lazy and from either end.

use super::{Memblock, TableKind};
use crate::Region;
use crate::ranges::{Difference, difference};
use crate::{NodeId, PageSize, PfnRange, Regions, Selection};

/// Regions of the memory table that a [`Selection`] includes.
#[derive(Clone, Debug)]
pub struct MemoryRanges<'a> {
    regions: Regions<'a>,
    selection: Selection,
    movable_node: bool,
}

/// Pieces of memory that are not reserved.
pub type FreeRanges<'a> = Difference<MemoryRanges<'a>, Regions<'a>>;

/// Pieces of physmem that are not in another table.
pub type PhysmemRanges<'a> = Difference<Regions<'a>, Regions<'a>>;

impl Iterator for MemoryRanges<'_> {
    type Item = Region;

    #[inline]
    fn next(&mut self) -> Option<Region> {
        let Self { regions, selection, movable_node } = self;
        regions.find(|region| selection.shows(region, *movable_node))
    }
}

impl DoubleEndedIterator for MemoryRanges<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Region> {
        let Self { regions, selection, movable_node } = self;
        regions.rfind(|region| selection.shows(region, *movable_node))
    }
}

impl core::iter::FusedIterator for MemoryRanges<'_> {}

/// Whole pages of the memory regions.
#[derive(Clone, Debug)]
pub struct MemoryPfnRanges<'a> {
    regions: Regions<'a>,
    node: Option<NodeId>,
    page_size: PageSize,
}

impl MemoryPfnRanges<'_> {
    fn pages(region: &Region, node: Option<NodeId>, page_size: PageSize) -> Option<PfnRange> {
        if node.is_some() && node != region.node {
            return None;
        }
        let (start, end) = page_size.whole_pages(region.range)?;
        Some(PfnRange { start, end, node: region.node })
    }
}

impl Iterator for MemoryPfnRanges<'_> {
    type Item = PfnRange;

    #[inline]
    fn next(&mut self) -> Option<PfnRange> {
        let Self { regions, node, page_size } = self;
        regions.find_map(|region| Self::pages(&region, *node, *page_size))
    }
}

impl DoubleEndedIterator for MemoryPfnRanges<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<PfnRange> {
        let Self { regions, node, page_size } = self;
        regions.rev().find_map(|region| Self::pages(&region, *node, *page_size))
    }
}

impl core::iter::FusedIterator for MemoryPfnRanges<'_> {}

impl Memblock<'_> {
    /// The memory regions that `selection` includes (`for_each_mem_range`, 6.12, with [`Selection::MAPPED`]).
    /// O(1) for each region, included or not.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Region, RegionFlags, Selection};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// let flags = RegionFlags::DRIVER_MANAGED;
    /// memblock.add_node(Region { flags, ..Region::plain(PhysRange::new(0x8000, 0x9000)?) })?;
    /// assert_eq!(memblock.memory_ranges(Selection::ANY).count(), 1);
    /// assert_eq!(memblock.memory_ranges(Selection::MAPPED).count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory_ranges(&self, selection: Selection) -> MemoryRanges<'_> {
        MemoryRanges { regions: self.memory.iter(), selection, movable_node: self.movable_node }
    }

    /// The free part of the memory that `selection` includes (`for_each_free_mem_range`, 6.12, and `_reverse`
    /// from the back).
    ///
    /// One piece for each gap between reservations in each region, with the region's node and attributes;
    /// pieces of different regions are not joined. Linux also returns an empty piece where two reservations
    /// touch that differ in node or attributes; here no piece is empty. O(memory + reserved regions) for all.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Selection};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// memblock.reserve(PhysRange::new(0x1000, 0x2000)?)?;
    /// let highest = memblock.free_ranges(Selection::ANY).next_back().unwrap();
    /// assert_eq!(highest.range, PhysRange::new(0x2000, 0x8000)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free_ranges(&self, selection: Selection) -> FreeRanges<'_> {
        difference(self.memory_ranges(selection), self.reserved.iter())
    }

    /// All reserved regions (`for_each_reserved_mem_range`, 6.12). O(1) each.
    pub fn reserved_ranges(&self) -> Regions<'_> {
        self.reserved.iter()
    }

    /// What is in physmem but not in another table (`for_each_physmem_range`, 6.12), whatever its node or
    /// attributes.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, TableKind};
    /// let mut memblock = Memblock::new();
    /// memblock.physmem_add(PhysRange::new(0, 0x8000)?)?;
    /// memblock.add(PhysRange::new(0, 0x6000)?)?;
    /// let cut_off = memblock.physmem_ranges(TableKind::Memory).next().unwrap();
    /// assert_eq!(cut_off.range, PhysRange::new(0x6000, 0x8000)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn physmem_ranges(&self, without: TableKind) -> PhysmemRanges<'_> {
        difference(self.physmem.iter(), self.table(without).iter())
    }

    /// The whole pages of memory regions, on one node or on all, whatever their attributes
    /// (`for_each_mem_pfn_range`, 6.12). Regions that hold no whole page are left out. O(1) each.
    ///
    /// ```
    /// use memblock::{Memblock, PfnRange, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x800, 0x3800)?)?;
    /// assert!(memblock.memory_pfn_ranges(None).eq([PfnRange { start: 1, end: 3, node: None }]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory_pfn_ranges(&self, node: Option<NodeId>) -> MemoryPfnRanges<'_> {
        MemoryPfnRanges { regions: self.memory.iter(), node, page_size: self.page_size }
    }
}
