//! The archive in C programs.
// Test helpers may panic too.
#![allow(clippy::unwrap_used)]

mod build;
// It uses options that only ELF linkers have.
#[cfg(target_os = "linux")]
mod freestanding;
mod tour;
