//! One machine's physical memory: its current state, and how it came about.
//!
//! [`Machine::of`] draws the conclusions from [`evidence`]: the class, provider, node, zones and state of each memory
//! range, and what kexec finds in the running kernel. [`boot`] predicts what Linux makes of a firmware map and a
//! command line; [`what_if`] shows what a different command line would change. Only [`rules`] decides what memory may
//! be used for.
#![forbid(unsafe_code)]

pub mod arch;
pub mod boot;
pub mod command_line;
pub mod hotplug;
pub mod life;
mod machine;
pub mod now;
pub mod range_set;
pub mod releases;
pub mod what_if;

pub use arch::Architecture;
pub use evidence::{Release, Snapshot, State, Unknown};
pub use machine::{Machine, MachineError, Parts};
pub use now::{
    Configured, ContiguousArea, EfiRuntime, Kernel, KernelState, Kho, LoadedDeviceTrees, MemoryRange,
    Provider,
};
