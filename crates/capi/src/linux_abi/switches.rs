//! The kernel switches that memblock reads.
//!
//! In Linux, boot parameters set them, and other files define them. A program without such a switch need not
//! define it: then it is off. This takes weak definitions, which Rust cannot express.
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::sync::atomic::{AtomicI32, AtomicU8, Ordering};

#[cfg(any(target_vendor = "apple", windows))]
compile_error!("the feature linux-abi needs a target with ELF objects, as Linux has");

/// A weak variable, all zeros.
macro_rules! weak {
    ($name:literal, $bytes:literal) => {
        global_asm!(
            ".pushsection .data.physmem_switches, \"aw\"",
            concat!(".weak ", $name),
            concat!(".type ", $name, ", %object"),
            concat!(".size ", $name, ", ", $bytes),
            concat!(".balign ", $bytes),
            concat!($name, ": .zero ", $bytes),
            ".popsection",
        );
    };
}

weak!("movable_node_enabled", "1");
weak!("mirrored_kernelcore", "1");
weak!("memblock_debug", "4");

// Atomic, because the kernel may write them at any time: then a read gives the old value or the new one.
unsafe extern "C" {
    /// C's `bool`, set by `movable_node`: avoid hot-pluggable memory.
    static movable_node_enabled: AtomicU8;
    /// C's `bool`, set by `kernelcore=mirror`.
    static mirrored_kernelcore: AtomicU8;
    /// C's `int`, set by `memblock=debug`. In Linux it is not a symbol; here a program may define it.
    static memblock_debug: AtomicI32;
}

pub(super) fn movable_node() -> bool {
    // SAFETY: it is defined, here or in the program, and reading an atomic is safe whatever C writes.
    unsafe { movable_node_enabled.load(Ordering::Relaxed) != 0 }
}

pub(super) fn mirrored() -> bool {
    // SAFETY: as above.
    unsafe { mirrored_kernelcore.load(Ordering::Relaxed) != 0 }
}

pub(super) fn debug() -> bool {
    // SAFETY: as above.
    unsafe { memblock_debug.load(Ordering::Relaxed) != 0 }
}
