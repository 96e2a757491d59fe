//! Output on the first serial port.

use core::fmt;

use crate::port::Port;

const TRANSMITTER_EMPTY: u8 = 0x20;

/// The port as the firmware set it up. Holds nothing, so that a panic handler can print whoever was printing.
pub(crate) struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // Where no device is, all bits are ones: this ends there too.
            while Port::SERIAL_STATUS.read_u8() & TRANSMITTER_EMPTY == 0 {
                core::hint::spin_loop();
            }
            Port::SERIAL_DATA.write_u8(byte);
        }
        Ok(())
    }
}

/// Prints a line: `say!("{} pages", 3)`.
macro_rules! say {
    ($($argument:tt)*) => {{
        use core::fmt::Write as _;
        // The port takes everything.
        let _ = writeln!($crate::serial::Serial, $($argument)*);
    }};
}
pub(crate) use say;
