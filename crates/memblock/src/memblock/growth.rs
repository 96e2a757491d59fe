//! Tables that grow into the memory they manage.

use super::{Memblock, MemblockError, TableKind};
use crate::owner::Owner;
use crate::{Chunk, DirectMap, Direction, PhysRange, Region, RegionTable, Request, TableFull};

/// How often a change is tried again. Once is enough but for `reserved`, where what a table grew into is
/// noted down as well.
const TRIES: usize = 4;
/// Chunks that noting down one more reservation takes at most, in the highest tree there can be.
const CHUNKS_FOR_ONE: usize = crate::tree::MAX_HEIGHT + 1;

impl<'m> Memblock<'m> {
    /// Lets the tables take memory of their own accord from now on, from what is free
    /// (`memblock_allow_resize`, 6.12, and the way from a physical address to a pointer).
    ///
    /// A table that is full takes as much again as it has, in whole pages, from the end that allocations
    /// are served from, and reserves it. It never takes what is being added, removed or reserved at that
    /// moment; Linux heeds that for reservations only, and may put the table into memory that is just being
    /// removed. What a table took it keeps: see [`Memblock::own_memory`].
    ///
    /// Removals that cut a region in two find the room for that prepared, so freeing does not wait for
    /// memory; the room is made up for after them, perhaps in what was just freed.
    ///
    /// Memory that is not mapped must lie above [`Memblock::set_current_limit`], or be reserved: a table that
    /// wants to grow into it gives up. [`Memblock::free_all`] ends growth, as free memory then has another
    /// owner.
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
    /// // SAFETY: the buffer lives for ever, and nothing else uses it.
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

    /// The memory that tables grew into, ascending. It stays reserved: [`Memblock::free`] and the other
    /// calls that take memory away refuse it.
    ///
    /// A kernel that needs memblock no more after the hand-over collects these ranges, drops the memblock,
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

    /// Refuses a range in which memblock's own tables lie.
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

    /// Does `change` to a table, which grows if it has to and may, but not into the range of the change.
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

    /// As [`Memblock::change`], for a change that leaves memory what it is, so that the table may grow into the
    /// range of the change as well as elsewhere.
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

    /// Makes up for the room that a cut or a note took, outside `avoid`. Should that fail, what took it is done
    /// all the same, and whatever needs the room says so.
    #[inline]
    pub(super) fn refill(&mut self, table: TableKind, range: PhysRange, avoid: Option<PhysRange>) {
        if self.map.is_some() && !self.table(table).has_spare() {
            let _ = self.grow_by_itself(table, TableFull { range, chunks: 1 }, avoid);
        }
    }

    /// Finds memory for a table outside `avoid`, reserves it and hands it over; or changes nothing.
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
        if self.note(range).is_err() {
            // Not even the place that is kept for a cut is left to note the memory down in.
            let cause = TableFull { chunks: 1, ..cause };
            let (range, slab) = self.slab_for(TableKind::Reserved, cause, [avoid, Some(range)])?;
            self.grow_reserved(range, slab)?;
            self.note(range).map_err(|cause| MemblockError::Full { table: TableKind::Reserved, cause })?;
        }
        if let Err(cause) = self.table_mut(table).grow(slab) {
            // Taking out what was just noted cuts nothing.
            let _ = self.reserved.remove(range);
            return Err(MemblockError::TooManySlabs { table, cause });
        }
        self.has_grown = true;
        self.refill(TableKind::Reserved, range, avoid);
        Ok(())
    }

    /// Memory for a table to grow into, free still, and mapped.
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

    /// Hands `reserved` memory, and notes that down in it. The note takes fewer chunks than any slab has.
    fn grow_reserved(&mut self, range: PhysRange, slab: &'m mut [Chunk]) -> Result<(), MemblockError> {
        let table = TableKind::Reserved;
        self.reserved.grow(slab).map_err(|cause| MemblockError::TooManySlabs { table, cause })?;
        self.has_grown = true;
        self.note(range).map_err(|cause| MemblockError::Full { table, cause })
    }

    /// Reserves memory for memblock itself, if need be in the place that is kept for a cut.
    fn note(&mut self, range: PhysRange) -> Result<(), TableFull> {
        self.reserved.add_owned_using_spare(Region::plain(range), Owner::MEMBLOCK).map(drop)
    }

    /// Bytes of the pages that hold so many chunks.
    fn bytes_of(&self, chunks: usize) -> u64 {
        let bytes = (chunks as u64).saturating_mul(size_of::<Chunk>() as u64);
        self.page_size.pfn_up(bytes).saturating_mul(self.page_size.bytes())
    }

    /// Free memory for so many chunks, that has nothing of what is to be avoided.
    fn room_for(&self, chunks: usize, avoid: [Option<PhysRange>; 2]) -> Option<PhysRange> {
        let size = self.bytes_of(chunks);
        let align = self.page_size.bytes().max(align_of::<Chunk>() as u64);
        let avoid = || avoid.into_iter().flatten();
        // Windows start at 0 and behind each range, and end where the next begins.
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
