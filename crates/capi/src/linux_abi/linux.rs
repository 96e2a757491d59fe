//! The tables, with the state and the settings that decide what a call may do with them.

use memblock::PhysRange;

use super::layout::{Public, Record, Table};

/// One of the three tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Reserved,
    Physmem,
}

/// What Linux keeps besides the public structs, in variables that C code cannot access.
#[derive(Debug)]
pub(super) struct State {
    /// `memblock_allow_resize` was called.
    pub(super) can_resize: bool,
    /// `memblock_mark_mirror` was called, with `kernelcore=mirror`.
    pub(super) has_mirror: bool,
    /// The arrays the tables started with, which must not be freed.
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
    /// The range being removed from memory: no array may be put there.
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
}
