//! The variables behind the interface, and access to them.
#![allow(unsafe_code)]

use core::ffi::c_ulonglong;

use super::layout::{Public, Record, Table};
use super::linux::{Kind, Linux, State};
use super::{config, switches};

static mut MEMORY: [Record; config::MEMORY_REGIONS] = [Record::VACANT; config::MEMORY_REGIONS];
static mut RESERVED: [Record; config::RESERVED_REGIONS] = [Record::VACANT; config::RESERVED_REGIONS];
static mut PHYSMEM: [Record; config::PHYSMEM_REGIONS] = [Record::VACANT; config::PHYSMEM_REGIONS];

const FIRST_ARRAYS: [*mut Record; 3] =
    [(&raw mut MEMORY).cast(), (&raw mut RESERVED).cast(), (&raw mut PHYSMEM).cast()];

/// `struct memblock memblock`: memory and reservations.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
static mut memblock: Public = Public {
    bottom_up: 0,
    current_limit: u64::MAX,
    // SAFETY: the array has this length, lives forever, and is used nowhere else.
    memory: unsafe { Table::new(FIRST_ARRAYS[0], config::MEMORY_REGIONS, c"memory") },
    // SAFETY: as above.
    reserved: unsafe { Table::new(FIRST_ARRAYS[1], config::RESERVED_REGIONS, c"reserved") },
};

/// `struct memblock_type physmem`: the memory that is really there, on machines that keep track of it (s390).
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
// SAFETY: as above.
static mut physmem: Table = unsafe { Table::new(FIRST_ARRAYS[2], config::PHYSMEM_REGIONS, c"physmem") };

static mut STATE: State = State { can_resize: false, has_mirror: false, first_arrays: FIRST_ARRAYS };

/// Variables that Linux defines in the same file, and sets and reads elsewhere.
mod page_frames {
    use super::c_ulonglong;

    #[unsafe(no_mangle)]
    static mut max_low_pfn: usize = 0;
    #[unsafe(no_mangle)]
    static mut min_low_pfn: usize = 0;
    #[unsafe(no_mangle)]
    static mut max_pfn: usize = 0;
    #[unsafe(no_mangle)]
    static mut max_possible_pfn: c_ulonglong = 0;
}

/// All of memblock, mutably.
///
/// # Safety
///
/// The first two promises of the parent module: nobody else uses it as long as the result lives, and the
/// tables describe valid arrays.
pub(super) unsafe fn change() -> Linux<'static> {
    let (public, table, state) = (&raw mut memblock, &raw mut physmem, &raw mut STATE);
    // SAFETY: the caller's promise; the three are different variables.
    let (public, table, state) = unsafe { (&mut *public, &mut *table, &mut *state) };
    Linux {
        public,
        physmem: table,
        state,
        movable_node: switches::movable_node(),
        mirrored_kernelcore: switches::mirrored(),
        leaving: None,
    }
}

/// The public struct, read-only.
///
/// # Safety
///
/// The first two promises of the parent module: nobody changes it as long as the result lives, and the tables
/// describe valid arrays.
pub(super) unsafe fn look() -> &'static Public {
    let public = &raw const memblock;
    // SAFETY: the caller's promise.
    unsafe { &*public }
}

/// Whether mirrored memory was marked.
///
/// # Safety
///
/// As [`look`].
pub(super) unsafe fn has_mirror() -> bool {
    let state = &raw const STATE;
    // SAFETY: the caller's promise.
    unsafe { (*state).has_mirror }
}

/// Which table is at an address.
pub(super) fn kind_of(table: *const Table) -> Option<Kind> {
    let known = [
        // SAFETY: this takes the variable's address without reading it.
        (unsafe { &raw const memblock.memory }, Kind::Memory),
        // SAFETY: as above.
        (unsafe { &raw const memblock.reserved }, Kind::Reserved),
        (&raw const physmem, Kind::Physmem),
    ];
    known.into_iter().find_map(|(at, kind)| (at == table).then_some(kind))
}
