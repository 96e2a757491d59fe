//! The tables of one machine, and the calls that change them.

mod alloc;
#[cfg(test)]
mod alloc_tests;
mod display;
mod error;
mod growth;
mod hand_over;
mod iter;
mod limits;
#[cfg(test)]
mod limits_tests;
mod mark;
mod named;
mod owners;
mod query;
mod reserve_mem;
#[cfg(test)]
mod tests;

pub use error::{MemblockError, TableKind};
pub use hand_over::{FreeBlock, FreeBlocks, HandOver};
pub use iter::{FreeRanges, MemoryPfnRanges, MemoryRanges, PhysmemRanges};
pub use owners::{Owned, ReservedOwners};
pub use reserve_mem::{ReserveMem, ReserveMemError};

use crate::owner::Owners;
use crate::{Chunk, DirectMap, Direction, NodeId, PageSize, PhysRange, Region, RegionTable, TooManySlabs};
use named::NamedReservations;

/// Linux's memblock: what memory there is, and which of it is taken.
///
/// - *memory*: the RAM the kernel knows;
/// - *reserved*: what must not be handed out. It need not lie in memory;
/// - *physmem*: the RAM that is really there, even if `mem=` cut memory down (s390).
///
/// Each table has room for 64 regions inside, and grows when it is handed memory ([`Memblock::grow`]).
/// `Memblock::new()` is `const`, so a `static` behind a lock can hold one.
///
/// # Invariants
///
/// Those of [`RegionTable`], for each table. The tables are independent of each other.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
/// use memblock::{Memblock, PhysRange, Selection};
///
/// static MEMBLOCK: Mutex<Memblock<'static>> = Mutex::new(Memblock::new());
///
/// let mut memblock = MEMBLOCK.lock().unwrap();
/// memblock.add(PhysRange::new(0x10_0000, 0x8000_0000)?)?;
/// memblock.reserve(PhysRange::new(0x100_0000, 0x280_0000)?)?;
///
/// let free: Vec<PhysRange> = memblock.free_ranges(Selection::ANY).map(|piece| piece.range).collect();
/// assert_eq!(free, [PhysRange::new(0x10_0000, 0x100_0000)?, PhysRange::new(0x280_0000, 0x8000_0000)?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
// Each switch is a boot parameter or a state of its own, and all combinations occur.
#[allow(clippy::struct_excessive_bools)]
pub struct Memblock<'m> {
    memory: RegionTable<'m>,
    reserved: RegionTable<'m>,
    physmem: RegionTable<'m>,
    page_size: PageSize,
    current_limit: u64,
    direction: Direction,
    movable_node: bool,
    mirrored_kernelcore: bool,
    has_mirror: bool,
    kho_scratch_only: bool,
    kern_accounting: bool,
    /// How tables reach the memory they grow into; `None` while they must not grow by themselves.
    map: Option<DirectMap<'m>>,
    has_grown: bool,
    owners: Owners,
    named: NamedReservations,
}

/// The result of [`Memblock::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "memory may have been removed that is still reserved"]
pub struct Removed {
    /// Bytes of memory removed.
    pub size: u64,
    /// How many of them are still reserved, and may be in use.
    pub still_reserved: u64,
}

impl<'m> Memblock<'m> {
    /// Empty tables, 4 KiB pages, default settings.
    pub const fn new() -> Self {
        Self::with_page_size(PageSize::KIB_4)
    }

