//! Messages when something goes wrong, and stopping where Linux panics.

use core::fmt::Arguments;

/// Stops everything, like Linux's `panic`. The message goes to standard error, and the process aborts.
/// Without the standard library, the embedder's `physmem_panic` does both.
#[cold]
pub(super) fn fatal(message: Arguments<'_>) -> ! {
    #[cfg(all(feature = "std", not(test)))]
    {
        std::eprintln!("{message}");
        std::process::abort()
    }
    // Our own tests catch the panic.
    #[cfg(any(test, not(feature = "std")))]
    #[allow(clippy::panic)]
    {
        panic!("{message}")
    }
}

/// Prints a message and continues, like Linux's `printk`. Without the standard library there is nowhere to
/// print.
#[cold]
pub(super) fn say(message: Arguments<'_>) {
    #[cfg(feature = "std")]
    std::eprintln!("{message}");
    #[cfg(not(feature = "std"))]
    let _ = message;
}
