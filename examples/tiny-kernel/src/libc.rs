//! The functions that the compiler emits calls to. On this target they come from the C library, which is not
//! available here.
//!
//! In assembly, because the compiler would turn a copy loop into a call of `memcpy`.
#![allow(unsafe_code)]

use core::arch::asm;

/// # Safety
///
/// That of C's `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: 1. The caller's promise. 2. The direction flag is clear, as the ABI requires.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags)
        );
    }
    to
}

/// # Safety
///
/// That of C's `memmove`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= len {
        // SAFETY: the caller's promise; `to` is not inside the source, so no byte is read after it was
        // written.
        return unsafe { memcpy(to, from, len) };
    }
    // SAFETY:
    // 1. The caller's promise.
    // 2. `to` is above `from`, so going down reads each byte before it is written; `len` is not 0 here, so
    //    the last bytes exist.
    // 3. The direction flag is cleared again after the copy.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") len => _, inout("rdi") to.add(len - 1) => _, inout("rsi") from.add(len - 1) => _,
            options(nostack)
        );
    }
    to
}

/// # Safety
///
/// That of C's `memset`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, len: usize) -> *mut u8 {
    // SAFETY: 1. The caller's promise. 2. The direction flag is clear, as the ABI requires.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") len => _, inout("rdi") to => _, in("al") value.to_le_bytes()[0],
            options(nostack, preserves_flags)
        );
    }
    to
}

/// # Safety
///
/// That of C's `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    let (above, below): (u8, u8);
    // SAFETY: 1. The caller's promise. 2. The direction flag is clear, as the ABI requires.
    unsafe {
        asm!(
            // With a length of 0 the flags stay those of this comparison: equal.
            "cmp rcx, rcx",
            "repe cmpsb",
            "seta {above}",
            "setb {below}",
            above = out(reg_byte) above, below = out(reg_byte) below,
            inout("rcx") len => _, inout("rsi") a => _, inout("rdi") b => _,
            options(nostack, readonly)
        );
    }
    i32::from(above) - i32::from(below)
}

/// # Safety
///
/// That of C's `bcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(a, b, len) }
}

/// Referenced by the unwind tables of the precompiled `core`. Nothing unwinds, so nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
