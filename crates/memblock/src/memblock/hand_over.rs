//! The end of early allocation: free memory goes to the page allocator.

use super::{FreeRanges, Memblock, MemblockError, TableKind};
use crate::{NodeId, PageSize, PhysRange, Region, RegionFlags, Selection, TableFull};

/// What the page allocator accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// The largest block has `1 << max_order` pages; at most 63.
    pub max_order: u32,
    /// First page frame that is not handed over (`max_low_pfn`); only 32-bit machines with high memory have
    /// one.
    pub end_pfn: u64,
}

impl Default for HandOver {
    /// Blocks up to order 10 (`MAX_PAGE_ORDER`, 4 MiB of 4 KiB pages), all page frames.
    fn default() -> Self {
        Self { max_order: 10, end_pfn: u64::MAX }
    }
}

/// `1 << order` free pages, aligned to their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FreeBlock {
    /// The first page frame.
    pub pfn: u64,
    /// The exponent of the number of pages.
    pub order: u32,
    /// The node of the memory.
    pub node: Option<NodeId>,
}

impl FreeBlock {
    /// Number of pages.
    pub const fn pages(&self) -> u64 {
        1 << self.order
    }
}

/// Free memory as blocks, ascending, from [`Memblock::free_all`].
#[derive(Clone, Debug)]
pub struct FreeBlocks<'a> {
    ranges: FreeRanges<'a>,
    page_size: PageSize,
    limits: HandOver,
    /// The rest of the current range: pfns, half-open.
    pfn: u64,
    end: u64,
    node: Option<NodeId>,
}

impl Iterator for FreeBlocks<'_> {
    type Item = FreeBlock;

    fn next(&mut self) -> Option<FreeBlock> {
        while self.pfn >= self.end {
            let piece = self.ranges.next()?;
            self.pfn = self.page_size.pfn_up(piece.range.start());
            self.end = self.page_size.pfn_down(piece.range.end()).min(self.limits.end_pfn);
            self.node = piece.node;
        }
        let fits = (self.end - self.pfn).ilog2();
        // Page frame 0 is a multiple of everything.
        let order = self.pfn.trailing_zeros().min(fits).min(self.limits.max_order);
        let block = FreeBlock { pfn: self.pfn, order, node: self.node };
        self.pfn += block.pages();
        Some(block)
    }
}

impl core::iter::FusedIterator for FreeBlocks<'_> {}

