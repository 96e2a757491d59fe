//! Captures: what was read from a machine, in a file that reads back as the same snapshot.

mod recorder;
mod write;

pub use write::{CaptureReport, Existing, Unreadable, write};
