//! The two contestants, as seen by a timed operation: the same calls, the same regions.

use memblock::{Chunk, Memblock, PhysRange, Request, TableKind};
use referee::linux::{Linux, NODES, RawRegion};

/// A library with tables that can be restarted, with storage for everything to come.
pub(crate) trait Library {
    /// Tables in use.
    type Tables<'a>: Tables
    where
        Self: 'a;

    /// Tables that hold these regions, sorted and disjoint, with room for `room` each.
    ///
    /// Linux's arrays are as large as in a kernel that once had this many regions. Their size matters: Linux
    /// adds a range in one pass if the array is less than half full, and otherwise counts first.
    fn start(&mut self, room: usize, memory: &[RawRegion], reserved: &[RawRegion]) -> Self::Tables<'_>;
}

/// The calls. A call that fails ends the measurement.
pub(crate) trait Tables {
    fn add(&mut self, start: u64, size: u64);
    fn remove(&mut self, start: u64, size: u64);
    /// Removes what memory there is of a range.
    fn remove_any(&mut self, start: u64, size: u64);
    fn reserve(&mut self, start: u64, size: u64);
    fn free(&mut self, start: u64, size: u64);
    fn mark_hotplug(&mut self, start: u64, size: u64);
    fn is_memory(&mut self, address: u64) -> bool;
    fn is_region_reserved(&mut self, start: u64, size: u64) -> bool;
    /// Walks over the free ranges.
    fn free_size(&mut self) -> u64;
    /// The highest free place.
    fn find(&mut self, size: u64, align: u64) -> u64;
    /// The same, and reserves it.
    fn alloc(&mut self, size: u64, align: u64) -> u64;
    fn len(&mut self, table: TableKind) -> usize;
}

/// A region without node or attributes.
pub(crate) const fn region(base: u64, size: u64) -> RawRegion {
    RawRegion { base, size, flags: 0, nid: NODES.cast_signed() }
}

/// Ours, with chunks for its tables.
#[derive(Default)]
pub(crate) struct Ours {
    memory: Vec<Chunk>,
    reserved: Vec<Chunk>,
}

/// Chunks for this many regions in any order: in the worst case chunks are half full.
const fn chunks(regions: usize) -> usize {
    regions / 24 + 16
}

impl Library for Ours {
    type Tables<'a> = Memblock<'a>;

    fn start(&mut self, room: usize, memory: &[RawRegion], reserved: &[RawRegion]) -> Memblock<'_> {
        for storage in [&mut self.memory, &mut self.reserved] {
            if storage.len() < chunks(room) {
                storage.resize(chunks(room), Chunk::EMPTY);
            }
        }
        let mut tables = Memblock::new();
        tables.grow(TableKind::Memory, &mut self.memory).expect("first slab");
        tables.grow(TableKind::Reserved, &mut self.reserved).expect("first slab");
        for region in memory {
            Tables::add(&mut tables, region.base, region.size);
        }
        for region in reserved {
            Tables::reserve(&mut tables, region.base, region.size);
        }
        tables
    }
}

#[inline]
fn range(start: u64, size: u64) -> PhysRange {
    PhysRange::from_size(start, size).expect("below the last address")
}

impl Tables for Memblock<'_> {
    #[inline]
    fn add(&mut self, start: u64, size: u64) {
        Memblock::add(self, range(start, size)).expect("room");
    }

    #[inline]
    fn remove(&mut self, start: u64, size: u64) {
        let removed = Memblock::remove(self, range(start, size)).expect("room");
        assert_eq!(removed.size, size);
    }

    #[inline]
    fn remove_any(&mut self, start: u64, size: u64) {
        let _ = Memblock::remove(self, range(start, size)).expect("room");
    }

    #[inline]
    fn reserve(&mut self, start: u64, size: u64) {
        Memblock::reserve(self, range(start, size)).expect("room");
    }

    #[inline]
    fn free(&mut self, start: u64, size: u64) {
        Memblock::free(self, range(start, size)).expect("room");
    }

    #[inline]
    fn mark_hotplug(&mut self, start: u64, size: u64) {
        Memblock::mark_hotplug(self, range(start, size)).expect("room");
    }

    #[inline]
    fn is_memory(&mut self, address: u64) -> bool {
        Memblock::is_memory(self, address)
    }

    #[inline]
    fn is_region_reserved(&mut self, start: u64, size: u64) -> bool {
        Memblock::is_region_reserved(self, range(start, size))
    }

    #[inline]
    fn free_size(&mut self) -> u64 {
        self.free_ranges(memblock::Selection::ANY).map(|piece| piece.range.size()).sum()
    }

    #[inline]
    fn find(&mut self, size: u64, align: u64) -> u64 {
        Memblock::find(self, &Request { align, ..Request::new(size) }).expect("memory").start()
    }

    #[inline]
    fn alloc(&mut self, size: u64, align: u64) -> u64 {
        Memblock::alloc(self, &Request { align, ..Request::new(size) }).expect("memory").start()
    }

    fn len(&mut self, table: TableKind) -> usize {
        self.table(table).len()
    }
}

impl Library for Linux {
    type Tables<'a> = &'a mut Self;

    fn start(&mut self, room: usize, memory: &[RawRegion], reserved: &[RawRegion]) -> &mut Self {
        self.reset();
        for (table, regions) in [(TableKind::Memory, memory), (TableKind::Reserved, reserved)] {
            self.make_room(table, room).expect("memory for the array");
            self.load(table, regions).expect("memory for the array");
        }
        self
    }
}

impl Tables for &mut Linux {
    #[inline]
    fn add(&mut self, start: u64, size: u64) {
        Linux::add(self, start, size).expect("room");
    }

    #[inline]
    fn remove(&mut self, start: u64, size: u64) {
        Linux::remove(self, start, size).expect("room");
    }

    #[inline]
    fn remove_any(&mut self, start: u64, size: u64) {
        Linux::remove(self, start, size).expect("room");
    }

    #[inline]
    fn reserve(&mut self, start: u64, size: u64) {
        Linux::reserve(self, start, size).expect("room");
    }

    #[inline]
    fn free(&mut self, start: u64, size: u64) {
        Linux::phys_free(self, start, size).expect("room");
    }

    #[inline]
    fn mark_hotplug(&mut self, start: u64, size: u64) {
        Linux::mark_hotplug(self, start, size).expect("room");
    }

    #[inline]
    fn is_memory(&mut self, address: u64) -> bool {
        Linux::is_memory(self, address)
    }

    #[inline]
    fn is_region_reserved(&mut self, start: u64, size: u64) -> bool {
        Linux::is_region_reserved(self, start, size)
    }

    #[inline]
    fn free_size(&mut self) -> u64 {
        Linux::free_size(self)
    }

    #[inline]
    fn find(&mut self, size: u64, align: u64) -> u64 {
        let address = Linux::find(self, size, align);
        assert_ne!(address, 0);
        address
    }

    #[inline]
    fn alloc(&mut self, size: u64, align: u64) -> u64 {
        let address = Linux::alloc(self, size, align);
        assert_ne!(address, 0);
        address
    }

    fn len(&mut self, table: TableKind) -> usize {
        usize::try_from(self.region_count(table)).expect("regions lie in memory")
    }
}
