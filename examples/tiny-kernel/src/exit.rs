//! The way out: QEMU's `isa-debug-exit` device ends QEMU with a status.

use crate::port::{self, Port};

/// How the boot ended. QEMU exits with twice the number plus one, which is never 0: 0 means that the machine
/// reset itself. `run.sh` distinguishes these.
#[derive(Clone, Copy)]
pub(crate) enum Status {
    /// Everything succeeded.
    Success = 0x10,
    /// The kernel reported what is wrong.
    Failure = 0x11,
    /// The kernel has a bug.
    Panic = 0x12,
}

/// Ends QEMU; without the device, halts the processor.
pub(crate) fn leave(status: Status) -> ! {
    Port::DEBUG_EXIT.write_u32(status as u32);
    loop {
        port::halt();
    }
}
