//! Panics without Rust's standard library.
//!
//! For a kernel or a boot loader, build without the feature `std`, with `panic-hook`, and without unwinding:
//!
//! ```text
//! cargo build --release -p physmem-capi --no-default-features --features panic-hook \
//!     --config 'profile.release.panic="abort"'
//! ```
//!
//! for the host, or add `--target x86_64-unknown-none` or similar. The C program then defines
//! `physmem_panic`, and the functions that compilers call: `memcpy`, `memmove`, `memset`, `memcmp`, `bcmp`
//! and `strlen`.
//!
//! The handle interface never panics. Linux's interface panics where Linux does.
#![cfg_attr(feature = "panic-hook", allow(unsafe_code))]

#[cfg(all(feature = "panic-hook", not(any(test, feature = "std"))))]
mod handler {
    use core::ffi::c_char;
    use core::fmt::Write;
    use core::panic::PanicInfo;

    unsafe extern "C" {
        /// Provided by the C program: shows `length` bytes of text, without a terminating NUL, and does not
        /// return.
        fn physmem_panic(message: *const c_char, length: usize) -> !;
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        let mut message = Message { text: [0; 256], length: 0 };
        // Text that does not fit is cut off.
        let _ = write!(message, "{}", info.message());
        // SAFETY: the text has `length` bytes.
        unsafe { physmem_panic(message.text.as_ptr().cast(), message.length) }
    }

    /// On some targets Rust's `core` is compiled for unwinding and refers to this symbol. Nothing unwinds.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    struct Message {
        text: [u8; 256],
        length: usize,
    }

    impl Write for Message {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            let room = self.text.get_mut(self.length..).unwrap_or_default();
            self.length = self.length.saturating_add(room.len().min(text.len()));
            room.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
            Ok(())
        }
    }
}
