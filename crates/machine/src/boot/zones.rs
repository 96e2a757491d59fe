//! Zones: which part of each node lies in which zone, and where movable memory starts.

pub(crate) mod layout;
pub(crate) mod movable;

pub(crate) use layout::*;
pub use layout::{ZoneKind, ZoneSpan};
