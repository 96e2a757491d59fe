//! Where segments may lie, and the search for a place.

pub(crate) mod allowed;
pub(crate) mod kernel_search;
pub(crate) mod limits;
pub(crate) mod ram;
pub(crate) mod removable;
pub mod search;
pub(crate) mod segments;

pub use removable::{is_removable, removable};
