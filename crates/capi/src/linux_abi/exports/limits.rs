//! Limits on allocations, and on memory itself.
#![allow(unsafe_code)]

use crate::linux_abi::fault::Fault;
use crate::linux_abi::{fail, globals, nid};

/// Limits allocations without a limit of their own.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_set_current_limit(limit: u64) {
    // SAFETY: the caller's promise.
    unsafe { globals::change() }.public.current_limit = limit;
}

/// The limit for allocations without one of their own.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_get_current_limit() -> u64 {
    // SAFETY: the caller's promise.
    unsafe { globals::look() }.current_limit
}

/// Cuts off everything above the first `limit` bytes of memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_enforce_memory_limit(limit: u64) {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    complain(linux.enforce_memory_limit(limit));
}

/// Keeps memory inside a range, and NOMAP memory elsewhere.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_cap_memory_range(base: u64, size: u64) {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    complain(linux.cap_memory_range(nid::range(base, size)));
}

/// Keeps the first `limit` bytes of memory, and NOMAP memory above.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_mem_limit_remove_map(limit: u64) {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    complain(linux.mem_limit_remove_map(limit));
}

/// These functions give C no status.
fn complain(done: Result<(), Fault>) {
    if let Err(fault) = done {
        fail::say(format_args!("memblock: the memory limit was not applied: {fault:?}"));
    }
}
