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

/// Gives the pointer to the first byte of the physical memory `start` to `end`, whole pages that are mapped in
/// one piece; or null if they are not. `context` is what physmem_memblock_allow_growth() was given. It must not
/// call anything of this header for the same memblock.
pub type Map = Option<unsafe extern "C" fn(context: *mut c_void, start: u64, end: u64) -> *mut c_void>;

/// Hands a table `bytes` bytes at `buffer` to keep regions in. A table has room for 63 regions to begin with,
/// and for about 32 to 64 more for each 1552 bytes handed over; at most 32 times.
///
/// The buffer must stay where it is, and be left alone, as long as the memblock is used. What does not make up
/// a whole chunk of 1552 bytes, or lies before the first address that is a multiple of 8, is not used.
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

/// From now on, lets tables take memory by themselves when they are full: free memory, which they reserve, and
/// which `map` finds a pointer for. That memory is then the memblock's for ever: physmem_memblock_next_own()
/// lists it.
///
/// By calling this you promise that what `map` points to can be read and written for as long as the memblock is
/// used, that different addresses are different memory, and that nobody uses memory but what the memblock gave
/// them: reserve first what is in use. A null `map` is PHYSMEM_STATUS_NULL_POINTER.
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
    // 1. The handle is not null, and is the caller's alone now: the header's promises.
    // 2. It stays where it is as long as the memblock in it is used, and so does the closure in its place.
    // 3. A closure that was there before is not used any more: the memblock gets the new one right away.
    // 4. What DirectMap asks for is what the comment above has the caller promise.
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
/// `buffer` is null, or `bytes` bytes there are ours from now on.
unsafe fn chunks(buffer: *mut c_void, bytes: usize) -> Option<&'static mut [MaybeUninit<Chunk>]> {
    let first = NonNull::new(buffer.cast::<u8>())?;
    let skipped = first.align_offset(align_of::<Chunk>());
    let len = bytes.saturating_sub(skipped).min(isize::MAX.unsigned_abs()) / size_of::<Chunk>();
    if len == 0 {
        return Some(&mut []);
    }
    // SAFETY:
    // 1. `skipped + len * size_of::<Chunk>()` is at most `bytes`, so all of it lies in the buffer, which is ours.
    // 2. After `skipped` bytes the address is aligned, and the size is at most `isize::MAX`.
    // 3. The elements may be uninitialised: they are `MaybeUninit`.
    Some(unsafe { slice::from_raw_parts_mut(first.add(skipped).cast().as_ptr(), len) })
}

/// The function and its argument.
#[derive(Clone, Copy)]
struct Mapping {
    function: unsafe extern "C" fn(context: *mut c_void, start: u64, end: u64) -> *mut c_void,
    context: *mut c_void,
}

// SAFETY: the library asks for `Sync` because a memblock may be used by one thread after the other. So may the
// context: the header has the caller see to it that calls for a memblock come one at a time.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn pointer(&self, range: PhysRange) -> Option<NonNull<u8>> {
        // SAFETY: whoever gave us the function promised that it may be called with such a range.
        NonNull::new(unsafe { (self.function)(self.context, range.start(), range.end()) }.cast())
    }
}
