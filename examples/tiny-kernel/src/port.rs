//! Instructions that Rust has no functions for.
#![allow(unsafe_code)]

use core::arch::asm;

/// An I/O port of a device that does not access memory, so using it is safe.
#[derive(Clone, Copy)]
pub(crate) struct Port(u16);

impl Port {
    /// The first serial port: a byte to send.
    pub(crate) const SERIAL_DATA: Self = Self(0x3f8);
    /// The first serial port: the line status.
    pub(crate) const SERIAL_STATUS: Self = Self(0x3fd);
    /// QEMU's `isa-debug-exit`, where `run.sh` puts it.
    pub(crate) const DEBUG_EXIT: Self = Self(0xf4);

    /// The number, for `entry.s`.
    pub(crate) const fn number(self) -> u16 {
        self.0
    }

    /// Writes a byte.
    pub(crate) fn write_u8(self, value: u8) {
        // SAFETY: 1. Ring 0 may do this. 2. The devices above do not access memory.
        unsafe {
            asm!("out dx, al", in("dx") self.0, in("al") value, options(nomem, nostack, preserves_flags));
        };
    }

    /// Writes a doubleword.
    pub(crate) fn write_u32(self, value: u32) {
        // SAFETY: 1. Ring 0 may do this. 2. The devices above do not access memory.
        unsafe {
            asm!("out dx, eax", in("dx") self.0, in("eax") value, options(nomem, nostack, preserves_flags));
        };
    }

    /// Reads a byte.
    pub(crate) fn read_u8(self) -> u8 {
        let value;
        // SAFETY: 1. Ring 0 may do this. 2. The devices above do not access memory.
        unsafe {
            asm!("in al, dx", in("dx") self.0, out("al") value, options(nomem, nostack, preserves_flags));
        };
        value
    }
}

/// Stops the processor until an interrupt comes; none is enabled.
pub(crate) fn halt() {
    // SAFETY: 1. Ring 0 may do this. 2. It changes nothing.
    unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
}
