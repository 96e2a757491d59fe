//! Changing the tables: the changes, what each needs before it can be made, and growing the array of a full
//! table.
//!
//! An array grows by Linux's rules: to twice the size, into free memory, and only when it is full. Linux's tests
//! see where the new array lies, how large it is, and at which region it comes. Growing reserves memory, and
//! reserving may grow the reserved table: the two call each other, and so share this file.

use memblock::{NodeId, PhysRange, Region, RegionFlags, RegionTable, Request, TableFull};

use super::fault::Fault;
use super::layout::Record;
use super::linux::{Kind, Linux};
use super::{address, config, fail, flat, lend, nid};

impl Linux<'_> {
    /// Adds the uncovered parts of a region.
    pub(super) fn add(&mut self, kind: Kind, region: Option<Region>) -> Result<(), Fault> {
        let Some(region) = region else { return Ok(()) };
        let parts = flat::uncovered_parts(self.table(kind).records(), region.range);
        if parts == 0 {
            return Ok(());
        }
        self.make_room(kind, parts, region.range)?;
        let add = |table: &mut RegionTable<'_>, range| table.add(Region { range, ..region }).map(drop);
        lend::change(self.table_mut(kind), region.range, add)
    }

    /// Reserves a range without node or flags.
    pub(super) fn reserve(&mut self, range: Option<PhysRange>) -> Result<(), Fault> {
        self.add(Kind::Reserved, range.map(Region::plain))
    }

    /// Removes a range from memory.
    pub(super) fn remove(&mut self, range: Option<PhysRange>) -> Result<(), Fault> {
        self.leaving = range;
        let done = self.take(Kind::Memory, range);
        self.leaving = None;
        done
    }

    /// Frees reservations.
    pub(super) fn free(&mut self, range: Option<PhysRange>) -> Result<(), Fault> {
        self.take(Kind::Reserved, range)
    }

    fn take(&mut self, kind: Kind, range: Option<PhysRange>) -> Result<(), Fault> {
        let Some(range) = range else { return Ok(()) };
        self.cut(kind, range, |table, part| table.remove(part).map(drop))
    }

    /// Sets flags in a range of a table.
    pub(super) fn set_flags(
        &mut self,
        kind: Kind,
        range: Option<PhysRange>,
        flags: RegionFlags,
    ) -> Result<(), Fault> {
        let Some(range) = range else { return Ok(()) };
        self.cut(kind, range, |table, part| table.set_flags(part, flags))
    }

    /// Clears flags in a range of memory.
    pub(super) fn clear_flags(&mut self, range: Option<PhysRange>, flags: RegionFlags) -> Result<(), Fault> {
        let Some(range) = range else { return Ok(()) };
        self.cut(Kind::Memory, range, |table, part| table.clear_flags(part, flags))
    }

    /// Sets the node of a range of a table.
    pub(super) fn set_node(
        &mut self,
        kind: Kind,
        range: Option<PhysRange>,
        node: Option<NodeId>,
    ) -> Result<(), Fault> {
        let Some(range) = range else { return Ok(()) };
        self.cut(kind, range, |table, part| table.set_node(part, node))
    }

    /// Marks memory as mirrored, if `kernelcore=mirror` is on.
    pub(super) fn mark_mirror(&mut self, range: Option<PhysRange>) -> Result<(), Fault> {
        if !self.mirrored_kernelcore {
            return Ok(());
        }
        self.state.has_mirror = true;
        self.set_flags(Kind::Memory, range, RegionFlags::MIRROR)
    }

    /// A change that cuts regions at the ends of its range. Linux requires room for both cuts before it
    /// checks whether there is anything to cut.
    fn cut(
        &mut self,
        kind: Kind,
        range: PhysRange,
        change: impl Fn(&mut RegionTable<'_>, PhysRange) -> Result<(), TableFull>,
    ) -> Result<(), Fault> {
        self.make_room(kind, 2, range)?;
        lend::change(self.table_mut(kind), range, change)
    }

    /// Grows a table until there is room for `more` records.
    fn make_room(&mut self, kind: Kind, more: usize, range: PhysRange) -> Result<(), Fault> {
        while self.table(kind).count().saturating_add(more) > self.table(kind).max() {
            self.grow(kind, range)?;
        }
        Ok(())
    }

    /// Doubles the array of a table, for a change of `range`.
    ///
    /// The array takes whole pages of memory, from the end that allocations are served from. For the reserved
    /// table, space above `range` is tried first, then space below: the array must not lie in memory that is
    /// about to be reserved or freed. No array may lie in memory that is being removed.
    ///
    /// Panics before `memblock_allow_resize`, like Linux.
    fn grow(&mut self, kind: Kind, range: PhysRange) -> Result<(), Fault> {
        let (count, max) = (self.table(kind).count(), self.table(kind).max());
        if !self.state.can_resize {
            fail::fatal(format_args!(
                "memblock: cannot resize {} array: all of {max} places are needed for {count} regions and a change \
                 of {range}, and memblock_allow_resize() has not been called",
                self.table(kind).name(),
            ));
        }
        let doubled = max.checked_mul(2).ok_or(Fault::NoMemory)?;
        let Some(new) = self.place_for_array(kind, range, bytes(doubled).ok_or(Fault::NoMemory)?) else {
            fail::say(format_args!(
                "memblock: failed to double {} array from {max} to {doubled} entries",
                self.table(kind).name(),
            ));
            return Err(Fault::NoMemory);
        };
        // Do this first: if another table has to grow for it, that must not take the same memory.
        if kind != Kind::Reserved {
            self.reserve(Some(new))?;
        }
        let old = address::move_table(self.table_mut(kind), new, doubled).ok_or(Fault::NoMemory)?;
        if kind == Kind::Reserved {
            self.reserve(Some(new))?;
        }
        if self.state.first_arrays.contains(&old) {
            return Ok(());
        }
        let old = bytes(max).and_then(|bytes| nid::range(address::of(old), bytes));
        self.free(old)
    }

    /// Where the array goes.
    fn place_for_array(&self, kind: Kind, range: PhysRange, size: u64) -> Option<PhysRange> {
        let limit = self.public.current_limit;
        let pages = Request { align: config::PAGE_SIZE.bytes(), ..Request::new(size) };
        let anywhere = Request { max: Some(limit), ..pages };
        let above = Request { min: range.end(), ..anywhere };
        let below = Request { max: Some(limit.min(range.start())), ..pages };
        let requests: &[Request] = if kind == Kind::Reserved { &[above, below] } else { &[anywhere] };
        let settings = self.search_settings();
        let found = requests.iter().find_map(|request| {
            request
                .attempts(&settings)
                .find_map(|attempt| self.hole(&attempt, size, request.align, self.leaving))
        });
        PhysRange::from_size(found?, size).ok()
    }
}

/// Bytes of the pages that this many records take.
fn bytes(records: usize) -> Option<u64> {
    let bytes = u64::try_from(records.checked_mul(size_of::<Record>())?).ok()?;
    bytes.checked_next_multiple_of(config::PAGE_SIZE.bytes())
}
