//! The opaque handle: a memblock in the caller's storage.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_char, c_void};
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use memblock::{Memblock, PageSize, PhysRange};

use crate::failure::{Failure, Status};

/// A memblock: the tables of one machine. Opaque to C.
pub struct Handle {
    memblock: Memblock<'static>,
    last_error: Option<Failure>,
    map: MapPlace,
}

/// Enough bytes for a memblock in a static buffer. physmem_memblock_size() returns the exact size.
pub const PHYSMEM_MEMBLOCK_SIZE: usize = 16384;
/// The address of the storage must be a multiple of this.
pub const PHYSMEM_MEMBLOCK_ALIGN: usize = 16;

const _: () =
    assert!(size_of::<Handle>() <= PHYSMEM_MEMBLOCK_SIZE && align_of::<Handle>() <= PHYSMEM_MEMBLOCK_ALIGN);

/// The size of a memblock in bytes. At most PHYSMEM_MEMBLOCK_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn physmem_memblock_size() -> usize {
    size_of::<Handle>()
}

/// The alignment of a memblock. At most PHYSMEM_MEMBLOCK_ALIGN.
#[unsafe(no_mangle)]
pub extern "C" fn physmem_memblock_align() -> usize {
    align_of::<Handle>()
}

/// Makes an empty memblock in `storage`, which are `size` bytes of yours, for a machine with pages of
/// `page_size` bytes. The storage must stay in place, and be left alone, for as long as the memblock is used;
/// there is nothing to clean up afterwards. During the call, the same amount of stack is needed.
///
/// Returns the memblock, or null if `storage` is null, misaligned or too small, or if `page_size` is not a
/// power of two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_init(
    storage: *mut c_void,
    size: usize,
    page_size: u64,
) -> *mut Handle {
    let handle = storage.cast::<Handle>();
    let Some(page_size) = PageSize::new(page_size) else { return ptr::null_mut() };
    if handle.is_null() || !handle.is_aligned() || size < size_of::<Handle>() {
        return ptr::null_mut();
    }
    let memblock = Memblock::with_page_size(page_size);
    // SAFETY: not null, aligned and large enough: checked above. It belongs to the caller, who lets us write
    // it.
    unsafe { handle.write(Handle { memblock, last_error: None, map: MapPlace::EMPTY }) }
    handle
}

/// Changes the memblock of a handle, and stores the error if there is one.
///
/// # Safety
///
/// `handle` is null, or came from [`physmem_memblock_init`], and nobody uses it meanwhile.
pub(crate) unsafe fn change(
    handle: *mut Handle,
    work: impl FnOnce(&mut Memblock<'static>) -> Result<(), Failure>,
) -> Status {
    if handle.is_null() {
        return Status::NullPointer;
    }
    // Borrow the fields one by one: the memblock may hold a reference to the third. SAFETY: not null, so it
    // is a handle, which nobody else uses: the caller's promise.
    let (memblock, last_error) = unsafe { (&mut (*handle).memblock, &mut (*handle).last_error) };
    match work(memblock) {
        Ok(()) => Status::Ok,
        Err(failure) => {
            *last_error = Some(failure);
            failure.status()
        }
    }
}

/// Changes the memblock of a handle, and writes the result to `place` unless that is null.
///
/// # Safety
///
/// As [`change`]; `place` is null, or a `T` can be written there.
pub(crate) unsafe fn answer<T, U: Into<T>>(
    handle: *mut Handle,
    place: *mut T,
    work: impl FnOnce(&mut Memblock<'static>) -> Result<U, Failure>,
) -> Status {
    // SAFETY: the caller's promises.
    unsafe {
        change(handle, |memblock| {
            let answer = work(memblock)?;
            put(place, answer.into());
            Ok(())
        })
    }
}

/// Looks at the memblock of a handle; returns `none` for null.
///
/// # Safety
///
/// `handle` is null, or came from [`physmem_memblock_init`], and nobody changes it meanwhile.
pub(crate) unsafe fn look<T>(
    handle: *const Handle,
    none: T,
    work: impl FnOnce(&Memblock<'static>) -> T,
) -> T {
    // SAFETY: not null, so it is a handle, which nobody changes: the caller's promise.
    if handle.is_null() { none } else { work(unsafe { &(*handle).memblock }) }
}

/// The last error of a handle.
///
/// # Safety
///
/// As [`look`].
pub(crate) unsafe fn last_error(handle: *const Handle) -> Option<Failure> {
    // SAFETY: not null, so it is a handle, which nobody changes: the caller's promise.
    if handle.is_null() { None } else { unsafe { (*handle).last_error } }
}

/// The place where the handle keeps the map function.
///
/// # Safety
///
/// `handle` came from [`physmem_memblock_init`].
pub(crate) unsafe fn map_place(handle: *mut Handle) -> *mut MapPlace {
    // SAFETY: it points to a handle: the caller's promise. Nothing is read.
    unsafe { &raw mut (*handle).map }
}

/// Writes `value` to `place` unless that is null.
///
/// # Safety
///
/// `place` is null, or a `T` can be written there.
pub(crate) unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller's promise.
        unsafe { place.write(value) }
    }
}

/// Writes `found` like [`put`] if there is anything; returns whether there is.
///
/// # Safety
///
/// As [`put`].
pub(crate) unsafe fn put_found<T, U: Into<T>>(place: *mut T, found: Option<U>) -> bool {
    let Some(found) = found else { return false };
    // SAFETY: the caller's promise.
    unsafe { put(place, found.into()) }
    true
}

/// Reads a required argument that C passed by address.
///
/// # Safety
///
/// `place` is null, or a `T` can be read there.
pub(crate) unsafe fn get<T: Copy>(place: *const T, argument: &'static str) -> Result<T, Failure> {
    // SAFETY: the caller's promise.
    if place.is_null() { Err(Failure::NullPointer(argument)) } else { Ok(unsafe { place.read() }) }
}

/// Reads a required C string.
///
/// # Safety
///
/// `text` is null, or points to a string that stays unchanged for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, argument: &'static str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::NullPointer(argument));
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| Failure::Text(argument))
}

/// Room in the handle for the closure that calls C's function. A closure's type has no name, so it cannot be
/// the type of a field.
pub(crate) struct MapPlace {
    // Written and read as another type.
    #[allow(dead_code)]
    words: [MaybeUninit<usize>; 4],
}

impl MapPlace {
    pub(crate) const EMPTY: Self = Self { words: [MaybeUninit::uninit(); 4] };

    /// Stores a closure, replacing any previous one.
    ///
    /// # Safety
    ///
    /// `place` can be written, stays in place, and is left alone for as long as the result is used.
    pub(crate) unsafe fn fill<F>(place: *mut Self, closure: F) -> &'static F
    where
        F: Fn(PhysRange) -> Option<NonNull<u8>> + Copy + 'static,
    {
        const { assert!(size_of::<F>() <= size_of::<Self>() && align_of::<F>() <= align_of::<Self>()) };
        let place = place.cast::<F>();
        // SAFETY: it is large enough and aligned, as asserted; the rest is the caller's promise. The previous
        // closure need not be dropped: it is `Copy`.
        unsafe {
            ptr::write(place, closure);
            &*place
        }
    }
}
