//! Signal handlers.
//!
//! The kernel goes on trying to empty a block of zone Movable inside write(2), for ever if it must; only a signal ends
//! the write. Handlers are installed without `SA_RESTART`, so that no call begins again by itself.
#![allow(unsafe_code)] // For sigaction(2), here only.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc::c_int;
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Wakes a thread from a call. Nobody else uses it without urgent data on sockets, and where no handler is installed, it
/// does nothing.
const WAKE: Signal = Signal::SIGURG;

/// The first signal that asked to stop; 0 before.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: c_int) {
    // The first one is reported.
    let _ = CAUGHT.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
}

extern "C" fn nothing(_: c_int) {}

/// The signal that asked to stop since [`catch_requests`].
pub(crate) fn caught() -> Option<Signal> {
    Signal::try_from(CAUGHT.load(Ordering::Relaxed)).ok()
}

/// From now on SIGINT, SIGTERM and SIGHUP end nothing, but are noted. SIGHUP stays ignored where it was (nohup).
pub(crate) fn catch_requests() -> Result<(), Errno> {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let before = install(signal, note)?;
        if signal == Signal::SIGHUP && matches!(before.handler(), SigHandler::SigIgn) {
            // SAFETY: (1) it ignores the signal again, and so runs no code of ours.
            unsafe { sigaction(signal, &before) }?;
        }
    }
    Ok(())
}

/// From now on [`WAKE`] ends a call of this thread with EINTR, and does nothing else.
pub(crate) fn catch_wake() -> Result<(), Errno> {
    install(WAKE, nothing)?;
    // Whoever started this process may have left it blocked.
    let mut only = SigSet::empty();
    only.add(WAKE);
    only.thread_unblock()
}

fn install(signal: Signal, handler: extern "C" fn(c_int)) -> Result<SigAction, Errno> {
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
    // SAFETY: (2) both handlers may interrupt any code: one does nothing, the other changes one atomic that lives as long
    // as the process; neither allocates, locks, panics or touches errno. (3) They are functions, not closures, and so live
    // as long as the process.
    unsafe { sigaction(signal, &action) }
}

/// A thread that can be woken from a call.
#[derive(Clone, Copy)]
pub(crate) struct Worker {
    /// As a number: with musl the type of the C library is a pointer, which does not go from thread to thread.
    thread: usize,
}

impl Worker {
    /// The thread that calls this.
    pub(crate) fn this() -> Self {
        Self { thread: number_of(pthread_self()) }
    }

    /// Ends the thread's call with EINTR, if it is in one. The thread must not have ended.
    pub(crate) fn wake(self) {
        let _ = pthread_kill(self.thread as Pthread, WAKE);
    }
}

// With glibc it is a number already; on 32 bits, and with musl, it is not.
#[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast)]
fn number_of(thread: Pthread) -> usize {
    thread as usize
}
