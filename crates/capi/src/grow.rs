//! Memory for the tables.
#![allow(unsafe_code)]

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;

use memblock::{Chunk, DirectMap, PhysRange};

use crate::failure::{Failure, Status};
use crate::handle::{self, Handle, MapPlace};
use crate::types::{Table, to_table};

/// Returns the pointer to the first byte of the physical memory from `start` to `end`, which are whole pages,
/// or null if they are not mapped in one piece. `context` is the argument of physmem_memblock_allow_growth().
/// The function must not call anything in this header for the same memblock.
pub type Map = Option<unsafe extern "C" fn(context: *mut c_void, start: u64, end: u64) -> *mut c_void>;

/// Hands a table the `bytes` bytes at `buffer` to keep regions in. A table starts with room for 63 regions,
/// and gets room for about 32 to 64 more for each 1552 bytes. Works at most 32 times per table.
///
/// The buffer must stay in place, and be left alone, for as long as the memblock is used. Bytes before the
/// first multiple of 8, and a rest of less than 1552 bytes, are not used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_grow(
    memblock: *mut Handle,
    table: Table,
    buffer: *mut c_void,
    bytes: usize,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::change(memblock, |memblock| {
            let table = to_table(table)?;
            let chunks = chunks(buffer, bytes).ok_or(Failure::NullPointer("buffer"))?;
            memblock.grow(table, Chunk::fill(chunks)).map_err(|error| Failure::TooManySlabs(table, error))
        })
    }
}

/// From now on, lets full tables take memory by themselves: free memory, which they reserve and which `map`
/// returns a pointer for. The memblock keeps that memory for good: physmem_memblock_next_own() lists it.
///
/// By calling this you promise that the memory `map` points to can be read and written for as long as the
/// memblock is used, that different addresses are different memory, and that nobody uses memory that did not
/// come from the memblock: reserve everything already in use first. PHYSMEM_STATUS_NULL_POINTER if `map` is
/// null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_allow_growth(
    memblock: *mut Handle,
    map: Map,
    context: *mut c_void,
) -> Status {
    let Some(function) = map else {
        // SAFETY: the header's promises.
        return unsafe { handle::change(memblock, |_| Err(Failure::NullPointer("map"))) };
    };
    if memblock.is_null() {
        return Status::NullPointer;
    }
    let mapping = Mapping { function, context };
    // SAFETY:
    // 1. The handle is not null, and nobody else uses it now: the header's promises.
    // 2. It stays in place as long as the memblock in it is used, and so does the closure in it.
    // 3. A previous closure there is no longer used: the memblock gets the new one right away.
    // 4. The comment above has the caller promise what DirectMap requires.
    unsafe {
        let map = MapPlace::fill(handle::map_place(memblock), move |range| mapping.pointer(range));
        handle::change(memblock, |memblock| {
            memblock.allow_growth(DirectMap::new(map));
            Ok(())
        })
    }
}

/// The part of a buffer that can hold chunks.
///
/// # Safety
///
/// `buffer` is null, or the `bytes` bytes there belong to us from now on.
unsafe fn chunks(buffer: *mut c_void, bytes: usize) -> Option<&'static mut [MaybeUninit<Chunk>]> {
    let first = NonNull::new(buffer.cast::<u8>())?;
    let skipped = first.align_offset(align_of::<Chunk>());
    let len = bytes.saturating_sub(skipped).min(isize::MAX.unsigned_abs()) / size_of::<Chunk>();
    if len == 0 {
        return Some(&mut []);
    }
    // SAFETY:
    // 1. `skipped + len * size_of::<Chunk>()` is at most `bytes`, so all of it lies in the buffer, which
    //    belongs to us.
    // 2. After `skipped` bytes the address is aligned, and the size is at most `isize::MAX`.
    // 3. The elements may be uninitialized: they are `MaybeUninit`.
    Some(unsafe { slice::from_raw_parts_mut(first.add(skipped).cast().as_ptr(), len) })
}

/// C's map function and its argument.
#[derive(Clone, Copy)]
struct Mapping {
    function: unsafe extern "C" fn(context: *mut c_void, start: u64, end: u64) -> *mut c_void,
    context: *mut c_void,
}

// SAFETY: the library requires `Sync` because several threads may use a memblock in turn. The same holds for
// the context: the header requires that calls for one memblock come one at a time.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn pointer(&self, range: PhysRange) -> Option<NonNull<u8>> {
        // SAFETY: the caller who passed the function promised that it may be called with such a range.
        NonNull::new(unsafe { (self.function)(self.context, range.start(), range.end()) }.cast())
    }
}
