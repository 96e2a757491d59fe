//! Changing the tables: which changes there are, and what each needs before it can be done.

use memblock::{NodeId, PhysRange, Region, RegionFlags};

use super::fault::Fault;
use super::layout::{Public, Record, Table};
use super::{flat, grow, lend};

/// One of the three tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Reserved,
    Physmem,
}

/// What Linux keeps beside the public structs, in variables that C code cannot reach.
#[derive(Debug)]
pub(super) struct State {
    /// `memblock_allow_resize` was called.
    pub(super) can_resize: bool,
    /// `memblock_mark_mirror` was called, with `kernelcore=mirror`.
    pub(super) has_mirror: bool,
    /// The arrays the tables began with, which are not to be freed.
    pub(super) first_arrays: [*mut Record; 3],
}

/// All of memblock, for one call.
#[derive(Debug)]
pub(super) struct Linux<'a> {
    pub(super) public: &'a mut Public,
    pub(super) physmem: &'a mut Table,
    pub(super) state: &'a mut State,
    /// The boot parameter `movable_node`.
    pub(super) movable_node: bool,
    /// The boot parameter `kernelcore=mirror`.
    pub(super) mirrored_kernelcore: bool,
    /// What is being removed from memory: no array may be put there.
    pub(super) leaving: Option<PhysRange>,
}

impl Linux<'_> {
    pub(super) const fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Memory => &self.public.memory,
            Kind::Reserved => &self.public.reserved,
            Kind::Physmem => self.physmem,
        }
    }

    pub(super) const fn table_mut(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::Memory => &mut self.public.memory,
            Kind::Reserved => &mut self.public.reserved,
            Kind::Physmem => self.physmem,
        }
    }

    /// Adds what is not covered of a region.
    pub(super) fn add(&mut self, kind: Kind, region: Option<Region>) -> Result<(), Fault> {
        let Some(region) = region else { return Ok(()) };
        let parts = flat::uncovered_parts(self.table(kind).records(), region.range);
        if parts == 0 {
            return Ok(());
        }
        self.make_room(kind, parts, region.range)?;
        let add =
            |table: &mut memblock::RegionTable<'_>, range| table.add(Region { range, ..region }).map(drop);
        lend::change(self.table_mut(kind), region.range, add)
    }

    /// Reserves a range without node or flags.
    pub(super) fn reserve(&mut self, range: Option<PhysRange>) -> Result<(), Fault> {
        self.add(Kind::Reserved, range.map(Region::plain))
    }

    /// Takes a range out of memory.
    pub(super) fn remove(&mut self, range: Option<PhysRange>) -> Result<(), Fault> {
        self.leaving = range;
        let done = self.take(Kind::Memory, range);
        self.leaving = None;
        done
    }

    /// Ends reservations.
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

    /// Marks memory as mirrored, if the kernel was told to care.
    pub(super) fn mark_mirror(&mut self, range: Option<PhysRange>) -> Result<(), Fault> {
        if !self.mirrored_kernelcore {
            return Ok(());
        }
        self.state.has_mirror = true;
        self.set_flags(Kind::Memory, range, RegionFlags::MIRROR)
    }

    /// A change that cuts regions at the ends of its range. Linux wants room for both cuts before it looks
    /// whether there is anything to cut.
    fn cut(
        &mut self,
        kind: Kind,
        range: PhysRange,
        change: impl Fn(&mut memblock::RegionTable<'_>, PhysRange) -> Result<(), memblock::TableFull>,
    ) -> Result<(), Fault> {
        self.make_room(kind, 2, range)?;
        lend::change(self.table_mut(kind), range, change)
    }

    /// Lets a table grow until there is room for `more` records.
    fn make_room(&mut self, kind: Kind, more: usize, range: PhysRange) -> Result<(), Fault> {
        while self.table(kind).count().saturating_add(more) > self.table(kind).max() {
            grow::grow(self, kind, range)?;
        }
        Ok(())
    }
}
