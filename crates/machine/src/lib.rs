//! One machine's physical memory.

pub mod snapshot;

pub use snapshot::Snapshot;
