//! The kernel command line: its grammar, and the numbers in it.

pub mod grammar;
pub mod memparse;

pub use grammar::{has, parameters, values};
