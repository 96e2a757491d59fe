//! What is said when something goes wrong, and the end of it where Linux panics.

use core::fmt::Arguments;

/// Stops everything: Linux's `panic`. The message goes to standard error, and the process aborts; without the
/// standard library, the embedder's `physmem_panic` has both to do.
#[cold]
pub(super) fn fatal(message: Arguments<'_>) -> ! {
    #[cfg(all(feature = "std", not(test)))]
    {
        std::eprintln!("{message}");
        std::process::abort()
    }
    // Our own tests catch it.
    #[cfg(any(test, not(feature = "std")))]
    #[allow(clippy::panic)]
    {
        panic!("{message}")
    }
}

/// Says something that goes on: Linux's `printk`. Without the standard library there is nowhere to say it.
#[cold]
pub(super) fn say(message: Arguments<'_>) {
    #[cfg(feature = "std")]
    std::eprintln!("{message}");
    #[cfg(not(feature = "std"))]
    let _ = message;
}
