//! The first Rust function, and the assembly that calls it.
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::panic::PanicInfo;

use crate::exit::{self, Status};
use crate::physical::Untouched;
use crate::port::Port;
use crate::serial::say;

/// The only stack. It has no guard page, so it is five times the 24 KiB that a debug build was observed to
/// use.
const STACK_SIZE: usize = 128 << 10;

global_asm!(
    include_str!("entry.s"),
    serial_data = const Port::SERIAL_DATA.number(),
    serial_status = const Port::SERIAL_STATUS.number(),
    debug_exit = const Port::DEBUG_EXIT.number(),
    failure = const Status::Failure as u32,
    stack_size = const STACK_SIZE,
    kernel_entry = sym kernel_entry,
);

/// Called once by `entry.s`, with the address that the loader passed in EBX.
extern "C" fn kernel_entry(start_info: u32) -> ! {
    // SAFETY:
    // 1. Only `entry.s` has run before, which writes only to the image, and calls this once.
    // 2. It has mapped the addresses below `physical::END` to themselves.
    // 3. The other processors wait to be started, which this kernel never does, and no device has been
    //    programmed to write anywhere.
    let memory = unsafe { Untouched::new() };
    match crate::boot(memory, start_info.into()) {
        Ok(()) => {
            say!("tiny-kernel: done");
            exit::leave(Status::Success)
        }
        Err(failure) => {
            say!("tiny-kernel: gave up: {failure}");
            exit::leave(Status::Failure)
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("tiny-kernel: {info}");
    exit::leave(Status::Panic)
}
