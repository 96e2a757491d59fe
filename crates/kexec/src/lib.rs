//! Where a kexec or kdump image goes, what the next kernel is told, and what the dump holds.
#![forbid(unsafe_code)]

pub mod image;
