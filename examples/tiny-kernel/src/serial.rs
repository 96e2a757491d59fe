//! Output on the first serial port.

use core::fmt;

use crate::port::Port;

const TRANSMITTER_EMPTY: u8 = 0x20;

/// The port as the firmware set it up. Stateless, so that a panic handler can print at any time.
pub(crate) struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // Without a device all bits read as ones, so this ends too.
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
        // The port accepts everything.
        let _ = writeln!($crate::serial::Serial, $($argument)*);
    }};
}
pub(crate) use say;
