//! Checks the flat arrays against the library's own tables.
#![allow(unsafe_code)]

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use memblock::{Chunk, Memblock, NodeId, PhysRange, Region, RegionFlags, RegionTable, TableKind};
use proptest::prelude::*;

use super::layout::{Public, Record, Table};
use super::linux::{Kind, Linux, State};
use super::{config, nid};

mod alloc;
mod change;
mod growth;
mod look;

/// Owns what `Linux` borrows. Its first arrays are leaked: they are small.
struct World {
    public: Public,
    physmem: Table,
    state: State,
    movable_node: bool,
}

impl World {
    /// Empty tables with this many places.
    fn new(places: usize) -> Self {
        let array = || vec![Record::VACANT; places].leak().as_mut_ptr();
        let arrays = [array(), array(), array()];
        // SAFETY: each array has this length, lives forever, and is used only by this table.
        let table = |at: usize, name| unsafe { Table::new(arrays[at], places, name) };
        let (memory, reserved) = (table(0, c"memory"), table(1, c"reserved"));
        Self {
            public: Public { bottom_up: 0, current_limit: u64::MAX, memory, reserved },
            physmem: table(2, c"physmem"),
            state: State { can_resize: false, has_mirror: false, first_arrays: arrays },
            movable_node: false,
        }
    }

    fn linux(&mut self) -> Linux<'_> {
        Linux {
            public: &mut self.public,
            physmem: &mut self.physmem,
            state: &mut self.state,
            movable_node: self.movable_node,
            mirrored_kernelcore: true,
            leaving: None,
        }
    }

    /// The same memory and reservations in a library memblock.
    fn memblock(&self) -> Memblock<'static> {
        let mut memblock = Memblock::new();
        for (kind, table) in
            [(TableKind::Memory, &self.public.memory), (TableKind::Reserved, &self.public.reserved)]
        {
            memblock.grow(kind, chunks()).unwrap();
            for region in regions(table) {
                match kind {
                    TableKind::Memory => memblock.add_node(region).unwrap(),
                    _ => memblock.reserve_region(region).unwrap(),
                };
            }
        }
        memblock.set_mirrored_kernelcore(true);
        if self.state.has_mirror {
            memblock.mark_mirror(PhysRange::new(u64::MAX - 1, u64::MAX).unwrap()).unwrap();
        }
        memblock.set_movable_node(self.movable_node);
        memblock.set_bottom_up(self.public.bottom_up != 0);
        memblock.set_current_limit(self.public.current_limit);
        memblock
    }
}

fn chunks() -> &'static mut [Chunk] {
    vec![Chunk::EMPTY; 100].leak()
}

fn regions(table: &Table) -> Vec<Region> {
    super::flat::regions(table.records()).collect()
}

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// Addresses in the tests are multiples of this, or next to one.
const UNIT: u64 = 0x400;
const UNITS: u64 = 1000;

fn any_range() -> impl Strategy<Value = PhysRange> {
    let len = prop_oneof![6 => 1..8_u64, 1 => 1..UNITS];
    (0..UNITS, len).prop_map(|(start, len)| r(start * UNIT, (start + len) * UNIT))
}

fn any_node() -> impl Strategy<Value = Option<NodeId>> {
    prop_oneof![3 => Just(config::MAX_NUMNODES), 1 => Just(nid::NO_NODE), 2 => 0..3_i32]
        .prop_map(nid::in_table)
}

fn any_flags() -> impl Strategy<Value = RegionFlags> {
    prop_oneof![4 => Just(0), 1 => 1..16_u32].prop_map(RegionFlags::from_bits_retain)
}

fn any_region() -> impl Strategy<Value = Region> {
    (any_range(), any_node(), any_flags()).prop_map(|(range, node, flags)| Region { range, node, flags })
}

/// A machine with memory, reservations and settings, of up to a few hundred regions.
fn any_world() -> impl Strategy<Value = Box<World>> {
    let tables = (prop::collection::vec(any_region(), 0..60), prop::collection::vec(any_region(), 0..300));
    let switches =
        (any::<bool>(), any::<bool>(), any::<bool>(), prop_oneof![Just(u64::MAX), 0..UNITS * UNIT]);
    (tables, switches).prop_map(|((memory, reserved), (bottom_up, movable_node, mirror, limit))| {
        let mut world = Box::new(World::new(1000));
        for region in memory {
            world.linux().add(Kind::Memory, Some(region)).unwrap();
        }
        for region in reserved {
            world.linux().add(Kind::Reserved, Some(region)).unwrap();
        }
        world.public.bottom_up = bottom_up.into();
        world.public.current_limit = limit;
        world.movable_node = movable_node;
        world.state.has_mirror = mirror;
        world
    })
}

impl core::fmt::Debug for World {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        use super::dump::Dump;
        let Self { public, movable_node, state, .. } = self;
        writeln!(
            f,
            "{} {} {:?}",
            Dump(&public.memory),
            Dump(&public.reserved),
            (movable_node, state.has_mirror)
        )?;
        write!(f, "bottom_up {} limit {:#x}", public.bottom_up, public.current_limit)
    }
}
