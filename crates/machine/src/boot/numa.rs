//! Nodes: the firmware's tables about them, NUMA emulation, and the order in which nodes are asked for pages.

pub(crate) mod fake;
pub(crate) mod fallback;
pub(crate) mod nodes;
pub(crate) mod tables;

pub(crate) use nodes::*;
pub use tables::{MemoryAffinity, NumaTables};
