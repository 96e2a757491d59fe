//! Linux's memblock, with our types.

mod apply;
mod calls;

use std::sync::{Mutex, MutexGuard, PoisonError};

use memblock::{NodeId, Region, TableKind};

/// Linux's memblock. There is one per process, so holding this means exclusive access.
#[derive(Debug)]
pub struct Linux {
    _only_one: MutexGuard<'static, ()>,
}

static LINUX: Mutex<()> = Mutex::new(());

/// `MAX_NUMNODES` as configured by `build.sh`: nodes are 0 to 63, and this marks a region without a node.
pub const NODES: u32 = 64;
const MAX_NUMNODES: i64 = NODES as i64;
/// "Any node", in calls that take a node.
const NUMA_NO_NODE: i64 = -1;

/// `struct memblock_region`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRegion {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub size: u64,
    /// `enum memblock_flags`.
    pub flags: u32,
    /// The node, or [`NODES`] for none.
    pub nid: i32,
}

/// A piece from an iterator: addresses or page frame numbers, half-open, and a node number.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First.
    pub start: u64,
    /// First one after it.
    pub end: u64,
    /// The node, or -1 or [`NODES`] for none.
    pub nid: i64,
}

/// A failure in Linux.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinuxError {
    /// Linux did not return.
    #[error("panic or BUG_ON: {0}")]
    Stopped(String),
    /// A table's array is full, so `calls.c` did not make the call: it would have corrupted the heap.
    #[error("not called: the table is full")]
    Refused,
    /// An error number, such as -12 for -ENOMEM.
    #[error("error {0}")]
    Errno(i64),
}

/// See `referee.h`.
const PANIC: i64 = -1_000_001;
const BUG: i64 = -1_000_002;
const REFUSED: i64 = -1_000_003;

/// The number of a table in `calls.c`.
const fn number(table: TableKind) -> u64 {
    match table {
        TableKind::Memory => 0,
        TableKind::Reserved => 1,
        TableKind::Physmem => 2,
    }
}

fn stored_nid(node: Option<NodeId>) -> i64 {
    node.map_or(MAX_NUMNODES, |node| node.get().into())
}

fn wanted_nid(node: Option<NodeId>) -> i64 {
    node.map_or(NUMA_NO_NODE, |node| node.get().into())
}

impl From<Region> for RawRegion {
    fn from(region: Region) -> Self {
        Self {
            base: region.range.start(),
            size: region.range.size(),
            flags: region.flags.bits(),
            // At most 2^31, which wraps to an invalid node number in Linux.
            #[allow(clippy::cast_possible_wrap)]
            nid: region.node.map_or(NODES, NodeId::get) as i32,
        }
    }
}

