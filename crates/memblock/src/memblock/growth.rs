//! Tables that grow into the memory they manage.

use super::{Memblock, MemblockError, TableKind};
use crate::owner::Owner;
use crate::{Chunk, DirectMap, Direction, PhysRange, Region, RegionTable, Request, TableFull};

/// How often a change is retried. Once is enough, except for `reserved`, which also records the memory that
/// tables grow into.
const TRIES: usize = 4;
/// The most chunks that recording one more reservation takes, in the highest possible tree.
const CHUNKS_FOR_ONE: usize = crate::tree::MAX_HEIGHT + 1;

impl<'m> Memblock<'m> {
    /// From now on, lets tables take free memory by themselves (`memblock_allow_resize`, 6.12). `map` turns a
    /// physical address into a pointer.
    ///
    /// A full table doubles: it takes and reserves whole pages, from the end that allocations are served
    /// from. It never takes memory that is being added, removed or reserved at that moment. Linux takes this
    /// care only for reservations, and may put the table into memory that is being removed. A table keeps
    /// what it took: see [`Memblock::own_memory`].
    ///
    /// Room for a removal that cuts a region in two is always kept, so freeing never has to wait for memory.
    /// The room is replenished afterwards, possibly from the memory just freed.
    ///
    /// Memory that is not mapped must lie above [`Memblock::set_current_limit`] or be reserved: growing into
    /// it fails. [`Memblock::free_all`] ends growth, because free memory then belongs to the page allocator.
    ///
    /// ```
    /// use core::ptr::NonNull;
    /// use memblock::{DirectMap, Memblock, PhysRange};
    ///
    /// // 1 MiB of "RAM" at 0x10_0000. A kernel adds the offset of its direct map instead.
    /// let ram = vec![0_u64; 0x2_0000].leak();
    /// let first = NonNull::from(ram).cast::<u8>();
    /// let offset = first.addr().get().next_multiple_of(16) - 0x10_0000;
    /// let map = move |range: PhysRange| NonNull::new((range.start() as usize + offset) as *mut u8);
    /// let map: &'static _ = Box::leak(Box::new(map));
    ///
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x1f_f000)?)?;
    /// // SAFETY: the buffer lives forever, and nothing else uses it.
    /// memblock.allow_growth(unsafe { DirectMap::new(map) });
    /// for page in 0..1000 {
    ///     memblock.reserve(PhysRange::from_size(0x100_0000 + page * 0x2000, 0x1000)?)?;
    /// }
    /// assert!(memblock.own_memory().all(|own| memblock.is_region_reserved(own)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_growth(&mut self, map: DirectMap<'m>) {
        self.map = Some(map);
    }

    /// The memory that tables grew into, ascending. It stays reserved: [`Memblock::free`] and the other calls
    /// that give up memory refuse it.
    ///
    /// A kernel that no longer needs memblock after the hand-over collects these ranges, drops the memblock,
    /// and frees them (`memblock_discard`, 6.12). O(reserved regions).
    ///
    /// ```
    /// let memblock = memblock::Memblock::new();
    /// assert_eq!(memblock.own_memory().count(), 0);
    /// ```
    pub fn own_memory(&self) -> impl Iterator<Item = PhysRange> + '_ {
        let owned = self.reserved.owned();
        owned.filter(|(_, owner)| *owner == Owner::MEMBLOCK).map(|(region, _)| region.range)
    }

    /// Refuses a range that holds memblock's own tables.
    #[inline]
    pub(super) fn refuse_own(&self, range: PhysRange) -> Result<(), MemblockError> {
        if self.has_grown { self.refuse_own_slowly(range) } else { Ok(()) }
    }

    fn refuse_own_slowly(&self, range: PhysRange) -> Result<(), MemblockError> {
        let mut inside = self.reserved.owned_overlapping(range);
        match inside.find(|(_, owner)| *owner == Owner::MEMBLOCK) {
            Some((own, _)) => Err(MemblockError::InUse { range, own: own.range }),
            None => Ok(()),
        }
    }

    /// Applies `change` to a table, which grows if it must and may, but not into the range of the change.
    #[inline]
    pub(super) fn change<T>(
        &mut self,
        table: TableKind,
        change: impl Fn(&mut RegionTable<'m>) -> Result<T, TableFull>,
    ) -> Result<T, MemblockError> {
        match change(self.table_mut(table)) {
            Ok(done) => Ok(done),
            Err(cause) => self.grow_and_change(table, cause, Some(cause.range), change),
        }
    }

    /// Like [`Memblock::change`], for changes of node or attributes: the table may also grow into the range
    /// of the change.
    pub(super) fn relabel(
        &mut self,
        table: TableKind,
        change: impl Fn(&mut RegionTable<'m>) -> Result<(), TableFull>,
    ) -> Result<(), MemblockError> {
        match change(self.table_mut(table)) {
            Ok(()) => Ok(()),
            Err(cause) => self.grow_and_change(table, cause, None, change),
        }
    }

    #[cold]
    fn grow_and_change<T>(
        &mut self,
        table: TableKind,
        mut cause: TableFull,
        avoid: Option<PhysRange>,
        change: impl Fn(&mut RegionTable<'m>) -> Result<T, TableFull>,
    ) -> Result<T, MemblockError> {
        for _ in 0..TRIES {
            self.grow_by_itself(table, cause, avoid)?;
            match change(self.table_mut(table)) {
                Ok(done) => return Ok(done),
                Err(again) => cause = again,
            }
        }
        Err(MemblockError::Full { table, cause })
    }

    /// Replenishes, outside `avoid`, the room that a cut or a record used. If that fails, the change stands
    /// all the same, and the next call that needs the room reports it.
    #[inline]
    pub(super) fn refill(&mut self, table: TableKind, range: PhysRange, avoid: Option<PhysRange>) {
        if self.map.is_some() && !self.table(table).has_spare() {
            let _ = self.grow_by_itself(table, TableFull { range, chunks: 1 }, avoid);
        }
    }

    /// Finds memory for a table outside `avoid`, reserves it and hands it over; otherwise changes nothing.
    pub(super) fn grow_by_itself(
        &mut self,
        table: TableKind,
        cause: TableFull,
        avoid: Option<PhysRange>,
    ) -> Result<(), MemblockError> {
        let (range, slab) = self.slab_for(table, cause, [avoid, None])?;
        if table == TableKind::Reserved {
            return self.grow_reserved(range, slab);
        }
        if self.record(range).is_err() {
            // Not even the place kept for a cut is left to record the memory in.
            let cause = TableFull { chunks: 1, ..cause };
            let (range, slab) = self.slab_for(TableKind::Reserved, cause, [avoid, Some(range)])?;
            self.grow_reserved(range, slab)?;
            self.record(range).map_err(|cause| MemblockError::Full { table: TableKind::Reserved, cause })?;
        }
        if let Err(cause) = self.table_mut(table).grow(slab) {
            // Removing what was just recorded cuts nothing.
            let _ = self.reserved.remove(range);
            return Err(MemblockError::TooManySlabs { table, cause });
        }
        self.has_grown = true;
        self.refill(TableKind::Reserved, range, avoid);
        Ok(())
    }

    /// Free and mapped memory for a table to grow into.
    fn slab_for(
        &self,
        table: TableKind,
        cause: TableFull,
        avoid: [Option<PhysRange>; 2],
    ) -> Result<(PhysRange, &'m mut [Chunk]), MemblockError> {
        let Some(map) = &self.map else { return Err(MemblockError::Full { table, cause }) };
        let least = cause.chunks.saturating_add(CHUNKS_FOR_ONE);
        let wished = least.max(self.table(table).chunks());
        let sizes =
            core::iter::successors(Some(wished), |size| (*size > least).then(|| (size / 2).max(least)));
        let Some(range) = sizes.into_iter().find_map(|chunks| self.room_for(chunks, avoid)) else {
            return Err(MemblockError::CannotGrow { table, cause, bytes: self.bytes_of(least) });
        };
        let slab = map.chunks(range).ok_or(MemblockError::NotMapped { table, range })?;
        Ok((range, slab))
    }

    /// Hands `reserved` memory and records that in it. The record takes fewer chunks than any slab has.
    fn grow_reserved(&mut self, range: PhysRange, slab: &'m mut [Chunk]) -> Result<(), MemblockError> {
        let table = TableKind::Reserved;
        self.reserved.grow(slab).map_err(|cause| MemblockError::TooManySlabs { table, cause })?;
        self.has_grown = true;
        self.record(range).map_err(|cause| MemblockError::Full { table, cause })
    }

    /// Reserves memory for memblock itself, if necessary in the place kept for a cut.
    fn record(&mut self, range: PhysRange) -> Result<(), TableFull> {
        self.reserved.add_owned_using_spare(Region::plain(range), Owner::MEMBLOCK).map(drop)
    }

    /// Bytes of the pages that hold this many chunks.
    fn bytes_of(&self, chunks: usize) -> u64 {
        let bytes = (chunks as u64).saturating_mul(size_of::<Chunk>() as u64);
        self.page_size.pfn_up(bytes).saturating_mul(self.page_size.bytes())
    }

    /// Free memory for this many chunks, outside the ranges to avoid.
    fn room_for(&self, chunks: usize, avoid: [Option<PhysRange>; 2]) -> Option<PhysRange> {
        let size = self.bytes_of(chunks);
        let align = self.page_size.bytes().max(align_of::<Chunk>() as u64);
        let avoid = || avoid.into_iter().flatten();
        // Windows start at 0 and after each range, and end where the next range starts.
        let mut starts = [0, 0, 0];
        starts.iter_mut().skip(1).zip(avoid()).for_each(|(start, range)| *start = range.end());
        starts.sort_unstable();
        let window = |min: u64| {
            if avoid().any(|range| range.contains(min)) {
                return None;
            }
            let next = avoid().map(PhysRange::start).filter(|start| *start >= min).min();
            let max = next.map_or(self.current_limit, |next| next.min(self.current_limit));
            let request = Request { align, min, max: Some(max), ..Request::new(size) };
            PhysRange::from_size(self.search(&request, &mut None)?, size).ok()
        };
        match self.direction {
            Direction::TopDown => starts.into_iter().rev().find_map(window),
            Direction::BottomUp => starts.into_iter().find_map(window),
        }
    }
}
