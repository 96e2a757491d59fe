//! Questions about memory and reservations.

use super::Memblock;
use crate::{PfnRange, PhysRange, RegionFlags, ranges};

impl Memblock<'_> {
    /// Whether `address` is memory, mapped or not (`memblock_is_memory`, 6.12). O(log n).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert!(memblock.is_memory(0x4fff) && !memblock.is_memory(0x5000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_memory(&self, address: u64) -> bool {
        self.memory.contains(address)
    }

    /// Whether `address` is reserved (`memblock_is_reserved`, 6.12). O(log n).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert!(memblock.is_reserved(0x1000) && !memblock.is_reserved(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_reserved(&self, address: u64) -> bool {
        self.reserved.contains(address)
    }

    /// Whether `address` is memory that the kernel maps: not NOMAP (`memblock_is_map_memory`, 6.12).
    /// O(log n).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// memblock.mark_nomap(PhysRange::new(0x4000, 0x5000)?)?;
    /// assert!(memblock.is_memory(0x4000) && !memblock.is_map_memory(0x4000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_map_memory(&self, address: u64) -> bool {
        self.memory.region_at(address).is_some_and(|region| !region.flags.contains(RegionFlags::NOMAP))
    }

    /// Whether all of `range` is memory. Unlike `memblock_is_region_memory` (6.12), this is also true when it
    /// crosses from one region into another that touches it. O(log n), and O(1) for each region crossed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x5000)?)?;
    /// memblock.mark_hotplug(PhysRange::new(0x3000, 0x5000)?)?;
    /// assert!(memblock.is_region_memory(PhysRange::new(0x2000, 0x4000)?));
    /// assert!(!memblock.is_region_memory(PhysRange::new(0x2000, 0x6000)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_region_memory(&self, range: PhysRange) -> bool {
        self.memory.covers(range)
    }

    /// Whether any of `range` is reserved (`memblock_is_region_reserved`, 6.12). O(log n).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert!(memblock.is_region_reserved(PhysRange::new(0x4fff, 0x9000)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_region_reserved(&self, range: PhysRange) -> bool {
        self.reserved.overlaps(range)
    }

    /// Bytes of memory, mapped or not (`memblock_phys_mem_size`, 6.12). O(1).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert_eq!(memblock.memory_size(), 0x4000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn memory_size(&self) -> u64 {
        self.memory.total_size()
    }

    /// Bytes reserved, in memory or not (`memblock_reserved_size`, 6.12). O(1).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert_eq!(memblock.reserved_size(), 0x4000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn reserved_size(&self) -> u64 {
        self.reserved.total_size()
    }

    /// Bytes of memory that are not reserved, whatever their attributes. O(memory + reserved regions).
    ///
    /// Linux's `memblock_estimated_nr_free_pages` (6.12) subtracts the totals, which is wrong when
    /// reservations lie outside memory, and can even go below zero. This counts the memory that is free.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x4000)?)?;
    /// memblock.reserve(PhysRange::new(0x3000, 0x9_0000)?)?;
    /// assert_eq!(memblock.free_size(), 0x3000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free_size(&self) -> u64 {
        ranges::difference(self.memory.iter(), self.reserved.iter()).map(|piece| piece.range.size()).sum()
    }

    /// First byte of memory, `None` without memory (`memblock_start_of_DRAM`, 6.12, which then returns 0).
    /// O(1).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// assert_eq!(memblock.start_of_dram(), None);
    /// memblock.add(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert_eq!(memblock.start_of_dram(), Some(0x1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_of_dram(&self) -> Option<u64> {
        self.memory.span().map(PhysRange::start)
    }

    /// First byte after the last byte of memory, `None` without memory (`memblock_end_of_DRAM`, 6.12, which
    /// then reads outside its array). O(1).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// assert_eq!(memblock.end_of_dram(), None);
    /// memblock.add(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert_eq!(memblock.end_of_dram(), Some(0x5000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end_of_dram(&self) -> Option<u64> {
        self.memory.span().map(PhysRange::end)
    }

    /// The region that contains page frame `pfn`, both ends rounded down to pages (`memblock_search_pfn_nid`,
    /// 6.12). O(log n).
    ///
    /// ```
    /// use memblock::{Memblock, NodeId, PfnRange, PhysRange, Region};
    /// let mut memblock = Memblock::new();
    /// let node = NodeId::new(1);
    /// memblock.add_node(Region { node, ..Region::plain(PhysRange::new(0x1000, 0x4800)?) })?;
    /// assert_eq!(memblock.search_pfn_nid(2), Some(PfnRange { start: 1, end: 4, node }));
    /// assert_eq!(memblock.search_pfn_nid(5), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn search_pfn_nid(&self, pfn: u64) -> Option<PfnRange> {
        let address = pfn.checked_mul(self.page_size.bytes())?;
        let region = self.memory.region_at(address)?;
        Some(PfnRange {
            start: self.page_size.pfn_down(region.range.start()),
            end: self.page_size.pfn_down(region.range.end()),
            node: region.node,
        })
    }

    /// Bytes of whole pages whose memory region has no node. O(n).
    pub fn nodeless_size(&self) -> u64 {
        let nodeless = self.memory.iter().filter(|region| region.node.is_none());
        let pages = nodeless.filter_map(|region| self.page_size.whole_pages(region.range));
        pages.map(|(start, end)| (end - start) * self.page_size.bytes()).sum()
    }

    /// Whether at most `limit` bytes of memory have no node (`memblock_validate_numa_coverage`, 6.12);
    /// [`Memblock::nodeless_size`] returns how many. O(n).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1000, 0x5000)?)?;
    /// assert_eq!(memblock.nodeless_size(), 0x4000);
    /// assert!(memblock.validate_numa_coverage(0x4000) && !memblock.validate_numa_coverage(0x3fff));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validate_numa_coverage(&self, limit: u64) -> bool {
        self.nodeless_size() <= limit
    }
}
