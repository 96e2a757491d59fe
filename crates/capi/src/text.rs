//! Text output to the caller's buffers.
//!
//! As with snprintf(): text that does not fit is cut off, the output ends in a NUL unless the buffer has no
//! room at all, and the result is the length of the whole text, without the NUL.
#![allow(unsafe_code)]

use core::ffi::c_char;
use core::fmt::{self, Write};

use crate::handle::{self, Handle};
use crate::types::{Table, to_table};

/// Writes the last error of this memblock as text: what was requested, what was in the way, and where. Empty
/// if no call has failed.
///
/// Like snprintf(): writes at most `size` bytes to `buffer`, including the terminating NUL, and returns the
/// length of the whole text. `buffer` may be null if `size` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_last_error_message(
    memblock: *const Handle,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    // SAFETY: the header's promises.
    unsafe {
        match handle::last_error(memblock) {
            Some(failure) => write(buffer, size, format_args!("{failure}")),
            None => write(buffer, size, format_args!("")),
        }
    }
}

/// Writes a table as text, one region per line, in the format of Linux's /sys/kernel/debug/memblock.
/// Otherwise like physmem_memblock_last_error_message().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_dump(
    memblock: *const Handle,
    table: Table,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    let Ok(table) = to_table(table) else {
        // SAFETY: the header's promises.
        return unsafe { write(buffer, size, format_args!("")) };
    };
    // SAFETY: the header's promises.
    unsafe {
        handle::look(memblock, 0, |memblock| write(buffer, size, format_args!("{}", memblock.table(table))))
    }
}

/// Writes the owner of the reservation that contains an address; empty if it is not reserved or has no owner.
/// Otherwise like physmem_memblock_last_error_message().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physmem_memblock_owner_at(
    memblock: *const Handle,
    address: u64,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    // SAFETY: the header's promises.
    unsafe {
        handle::look(memblock, 0, |memblock| {
            let owned = memblock.reserved_owners().find(|owned| owned.region.range.contains(address));
            write(buffer, size, format_args!("{}", owned.and_then(|owned| owned.owner).unwrap_or_default()))
        })
    }
}

/// The name of a status, for example "PHYSMEM_STATUS_NO_SPACE". Never null, and valid forever.
#[unsafe(no_mangle)]
pub extern "C" fn physmem_status_name(status: u32) -> *const c_char {
    NAMES.get(status as usize).unwrap_or(&c"unknown physmem_status").as_ptr()
}

/// Indexed by number. A test compares them with the header.
const NAMES: [&core::ffi::CStr; 16] = [
    c"PHYSMEM_STATUS_OK",
    c"PHYSMEM_STATUS_NULL_POINTER",
    c"PHYSMEM_STATUS_INVALID_RANGE",
    c"PHYSMEM_STATUS_INVALID_NODE",
    c"PHYSMEM_STATUS_INVALID_TABLE",
    c"PHYSMEM_STATUS_INVALID_TEXT",
    c"PHYSMEM_STATUS_INVALID_REQUEST",
    c"PHYSMEM_STATUS_NO_SPACE",
    c"PHYSMEM_STATUS_TABLE_FULL",
    c"PHYSMEM_STATUS_CANNOT_GROW",
    c"PHYSMEM_STATUS_NOT_MAPPED",
    c"PHYSMEM_STATUS_TOO_MANY_BUFFERS",
    c"PHYSMEM_STATUS_IN_USE",
    c"PHYSMEM_STATUS_NAME_TAKEN",
    c"PHYSMEM_STATUS_INVALID_NAME",
    c"PHYSMEM_STATUS_OTHER",
];

/// # Safety
///
/// `size` bytes can be written at `buffer`.
unsafe fn write(buffer: *mut c_char, size: usize, text: fmt::Arguments<'_>) -> usize {
    let mut writer = Buffer { place: buffer.cast(), size, length: 0 };
    // Writing never fails, and neither does formatting.
    let _ = writer.write_fmt(text);
    if let Some(last) = size.checked_sub(1).filter(|_| !buffer.is_null()) {
        // SAFETY: at most `size - 1`.
        unsafe { buffer.add(writer.length.min(last)).write(0) }
    }
    writer.length
}

/// Writes as much as fits, and counts everything.
struct Buffer {
    place: *mut u8,
    size: usize,
    length: usize,
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.size.saturating_sub(1).saturating_sub(self.length);
        if !self.place.is_null() && room > 0 {
            let written = text.len().min(room);
            // SAFETY: `length + written` is less than `size`, and `size` bytes can be written at `place`.
            unsafe { self.place.add(self.length).copy_from_nonoverlapping(text.as_ptr(), written) }
        }
        self.length = self.length.saturating_add(text.len());
        Ok(())
    }
}
