//! One machine's physical memory: what it is now, and how it came to be.
//!
//! [`Machine::of`] draws the conclusions from [`evidence`]: for each range of memory its class, provider, node,
//! zones and state, and what kexec finds in the running kernel. [`boot`] predicts what Linux makes of a firmware
//! map and a command line, [`what_if`] what another command line would change. What memory may be used for is
//! decided by [`rules`], and by nothing else.
#![forbid(unsafe_code)]

pub mod arch;
pub mod boot;
pub mod command_line;
mod machine;
pub mod now;
pub mod range_set;
pub mod releases;
pub mod what_if;

pub use arch::Architecture;
pub use evidence::{Release, Snapshot, State, Unknown};
pub use machine::{Machine, MachineError, Parts};
pub use now::{Configured, EfiRuntime, Kernel, KernelState, Kho, LoadedDeviceTrees, MemoryRange, Provider};
