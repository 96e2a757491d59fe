//! The way out: QEMU's `isa-debug-exit` device ends QEMU with a status.

use crate::port::{self, Port};

/// How the boot ended. QEMU exits with twice the number plus one, which is never 0: that is left for a
/// machine that reset itself. `run.sh` tells them apart.
#[derive(Clone, Copy)]
pub(crate) enum Status {
    /// Everything was done.
    Success = 0x10,
    /// The kernel said what is wrong.
    Failure = 0x11,
    /// The kernel itself is wrong.
    Panic = 0x12,
}

/// Ends QEMU; without the device, stops the processor.
pub(crate) fn leave(status: Status) -> ! {
    Port::DEBUG_EXIT.write_u32(status as u32);
    loop {
        port::halt();
    }
}