impl Memblock<'_> {
    /// Ends early allocation: returns all free memory in blocks for the page allocator (`memblock_free_all`,
    /// 6.12).
    ///
    /// First this clears HOTPLUG on all memory (so `movable_node` no longer keeps any back) and gives
    /// reservations the nodes of the memory they lie in; see [`Memblock::reserved_pages`]. Then each free
    /// range yields its whole pages, in blocks as large as alignment and end allow, lowest first. NOMAP and
    /// driver-managed memory are left out. The tables do not record which blocks were taken. So call this
    /// once, and allocate nothing afterwards. Tables no longer grow by themselves either ([`Memblock::grow`]
    /// still works).
    ///
    /// O(memory + reserved regions) before the first block; O(1) for each block.
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if `reserved` has no room for regions that are cut at node boundaries; nothing is
    /// changed.
    ///
    /// ```
    /// use memblock::{FreeBlock, HandOver, Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x9000)?)?;
    /// memblock.reserve(PhysRange::new(0x6000, 0x6800)?)?;
    /// let blocks: Vec<_> =
    ///     memblock.free_all(HandOver::default())?.map(|block| (block.pfn, block.order)).collect();
    /// assert_eq!(blocks, [(1, 0), (2, 1), (4, 1), (7, 0), (8, 0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free_all(&mut self, limits: HandOver) -> Result<FreeBlocks<'_>, MemblockError> {
        self.set_nodes_of_reserved()?;
        if let Some(all) = self.memory.span() {
            // Regions only become more alike, so they merge, which takes no room.
            self.relabel(TableKind::Memory, |memory| memory.clear_flags(all, RegionFlags::HOTPLUG))?;
        }
        // Free memory belongs to the page allocator now: no table may grow into it.
        self.map = None;
        let limits = HandOver { max_order: limits.max_order.min(u64::BITS - 1), ..limits };
        let ranges = self.free_ranges(Selection::ANY);
        Ok(FreeBlocks { ranges, page_size: self.page_size, limits, pfn: 0, end: 0, node: None })
    }

    /// Gives every reservation the node of the memory it lies in. Outside memory, it keeps its own.
    fn set_nodes_of_reserved(&mut self) -> Result<(), MemblockError> {
        let Some(range) = self.memory.span() else { return Ok(()) };
        // Make room first, so as not to stop halfway: every end of a memory region inside a reservation may
        // cut it.
        loop {
            let ends = self.memory.iter().flat_map(|region| [region.range.start(), region.range.end()]);
            let cuts = ends.filter(|&end| self.is_inside_reserved(end)).count();
            if cuts == 0 {
                break;
            }
            let Some(chunks) = self.reserved.chunks_missing_for(cuts) else { break };
            self.grow_by_itself(TableKind::Reserved, TableFull { range, chunks }, None)?;
        }
        for region in &self.memory {
            self.reserved
                .set_node_using_spare(region.range, region.node)
                .map_err(|cause| MemblockError::Full { table: TableKind::Reserved, cause })?;
        }
        Ok(())
    }

    /// Whether a reservation has bytes on both sides of an address.
    fn is_inside_reserved(&self, address: u64) -> bool {
        self.reserved.region_at(address).is_some_and(|region| region.range.start() < address)
    }

    /// The ranges whose `struct page`s are to be set up as reserved (`memmap_init_reserved_pages`, 6.12):
    /// first NOMAP memory, then reservations without `RSRV_NOINIT`. The nodes of the latter are correct after
    /// [`Memblock::free_all`]. O(memory + reserved regions) for all.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x9000)?)?;
    /// memblock.mark_nomap(PhysRange::new(0x8000, 0x9000)?)?;
    /// memblock.reserve(PhysRange::new(0x2000, 0x3000)?)?;
    /// let starts: Vec<u64> = memblock.reserved_pages().map(|region| region.range.start()).collect();
    /// assert_eq!(starts, [0x8000, 0x2000]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserved_pages(&self) -> impl Iterator<Item = Region> + '_ {
        let nomap = self.memory.iter().filter(|region| region.flags.contains(RegionFlags::NOMAP));
        let has_pages = |region: &Region| !region.flags.contains(RegionFlags::RSRV_NOINIT);
        nomap.chain(self.reserved.iter().filter(has_pages))
    }

    /// The free pages of a zone of `node`: the node's free memory in `start_pfn..end_pfn`, in whole pages
    /// (`for_each_free_mem_pfn_range_in_zone`, 6.12, removed in later releases). O(memory + reserved regions)
    /// for all.
    ///
    /// ```
    /// use memblock::{Memblock, NodeId, PhysRange, Region};
    /// let mut memblock = Memblock::new();
    /// let node = NodeId::new(1);
    /// memblock.add_node(Region { node, ..Region::plain(PhysRange::new(0x1800, 0x9000)?) })?;
    /// assert!(memblock.free_pfn_ranges_in_zone(node, 0, 8).eq([(2, 8)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free_pfn_ranges_in_zone(
        &self,
        node: Option<NodeId>,
        start_pfn: u64,
        end_pfn: u64,
    ) -> impl Iterator<Item = (u64, u64)> + '_ {
        let page_size = self.page_size;
        self.free_ranges(Selection { node, ..Selection::ANY }).filter_map(move |piece: Region| {
            let (start, end) = page_size.whole_pages(piece.range)?;
            let (start, end) = (start.max(start_pfn), end.min(end_pfn));
            (start < end).then_some((start, end))
        })
    }

    /// The pages to hand over when a reserved `range` is freed after early allocation has ended
    /// (`memblock_free_late`, 6.12): the page frames entirely inside, half-open. The tables are unchanged.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let memblock = Memblock::new();
    /// assert_eq!(memblock.free_late(PhysRange::new(0x1800, 0x9000)?), Some((2, 9)));
    /// # Ok::<(), memblock::RangeError>(())
    /// ```
    pub const fn free_late(&self, range: PhysRange) -> Option<(u64, u64)> {
        self.page_size.whole_pages(range)
    }
}
