//! Zones: what of each node lies in which, and where movable memory begins.

pub(crate) mod layout;
pub(crate) mod movable;

pub(crate) use layout::*;
pub use layout::{ZoneKind, ZoneSpan};
