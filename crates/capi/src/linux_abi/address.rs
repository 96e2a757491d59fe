//! From a physical address to a pointer and back. Only this file knows that they are the same.
#![allow(unsafe_code)]

use core::ffi::c_void;
use core::ptr;

use memblock::PhysRange;

use super::layout::{Record, Table};

/// The pointer to a physical address (`__va`).
pub(super) fn pointer(physical: u64) -> *mut c_void {
    // Nothing is cut off on the 64-bit machines this is for.
    #[allow(clippy::cast_possible_truncation)]
    ptr::with_exposed_provenance_mut(physical as usize)
}

/// The physical address of a pointer (`__pa`).
pub(super) fn of<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// Zeroes newly allocated memory.
pub(super) fn clear(range: PhysRange) {
    // There is no memory beyond what a pointer can address.
    let Ok(size) = usize::try_from(range.size()) else { return };
    // SAFETY:
    // 1. The range was free memory, which callers promise is unused RAM at its physical address (promise 4 of
    //    the parent module). It is reserved now, and nobody has the pointer yet.
    // 2. Any byte is a valid `u8`, aligned anywhere.
    unsafe { pointer(range.start()).cast::<u8>().write_bytes(0, size) }
}

/// Moves the records of a table to free memory with room for `max`, and returns the old array. `None` if they
/// do not fit there or the memory is misaligned.
pub(super) fn move_table(table: &mut Table, memory: PhysRange, max: usize) -> Option<*mut Record> {
    let array = pointer(memory.start()).cast::<Record>();
    let bytes = u64::try_from(max.checked_mul(size_of::<Record>())?).ok()?;
    if bytes > memory.size() || !array.is_aligned() || max < table.count() {
        return None;
    }
    // SAFETY:
    // 1. `max` records fit into `memory`, and `array` is aligned: checked above.
    // 2. `memory` was free: callers promise that it is unused RAM at its physical address. It is reserved
    //    from now on, so nobody else gets it.
    Some(unsafe { table.move_to(array, max) })
}
