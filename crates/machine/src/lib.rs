//! One machine's physical memory over its life.
//!
//! Input is a [`Snapshot`], the plain record of what was read from a machine; [`Machine::of`] draws the
//! conclusions: the resource tree, and for each range of memory its class, provider, node, zones and state.
//! What each range may be used for is asked of [`rules`], and of nothing else.
#![forbid(unsafe_code)]

mod architecture;
mod blocks;
pub mod boot;
mod classify;
pub mod command_line;
mod facts;
pub mod firmware_map;
pub mod hotpluggable;
pub mod kernel;
mod machine;
pub mod memblock_text;
pub mod memory_range;
mod node_map;
pub mod range_set;
pub mod release;
pub mod resources;
pub mod since;
pub mod snapshot;
mod unknown;
pub mod zones;

pub use architecture::Architecture;
pub use blocks::State;
pub use kernel::Kernel;
pub use machine::{Machine, MachineError, Parts};
pub use memory_range::{MemoryRange, Provider};
pub use release::Release;
pub use snapshot::Snapshot;
pub use unknown::Unknown;