    /// Empty tables for a machine with another page size.
    ///
    /// ```
    /// use memblock::{Memblock, PageSize};
    /// let memblock = Memblock::with_page_size(PageSize::KIB_64);
    /// assert_eq!(memblock.page_size().bytes(), 0x1_0000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn with_page_size(page_size: PageSize) -> Self {
        Self {
            memory: RegionTable::new(),
            reserved: RegionTable::new(),
            physmem: RegionTable::new(),
            page_size,
            current_limit: u64::MAX,
            direction: Direction::TopDown,
            movable_node: false,
            mirrored_kernelcore: false,
            has_mirror: false,
            kho_scratch_only: false,
            kern_accounting: false,
            map: None,
            has_grown: false,
            owners: Owners::new(),
            named: NamedReservations::new(),
        }
    }

    /// Hands a table memory to keep regions in; see [`RegionTable::grow`]. O(1).
    ///
    /// # Errors
    ///
    /// [`TooManySlabs`] the 33rd time for the same table.
    ///
    /// ```
    /// use memblock::{Chunk, Memblock, TableKind};
    /// let mut chunks = [Chunk::EMPTY; 8];
    /// let mut memblock = Memblock::new();
    /// memblock.grow(TableKind::Reserved, &mut chunks)?;
    /// assert!(memblock.reserved().room() > memblock.memory().room());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grow(&mut self, table: TableKind, slab: &'m mut [Chunk]) -> Result<(), TooManySlabs> {
        self.table_mut(table).grow(slab)
    }

    /// One of the tables.
    pub const fn table(&self, table: TableKind) -> &RegionTable<'m> {
        match table {
            TableKind::Memory => &self.memory,
            TableKind::Reserved => &self.reserved,
            TableKind::Physmem => &self.physmem,
        }
    }

    /// The memory table.
    pub const fn memory(&self) -> &RegionTable<'m> {
        &self.memory
    }

    /// The reserved table.
    pub const fn reserved(&self) -> &RegionTable<'m> {
        &self.reserved
    }

    /// The physmem table.
    pub const fn physmem(&self) -> &RegionTable<'m> {
        &self.physmem
    }

    const fn table_mut(&mut self, table: TableKind) -> &mut RegionTable<'m> {
        match table {
            TableKind::Memory => &mut self.memory,
            TableKind::Reserved => &mut self.reserved,
            TableKind::Physmem => &mut self.physmem,
        }
    }

    /// Adds memory without node or attributes (`memblock_add`, 6.12). Returns the number of new bytes. See
    /// [`RegionTable::add`]. O(log n) for each part that is new.
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// assert_eq!(memblock.add(PhysRange::new(0x1000, 0x3000)?)?, 0x2000);
    /// assert_eq!(memblock.add(PhysRange::new(0x2000, 0x4000)?)?, 0x1000);
    /// assert_eq!(memblock.memory().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&mut self, range: PhysRange) -> Result<u64, MemblockError> {
        self.add_node(Region::plain(range))
    }

    /// Adds memory of a node with attributes (`memblock_add_node`, 6.12), for example a driver's hot-added
    /// memory as [`DRIVER_MANAGED`](crate::RegionFlags::DRIVER_MANAGED). Otherwise like [`Memblock::add`].
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, NodeId, PhysRange, Region, RegionFlags};
    /// let mut memblock = Memblock::new();
    /// let flags = RegionFlags::DRIVER_MANAGED;
    /// let region = Region { node: NodeId::new(1), flags, ..Region::plain(PhysRange::new(0x1000, 0x2000)?) };
    /// memblock.add_node(region)?;
    /// assert_eq!(memblock.memory().region_at(0x1000), Some(region));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_node(&mut self, region: Region) -> Result<u64, MemblockError> {
        self.change(TableKind::Memory, |memory| memory.add(region))
    }

    /// Removes a range from memory (`memblock_remove`, 6.12). O(log n) for each region touched.
    ///
    /// Reservations stay. Unlike Linux, [`Removed`] reports how much of the memory is still reserved.
    ///
    /// # Errors
    ///
    /// [`MemblockError::InUse`] for memblock's own tables; any other [`MemblockError`] only if
    /// [`RegionTable::remove`] fails and the table cannot grow. No region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// memblock.reserve(PhysRange::new(0x1000, 0x2000)?)?;
    /// let removed = memblock.remove(PhysRange::new(0, 0x4000)?)?;
    /// assert_eq!((removed.size, removed.still_reserved), (0x4000, 0x1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, range: PhysRange) -> Result<Removed, MemblockError> {
        self.refuse_own(range)?;
        let still_reserved = if self.reserved.overlaps(range) { self.reserved_memory(range) } else { 0 };
        let size = self.change(TableKind::Memory, |memory| memory.remove(range))?;
        self.refill(TableKind::Memory, range, Some(range));
        Ok(Removed { size, still_reserved })
    }

    /// Bytes of memory in `range` that are reserved.
    fn reserved_memory(&self, range: PhysRange) -> u64 {
        let taken =
            crate::ranges::intersection(self.memory.overlapping(range), self.reserved.overlapping(range));
        taken.filter_map(|piece| piece.range.intersect(range)).map(PhysRange::size).sum()
    }

    /// Reserves a range (`memblock_reserve`, 6.12), which need not lie in memory. Returns the number of bytes
    /// that were not reserved before. O(log n) for each part that is new.
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// assert_eq!(memblock.reserve(PhysRange::new(0x1000, 0x3000)?)?, 0x2000);
    /// assert!(memblock.is_reserved(0x2fff));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve(&mut self, range: PhysRange) -> Result<u64, MemblockError> {
        self.reserve_region(Region::plain(range))
    }

    /// Reserves a range with a node and attributes, for example [`RSRV_KERN`](crate::RegionFlags::RSRV_KERN)
    /// (`__memblock_reserve`, later than 6.12). Otherwise like [`Memblock::reserve`].
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Region, RegionFlags};
    /// let mut memblock = Memblock::new();
    /// let flags = RegionFlags::RSRV_KERN;
    /// memblock.reserve_region(Region { flags, ..Region::plain(PhysRange::new(0, 0x1000)?) })?;
    /// // Reservations with different attributes do not merge.
    /// memblock.reserve(PhysRange::new(0x1000, 0x2000)?)?;
    /// assert_eq!(memblock.reserved().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_region(&mut self, region: Region) -> Result<u64, MemblockError> {
        self.change(TableKind::Reserved, |reserved| reserved.add(region))
    }

    /// Frees whatever part of a range is reserved (`memblock_phys_free`, 6.12). Returns the number of bytes
    /// freed. O(log n) for each region touched.
    ///
    /// # Errors
    ///
    /// [`MemblockError::InUse`] for memblock's own tables; any other [`MemblockError`] only if
    /// [`RegionTable::remove`] fails and the table cannot grow. No region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve(PhysRange::new(0x1000, 0x4000)?)?;
    /// assert_eq!(memblock.free(PhysRange::new(0x2000, 0x9000)?)?, 0x2000);
    /// assert_eq!(memblock.free(PhysRange::new(0x2000, 0x9000)?)?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free(&mut self, range: PhysRange) -> Result<u64, MemblockError> {
        self.refuse_own(range)?;
        let size = self.change(TableKind::Reserved, |reserved| reserved.remove(range))?;
        self.named.free(range);
        self.refill(TableKind::Reserved, range, None);
        Ok(size)
    }

    /// Adds to physmem (`memblock_physmem_add`, 6.12). Otherwise like [`Memblock::add`].
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.physmem_add(PhysRange::new(0, 0x8000)?)?;
    /// assert_eq!(memblock.physmem().total_size(), 0x8000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn physmem_add(&mut self, range: PhysRange) -> Result<u64, MemblockError> {
        self.change(TableKind::Physmem, |physmem| physmem.add(Region::plain(range)))
    }

    /// Shrinks every memory region to multiples of `align` bytes (`memblock_trim_memory`, 6.12). Returns the
    /// number of bytes removed. See [`RegionTable::trim`]. O(n log n).
    ///
    /// With an `align` larger than a page, this may remove memory that holds memblock's own tables. It stays
    /// reserved.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x1800, 0x4800)?)?;
    /// assert_eq!(memblock.trim_memory(0x1000), 0x1000);
    /// assert_eq!(memblock.memory_size(), 0x2000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim_memory(&mut self, align: u64) -> u64 {
        self.memory.trim(align)
    }

    /// Sets the node of whatever part of `range` a table holds (`memblock_set_node`, 6.12). O(log n) for each
    /// region touched.
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, NodeId, PhysRange, TableKind};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// memblock.set_node(TableKind::Memory, PhysRange::new(0x4000, 0x8000)?, NodeId::new(1))?;
    /// assert_eq!(memblock.memory().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_node(
        &mut self,
        table: TableKind,
        range: PhysRange,
        node: Option<NodeId>,
    ) -> Result<(), MemblockError> {
        self.relabel(table, |regions| regions.set_node(range, node))
    }

    /// The boot parameter `movable_node`: keep the kernel off hot-pluggable memory.
    pub const fn set_movable_node(&mut self, on: bool) {
        self.movable_node = on;
    }

    /// Whether `movable_node` is on.
    pub const fn movable_node(&self) -> bool {
        self.movable_node
    }

    /// The boot parameter `kernelcore=mirror`: without it, [`Memblock::mark_mirror`] does nothing.
    pub const fn set_mirrored_kernelcore(&mut self, on: bool) {
        self.mirrored_kernelcore = on;
    }

    /// Whether memory was marked as mirrored (`memblock_has_mirror`, 6.12): true once
    /// [`Memblock::mark_mirror`] was called with `kernelcore=mirror` on, even if no region matched.
    pub const fn has_mirror(&self) -> bool {
        self.has_mirror
    }

    /// The size of a page.
    pub const fn page_size(&self) -> PageSize {
        self.page_size
    }
}

impl Default for Memblock<'_> {
    fn default() -> Self {
        Self::new()
    }
}
