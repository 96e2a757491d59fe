//! The archive in C programs.
// Beside tests stand helpers of tests.
#![allow(clippy::unwrap_used)]

mod build;
// It asks the linker for what only linkers of ELF objects know.
#[cfg(target_os = "linux")]
mod freestanding;
mod tour;
