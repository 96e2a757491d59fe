//! Nodes: the firmware's tables about them, NUMA emulation, and the fallback order of nodes.

pub(crate) mod fake;
pub(crate) mod fallback;
pub(crate) mod nodes;
pub(crate) mod tables;

pub(crate) use nodes::*;
pub use tables::{MemoryAffinity, NumaTables};