/// Methods that call one function that returns a status, with a base, a size and more integers.
macro_rules! changes {
    ($($(#[$documentation:meta])* $name:ident = $raw:ident($($argument:ident: $type:ty),*);)*) => {
        #[allow(clippy::missing_errors_doc)] // The same for all: see LinuxError.
        impl Linux {
            $(
                $(#[$documentation])*
                #[inline]
                pub fn $name(&mut self, $($argument: $type),*) -> Result<(), LinuxError> {
                    let status = self.$raw($($argument),*);
                    self.status(status)
                }
            )*
        }
    };
}

changes! {
    /// `memblock_add`.
    add = raw_add(base: u64, size: u64);
    /// `memblock_remove`.
    remove = raw_remove(base: u64, size: u64);
    /// `memblock_reserve`.
    reserve = raw_reserve(base: u64, size: u64);
    /// `memblock_phys_free`.
    phys_free = raw_phys_free(base: u64, size: u64);
    /// `memblock_physmem_add`.
    physmem_add = raw_physmem_add(base: u64, size: u64);
    /// `memblock_mark_hotplug`.
    mark_hotplug = raw_mark_hotplug(base: u64, size: u64);
    /// `memblock_clear_hotplug`.
    clear_hotplug = raw_clear_hotplug(base: u64, size: u64);
    /// `memblock_mark_mirror`.
    mark_mirror = raw_mark_mirror(base: u64, size: u64);
    /// `memblock_mark_nomap`.
    mark_nomap = raw_mark_nomap(base: u64, size: u64);
    /// `memblock_clear_nomap`.
    clear_nomap = raw_clear_nomap(base: u64, size: u64);
    /// `memblock_reserved_mark_noinit`.
    reserved_mark_noinit = raw_reserved_mark_noinit(base: u64, size: u64);
    /// `memblock_trim_memory`.
    trim_memory = raw_trim_memory(align: u64);
    /// `memblock_cap_memory_range`.
    cap_memory_range = raw_cap_memory_range(base: u64, size: u64);
    /// `memblock_mem_limit_remove_map`.
    mem_limit_remove_map = raw_mem_limit_remove_map(limit: u64);
    /// `memblock_enforce_memory_limit`.
    enforce_memory_limit = raw_enforce_memory_limit(limit: u64);
}

#[allow(clippy::missing_errors_doc)] // The same for all: see LinuxError.
impl Linux {
    /// Linux's memblock as at the start of a kernel, except that tables may grow. Waits for exclusive access.
    pub fn lock() -> Self {
        // `reset` cleans up whatever a failed test left.
        let mut linux = Self { _only_one: LINUX.lock().unwrap_or_else(PoisonError::into_inner) };
        linux.reset();
        linux
    }

    /// Resets everything to that state.
    pub fn reset(&mut self) {
        self.raw_reset();
    }

    /// Empties the tables. They keep their arrays, and the settings stay.
    pub fn clear(&mut self) {
        self.raw_clear();
    }

    #[inline]
    fn status(&mut self, status: i64) -> Result<(), LinuxError> {
        if status == 0 { Ok(()) } else { Err(self.error(status)) }
    }

    #[cold]
    fn error(&mut self, status: i64) -> LinuxError {
        match status {
            PANIC | BUG => LinuxError::Stopped(self.raw_message()),
            REFUSED => LinuxError::Refused,
            errno => LinuxError::Errno(errno),
        }
    }

    /// Grows a table's array by doubling until it has room for this many regions.
    pub fn make_room(&mut self, table: TableKind, regions: usize) -> Result<(), LinuxError> {
        let status = self.raw_make_room(number(table), regions as u64);
        self.status(status)
    }

    /// Fills a table with these regions, which must be sorted and merged.
    pub fn load(&mut self, table: TableKind, regions: &[RawRegion]) -> Result<(), LinuxError> {
        let status = self.raw_load(number(table), regions);
        self.status(status)
    }

    /// `memblock_add_node`.
    pub fn add_node(
        &mut self,
        base: u64,
        size: u64,
        node: Option<NodeId>,
        flags: u32,
    ) -> Result<(), LinuxError> {
        let status = self.raw_add_node(base, size, stored_nid(node), flags.into());
        self.status(status)
    }

    /// Merges memory regions that touch and are alike, which Linux leaves after some calls.
    pub fn merge_memory(&mut self) {
        self.raw_merge_memory();
    }

    /// `memblock_find_in_range`, below the current limit; 0 if there is no place.
    #[inline]
    pub fn find(&mut self, size: u64, align: u64) -> u64 {
        self.raw_find_in_range(size, align, 0, 0)
    }

    /// `memblock_phys_alloc_range`, below the current limit; 0 on failure.
    #[inline]
    pub fn alloc(&mut self, size: u64, align: u64) -> u64 {
        self.raw_phys_alloc_range(size, align, 0, 0)
    }

    /// The address from a call, `None` for the 0 that means failure.
    fn allocated(&mut self, address: u64) -> Result<Option<u64>, LinuxError> {
        // For a call that did not return, `calls.c` returns a negative number, read as unsigned here.
        match address.cast_signed() {
            stopped @ (PANIC | BUG) => Err(self.error(stopped)),
            _ => Ok((address != 0).then_some(address)),
        }
    }

    /// `memblock_is_memory`.
    #[inline]
    pub fn is_memory(&mut self, address: u64) -> bool {
        self.raw_is_memory(address) != 0
    }

    /// `memblock_is_region_reserved`.
    #[inline]
    pub fn is_region_reserved(&mut self, base: u64, size: u64) -> bool {
        self.raw_is_region_reserved(base, size) != 0
    }

    /// The total size of all free ranges, computed by a walk.
    #[inline]
    pub fn free_size(&mut self) -> u64 {
        self.raw_free_size(NUMA_NO_NODE, 0)
    }

    /// The number of regions of a table.
    pub fn region_count(&mut self, table: TableKind) -> u64 {
        self.raw_region_count(number(table))
    }

    /// As before `memblock_allow_resize`: from now on a full table is a panic.
    pub fn forbid_growth(&mut self) {
        self.raw_set_can_grow(0);
    }

    /// `memblock_estimated_nr_free_pages`.
    pub fn estimated_nr_free_pages(&mut self) -> u64 {
        self.raw_estimated_nr_free_pages()
    }

    /// How often Linux has warned (`WARN_ON`).
    pub fn warnings(&mut self) -> u64 {
        self.raw_warnings()
    }

    /// How often Linux has reported that mirrored memory did not suffice.
    pub fn mirror_fallbacks(&mut self) -> u64 {
        self.raw_mirror_fallbacks()
    }

    /// `memblock_set_node` with a Linux node number, including both ways to say "none".
    pub fn set_raw_node(
        &mut self,
        table: TableKind,
        base: u64,
        size: u64,
        nid: i64,
    ) -> Result<(), LinuxError> {
        let status = self.raw_set_node(number(table), base, size, nid);
        self.status(status)
    }

    /// As before slab is available: tables grow into the memory they manage.
    ///
    /// # Safety
    ///
    /// Until the next [`Linux::reset`], every free range that is large enough for a table's array must be
    /// memory that nothing else uses, with a virtual address equal to its physical address.
    #[allow(unsafe_code)]
    pub unsafe fn grow_in_memory(&mut self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw_set_grow_in_memory(1) }
    }

    /// Gives physmem the array it has in a kernel, for 4 regions, and returns its address.
    pub fn use_boot_physmem_array(&mut self) -> u64 {
        self.raw_boot_physmem_array()
    }

    /// The size of that array in bytes.
    pub const BOOT_PHYSMEM_ARRAY: u64 = 4 * size_of::<RawRegion>() as u64;
}
