//! The opaque handle: a memblock in storage of the caller's.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_char, c_void};
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use memblock::{Memblock, PageSize, PhysRange};

use crate::failure::{Failure, Status};

/// A memblock: the tables of one machine. What is inside is not for C.
pub struct Handle {
    memblock: Memblock<'static>,
    last_error: Option<Failure>,
    map: MapPlace,
}

/// Bytes of storage that are enough for a memblock, for a static buffer. physmem_memblock_size() says exactly
/// how many are.
pub const PHYSMEM_MEMBLOCK_SIZE: usize = 16384;
/// The address of the storage must be a multiple of this.
pub const PHYSMEM_MEMBLOCK_ALIGN: usize = 16;

const _: () =
    assert!(size_of::<Handle>() <= PHYSMEM_MEMBLOCK_SIZE && align_of::<Handle>() <= PHYSMEM_MEMBLOCK_ALIGN);

/// Bytes a memblock takes. At most PHYSMEM_MEMBLOCK_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn physmem_memblock_size() -> usize {
    size_of::<Handle>()
}

/// What the address of a memblock must be a multiple of. At most PHYSMEM_MEMBLOCK_ALIGN.
#[unsafe(no_mangle)]
pub extern "C" fn physmem_memblock_align() -> usize {
    align_of::<Handle>()
}

/// Makes an empty memblock in `storage`, `size` bytes that are yours, for a machine with pages of `page_size`
/// bytes. The storage must stay where it is, and be left alone, as long as the memblock is used; nothing has to
/// be done when that is over. For a moment, as much stack is needed.
///
/// Gives the memblock, or null: `storage` is null, not aligned or too small, or `page_size` is no power of two.
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
    // SAFETY: not null, aligned and large enough: checked above. It is the caller's, and so ours to write.
    unsafe { handle.write(Handle { memblock, last_error: None, map: MapPlace::EMPTY }) }
    handle
}

/// Does something to the memblock of a handle, and keeps the error if there is one.
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
    // The fields one by one: the memblock may hold a reference to the third.
    // SAFETY: not null, so it is a handle, which nobody else uses: the caller's promise.
    let (memblock, last_error) = unsafe { (&mut (*handle).memblock, &mut (*handle).last_error) };
    match work(memblock) {
        Ok(()) => Status::Ok,
        Err(failure) => {
            *last_error = Some(failure);
            failure.status()
        }
    }
}

/// Does something to the memblock of a handle, and writes what it gives to where C wants it, unless that is
/// null.
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

/// Looks at the memblock of a handle; gives `none` for null.
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

/// Where the handle keeps the map function.
///
/// # Safety
///
/// `handle` came from [`physmem_memblock_init`].
pub(crate) unsafe fn map_place(handle: *mut Handle) -> *mut MapPlace {
    // SAFETY: it points to a handle: the caller's promise. Nothing is read.
    unsafe { &raw mut (*handle).map }
}

/// Writes an answer to where C wants it, unless that is null.
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

/// Writes an answer as [`put`], and gives whether there is one.
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

/// What C passed by address, and must pass.
///
/// # Safety
///
/// `place` is null, or a `T` can be read there.
pub(crate) unsafe fn get<T: Copy>(place: *const T, argument: &'static str) -> Result<T, Failure> {
    // SAFETY: the caller's promise.
    if place.is_null() { Err(Failure::NullPointer(argument)) } else { Ok(unsafe { place.read() }) }
}

/// A string of C's.
///
/// # Safety
///
/// `text` is null, or points to a string that stays as it is for as long as `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, argument: &'static str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::NullPointer(argument));
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| Failure::Text(argument))
}

/// Room in the handle for the closure that calls C's function: its type has no name that a field could have.
pub(crate) struct MapPlace {
    // Written and read as something else.
    #[allow(dead_code)]
    words: [MaybeUninit<usize>; 4],
}

impl MapPlace {
    pub(crate) const EMPTY: Self = Self { words: [MaybeUninit::uninit(); 4] };

    /// Puts a closure in its place, in place of any that was there.
    ///
    /// # Safety
    ///
    /// `place` can be written, stays where it is, and is left alone as long as the result is used.
    pub(crate) unsafe fn fill<F>(place: *mut Self, closure: F) -> &'static F
    where
        F: Fn(PhysRange) -> Option<NonNull<u8>> + Copy + 'static,
    {
        const { assert!(size_of::<F>() <= size_of::<Self>() && align_of::<F>() <= align_of::<Self>()) };
        let place = place.cast::<F>();
        // SAFETY: it is large enough and aligned, as was asserted; the rest is the caller's promise. What was
        // there need not be dropped: it is `Copy`.
        unsafe {
            ptr::write(place, closure);
            &*place
        }
    }
}
