//! A sorted table of regions.

mod change;
mod display;
mod gaps;
mod iter;
mod owned;
mod query;
#[cfg(test)]
mod tests;

pub use gaps::Gaps;
pub use iter::Regions;
pub(crate) use owned::OwnedRegions;

use crate::arena::TooManySlabs;
use crate::tree::{Missing, Tree};
use crate::{Chunk, PhysRange};

/// A table of regions: sorted, disjoint and merged, like `memblock.memory` and `memblock.reserved` (`struct
/// memblock_type`).
///
/// A table has room for 64 regions inside itself, and is flat as long as they fit. It grows when it is handed
/// memory ([`RegionTable::grow`]); it never allocates any. The regions then lie in chunks of 64 under a
/// directory, so a change costs O(log n) where Linux's array costs O(n).
///
/// # Invariants
///
/// - Regions are sorted and disjoint.
/// - Two neighbors are separate regions <=> there is a gap between them, or their node or attributes differ.
/// - [`RegionTable::len`] and [`RegionTable::total_size`] are always exact.
///
/// # Storage
///
/// An operation that finds too little storage fails with [`TableFull`] and changes nothing. Operations that
/// add regions keep spare room for one removal that cuts a region in two, so that freeing needs no memory. No
/// other removal needs any. Each cut takes one region of the spare room; to cut several times, check
/// [`RegionTable::room`] in between.
///
/// # Examples
///
/// A static table behind the lock of your choice:
///
/// ```
/// use std::sync::Mutex;
/// use memblock::{ChunkStore, PhysRange, Region, RegionTable};
///
/// static CHUNKS: ChunkStore<16> = ChunkStore::new();
/// static RESERVED: Mutex<RegionTable<'static>> = Mutex::new(RegionTable::new());
///
/// let mut reserved = RESERVED.lock().unwrap();
/// if let Some(chunks) = CHUNKS.take() {
///     reserved.grow(chunks)?;
/// }
/// for page in 0..500_u64 {
///     reserved.add(Region::plain(PhysRange::from_size(page * 0x4000, 0x1000)?))?;
/// }
/// assert_eq!((reserved.len(), reserved.total_size()), (500, 500 * 0x1000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RegionTable<'m> {
    tree: Tree<'m>,
    len: usize,
    total_size: u64,
}

/// A table has too little storage for an operation, and is unchanged.
///
/// Linux doubles the table's array here, or panics if it must not ("cannot resize ... array").
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room in the region table for {range}: hand it {chunks} more chunks of {} bytes", size_of::<Chunk>())]
pub struct TableFull {
    /// The range of the request.
    pub range: PhysRange,
    /// This many more chunks let the request succeed.
    pub chunks: usize,
}

impl TableFull {
    const fn new(range: PhysRange, missing: Missing) -> Self {
        Self { range, chunks: missing.0 }
    }
}

impl<'m> RegionTable<'m> {
    /// An empty table, with room for 64 regions.
    pub const fn new() -> Self {
        Self { tree: Tree::new(), len: 0, total_size: 0 }
    }

    /// Hands the table memory to keep regions in. O(1): the chunks are not touched before they are needed.
    ///
    /// The table keeps all memory it was ever given. It accepts memory at most 32 times, so hand over more
    /// each time, for example as much as it already has.
    ///
    /// # Errors
    ///
    /// [`TooManySlabs`] the 33rd time.
    ///
    /// ```
    /// use memblock::{Chunk, RegionTable};
    /// let (mut some, mut more) = ([Chunk::EMPTY; 4], [Chunk::EMPTY; 8]);
    /// let mut table = RegionTable::new();
    /// table.grow(&mut some)?;
    /// table.grow(&mut more)?;
    /// assert_eq!(table.chunks(), 12);
    /// # Ok::<(), memblock::TooManySlabs>(())
    /// ```
    pub fn grow(&mut self, slab: &'m mut [Chunk]) -> Result<(), TooManySlabs> {
        self.tree.arena_mut().grow(slab)
    }

    /// How many regions can be added, one at a time and anywhere, before the table needs memory. O(1).
    ///
    /// A lower bound for the worst case: usually about 32 to 64 regions fit in each vacant chunk.
    ///
    /// ```
    /// # use memblock::RegionTable;
    /// // One of the 64 places is kept for a removal that cuts a region in two.
    /// assert_eq!(RegionTable::new().room(), 63);
    /// ```
    pub fn room(&self) -> usize {
        self.tree.room()
    }

    /// How many chunks are missing for this many cuts of regions, anywhere; `None` if all fit.
    pub(crate) fn chunks_missing_for(&self, cuts: usize) -> Option<usize> {
        // At most the chunks in use, and the root.
        let leaves = self.chunks() - self.vacant_chunks() + 1;
        self.tree.admits(cuts, leaves).err().map(|missing| missing.0)
    }

    /// Whether there is room for a removal that cuts a region in two, anywhere. O(1).
    ///
    /// Always true after an operation that added a region. Only after such removals used up the spare room is
    /// it false, until the table is handed memory or has fewer regions.
    ///
    /// ```
    /// use memblock::{PhysRange, Region, RegionTable};
    /// let mut table = RegionTable::new();
    /// table.add(Region::plain(PhysRange::new(0, 0x10_0000)?))?;
    /// for page in 0..63_u64 {
    ///     assert!(table.has_spare());
    ///     table.remove(PhysRange::from_size(0x1000 + page * 0x2000, 0x1000)?)?;
    /// }
    /// assert!(!table.has_spare());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn has_spare(&self) -> bool {
        self.tree.admits(0, 0).is_ok()
    }

    /// Chunks the table was handed, in use or not. O(1).
    pub const fn chunks(&self) -> usize {
        self.tree.arena().total()
    }

    /// Chunks the table was handed but does not use. O(1).
    pub const fn vacant_chunks(&self) -> usize {
        self.tree.arena().vacant()
    }

    /// Number of regions (`memblock_type.cnt`). O(1).
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the table has no region. O(1).
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes in all regions (`memblock_type.total_size`), always exact. O(1).
    pub const fn total_size(&self) -> u64 {
        self.total_size
    }

    /// Removes all regions and keeps the storage. O(1).
    pub fn clear(&mut self) {
        self.tree.clear();
        self.len = 0;
        self.total_size = 0;
    }

    /// Whether the table's invariants hold; always true. O(n), for tests and fuzzers.
    ///
    /// Debug builds assert it after every change, for tables of at most 512 regions.
    pub fn is_consistent(&self) -> bool {
        let slots = self.tree.all_slots();
        let merged = slots.clone().zip(slots.skip(1)).all(|(a, b)| !a.merges_with(b));
        merged
            && self.tree.is_consistent()
            && self.len == self.iter().count()
            && self.total_size == self.iter().map(|region| region.range.size()).sum::<u64>()
    }

    /// The check that every change ends with.
    fn is_consistent_if_small(&self) -> bool {
        self.len > 512 || self.is_consistent()
    }
}

impl Default for RegionTable<'_> {
    fn default() -> Self {
        Self::new()
    }
}
