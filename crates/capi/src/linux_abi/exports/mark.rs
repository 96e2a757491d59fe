//! Flags of regions. Each function returns 0 or -ENOMEM.
#![allow(unsafe_code)]

use core::ffi::c_int;

use memblock::RegionFlags;

use crate::linux_abi::fault::Fault;
use crate::linux_abi::linux::Kind;
use crate::linux_abi::{globals, nid};

/// Memory that may be unplugged, according to firmware.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_mark_hotplug(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.set_flags(Kind::Memory, nid::range(base, size), RegionFlags::HOTPLUG))
}

/// Undoes `memblock_mark_hotplug`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_clear_hotplug(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.clear_flags(nid::range(base, size), RegionFlags::HOTPLUG))
}

/// Mirrored memory. Does nothing without `kernelcore=mirror`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_mark_mirror(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.mark_mirror(nid::range(base, size)))
}

/// Memory that must not be mapped, allocated or dumped.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_mark_nomap(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.set_flags(Kind::Memory, nid::range(base, size), RegionFlags::NOMAP))
}

/// Undoes `memblock_mark_nomap`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_clear_nomap(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.clear_flags(nid::range(base, size), RegionFlags::NOMAP))
}

/// Reserved memory whose `struct page`s must not be initialized.
#[unsafe(no_mangle)]
unsafe extern "C" fn memblock_reserved_mark_noinit(base: u64, size: u64) -> c_int {
    // SAFETY: the caller's promise.
    let mut linux = unsafe { globals::change() };
    Fault::status(linux.set_flags(Kind::Reserved, nid::range(base, size), RegionFlags::RSRV_NOINIT))
}
