//! The handle interface, called as from C.
#![allow(unsafe_code)]
// Test helpers may panic too. `&mut x` is easier to read than `&raw mut x`, and equivalent here.
#![allow(clippy::unwrap_used, clippy::borrow_as_ptr, clippy::wildcard_imports)]

mod allocation;
mod growth;
mod refusals;
mod tables;
mod walks;

/// Everything the header declares, and what tests need with it.
mod header {
    pub(crate) use std::ffi::c_void;
    pub(crate) use std::ptr;

    pub(crate) use physmem_capi::alloc::*;
    pub(crate) use physmem_capi::change::*;
    pub(crate) use physmem_capi::failure::Status;
    pub(crate) use physmem_capi::grow::*;
    pub(crate) use physmem_capi::hand_over::*;
    pub(crate) use physmem_capi::handle::*;
    pub(crate) use physmem_capi::limits::*;
    pub(crate) use physmem_capi::mark::*;
    pub(crate) use physmem_capi::named::*;
    pub(crate) use physmem_capi::query::*;
    pub(crate) use physmem_capi::settings::*;
    pub(crate) use physmem_capi::text::*;
    pub(crate) use physmem_capi::types::*;
    pub(crate) use physmem_capi::walk::*;
}

use std::ffi::{CStr, c_char};

use header::*;

#[repr(align(16))]
pub(crate) struct Storage(#[allow(dead_code)] [u8; PHYSMEM_MEMBLOCK_SIZE]);

/// A leaked memblock.
pub(crate) fn memblock() -> *mut Handle {
    let storage: *mut Storage = Box::leak(Box::new(Storage([0xff; PHYSMEM_MEMBLOCK_SIZE])));
    // SAFETY: the storage is ours, and leaked.
    let handle = unsafe { physmem_memblock_init(storage.cast(), PHYSMEM_MEMBLOCK_SIZE, 4096) };
    assert!(!handle.is_null());
    handle
}

/// A memblock with memory from 1 MiB to 16 MiB.
pub(crate) fn with_memory() -> *mut Handle {
    let memblock = memblock();
    // SAFETY: a memblock, and no pointers.
    let status = unsafe { physmem_memblock_add(memblock, 0x10_0000, 0x100_0000, ptr::null_mut()) };
    assert_eq!(status, Status::Ok);
    memblock
}

pub(crate) const ANY: CSelection = CSelection { node: PHYSMEM_NO_NODE, flags: 0 };

/// The text that a text-writing function writes.
pub(crate) fn text(write: impl Fn(*mut c_char, usize) -> usize) -> String {
    let length = write(ptr::null_mut(), 0);
    let mut buffer = vec![1; length + 1];
    assert_eq!(write(buffer.as_mut_ptr(), buffer.len()), length);
    // SAFETY: the function terminated the text with a NUL inside the buffer.
    let text = unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_str().unwrap().to_owned();
    assert_eq!(text.len(), length);
    text
}

pub(crate) fn error(memblock: *const Handle) -> String {
    // SAFETY: a memblock, and the buffers `text` makes.
    text(|buffer, size| unsafe { physmem_memblock_last_error_message(memblock, buffer, size) })
}
