//! Ends the work early, also where it waits in the kernel.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::signals;

/// How often a write is interrupted until it ends. Once may not be enough: the signal may come before the write, or
/// while the kernel waits for another hotplug and begins the call again (drivers/base/core.c:lock_device_hotplug_sysfs).
const AGAIN: Duration = Duration::from_millis(20);

/// Says when to stop: after a time, at a signal, or when another thread asks for it. Clones belong together.
///
/// The block that is being worked on is not left half done: Linux puts it back into the state it was in. The blocks
/// after it are not begun.
///
/// ```
/// use act::{Stop, Why};
///
/// let stop = Stop::default();
/// let other = stop.clone();
/// std::thread::spawn(move || other.ask()).join().unwrap();
/// assert_eq!(stop.why(), Some(Why::Asked));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
    signals: bool,
}

/// Why the work ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The time was over.
    Timeout,
    /// This signal came, e.g. `SIGINT`.
    Signal(&'static str),
    /// [`Stop::ask`] was called.
    Asked,
}

impl Stop {
    /// Stops when this much time has passed from now on.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(time), ..self }
    }

    /// Stops at SIGINT (Ctrl-C), SIGTERM, or SIGHUP unless that is ignored. **This is for the process as a whole**: from
    /// now on none of them ends it.
    ///
    /// # Errors
    /// [`Error::Signals`] if the handlers cannot be installed.
    pub fn at_signals(self) -> Result<Self, Error> {
        signals::catch_requests().map_err(Error::Signals)?;
        Ok(Self { signals: true, ..self })
    }

    /// Asks to stop, from any thread.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether to stop, and why.
    pub fn why(&self) -> Option<Why> {
        if self.signals
            && let Some(signal) = signals::caught()
        {
            return Some(Why::Signal(signal.as_str()));
        }
        if self.asked.load(Ordering::Relaxed) {
            return Some(Why::Asked);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Why::Timeout)
    }

    /// Does work in this thread whose calls end with EINTR once it is time to stop, again and again until the work ends.
    pub(crate) fn interrupting<T>(&self, work: impl FnOnce() -> T) -> Result<T, Error> {
        signals::catch_wake().map_err(Error::Signals)?;
        let worker = signals::Worker::this();
        let end = End::default();
        Ok(thread::scope(|scope| {
            scope.spawn(|| {
                while !end.came_within(AGAIN) {
                    if self.why().is_some() {
                        // The worker lives: it waits for this thread at the end of the scope.
                        worker.wake();
                    }
                }
            });
            let _at_end = AtEnd(&end);
            work()
        }))
    }
}

/// Whether the work has ended.
#[derive(Default)]
struct End {
    came: Mutex<bool>,
    changed: Condvar,
}

impl End {
    fn came_within(&self, time: Duration) -> bool {
        let came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(came, time, |came| !*came);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Says that the work has ended, even if it panicked: the scope would wait for ever otherwise.
struct AtEnd<'a>(&'a End);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        *self.0.came.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    /// A read from a pipe into which nothing is ever written.
    fn waits_for_ever() -> Errno {
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        rustix::io::read(&reader, &mut [0]).unwrap_err()
    }

    #[test]
    fn a_call_that_waits_for_ever_ends_when_the_time_is_over() {
        let stop = Stop::default().after(Duration::from_millis(100));
        let begin = Instant::now();
        assert_eq!(stop.interrupting(waits_for_ever).unwrap(), Errno::INTR);
        assert!(begin.elapsed() >= Duration::from_millis(100));
        assert_eq!(stop.why(), Some(Why::Timeout));
    }

    #[test]
    fn a_call_that_waits_for_ever_ends_when_another_thread_asks() {
        let stop = Stop::default();
        let other = stop.clone();
        let asking = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            other.ask();
        });
        assert_eq!(stop.interrupting(waits_for_ever).unwrap(), Errno::INTR);
        asking.join().unwrap();
    }

    #[test]
    fn a_call_that_begins_after_the_time_is_over_ends_too() {
        let stop = Stop::default().after(Duration::ZERO);
        let end = stop.interrupting(|| {
            thread::sleep(Duration::from_millis(60));
            (waits_for_ever(), waits_for_ever())
        });
        assert_eq!(end.unwrap(), (Errno::INTR, Errno::INTR));
    }

    #[test]
    fn a_panic_in_the_work_is_passed_on() {
        let stop = Stop::default();
        let caught = std::panic::catch_unwind(|| stop.interrupting(|| panic!("in the work")));
        assert!(caught.is_err());
    }
}
