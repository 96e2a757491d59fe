//! Memory reserved by name.
#![allow(unsafe_code)]

use core::ffi::c_char;

use memblock::{ReserveMem, ReserveMemError};

use crate::failure::Status;
use crate::handle::{self, Handle};
use crate::types::Range;

/// Reserves memory like Linux's boot parameter reserve_mem=: `parameter` is "SIZE:ALIGN:NAME", for example
/// "20M:2M:trace". Writes its location to `range`, which may be null.
///
/// A name has 1 to 15 bytes, and there can be eight of them. Errors: PHYSMEM_STATUS_INVALID_NAME,
/// _NAME_TAKEN, or as for physmem_memblock_alloc().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserve_mem(
    memblock: *mut Handle,
    parameter: *const c_char,
    range: *mut Range,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::answer(memblock, range, |memblock| {
            let parameter = ReserveMem::parse(handle::text(parameter, "parameter")?)?;
            Ok(memblock.reserve_mem(&parameter)?)
        })
    }
}

/// Whether memory was reserved by a name. Writes its location to `range`, which may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserve_mem_find(
    memblock: *const Handle,
    name: *const c_char,
    range: *mut Range,
) -> bool {
    // SAFETY: the header's promises.
    unsafe {
        let Ok(name) = handle::text(name, "name") else { return false };
        let found = handle::look(memblock, None, |memblock| memblock.reserve_mem_find_by_name(name));
        handle::put_found(range, found)
    }
}

/// Frees the memory that was reserved by a name, and the name. Writes its former location to `range`, which
/// may be null. PHYSMEM_STATUS_INVALID_NAME if there is no such name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_reserve_mem_release(
    memblock: *mut Handle,
    name: *const c_char,
    range: *mut Range,
) -> Status {
    // SAFETY: the header's promises.
    unsafe {
        handle::answer(memblock, range, |memblock| {
            let released = memblock.reserve_mem_release_by_name(handle::text(name, "name")?)?;
            Ok(released.ok_or(ReserveMemError::Name)?)
        })
    }
}
