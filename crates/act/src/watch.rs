//! Keeps loaded kernels armed while memory comes and goes.
//!
//! A crash kernel's header lists the memory that was there when it was made, and a kernel for a reboot may lie in memory
//! that has been removed since. [`run`] listens to the kernel's events about memory blocks ([`Listener`]), waits until
//! they have settled ([`Schedule`]), looks at the machine, and loads again what no longer describes it. What *looking* and
//! *loading* are is another's to say: [`World`].
//!
//! ```text
//! uevents -> Listener -> Schedule: settled? -> World::look: stale? -> World::rearm -> World::look
//! ```
//!
//! An event only says when to look. Whether to load is decided by what the machine shows, so a lost event, a second
//! watcher, or a watcher that was killed and started again ends in the same state.

mod backoff;
mod counters;
mod listener;
mod memory_event;
mod schedule;
#[cfg(test)]
mod tests;
mod watcher;

pub use counters::Counters;
pub use listener::{Heard, Listener};
pub use memory_event::{MemoryEvent, Tally};
pub use schedule::{Pace, Schedule};
pub use watcher::{Ended, Image, Said, State, Told, World, once, run};
