//! A machine that has not booted yet, from the files its firmware hands over.

mod file;
mod kind;
mod magic;
mod text;

pub use file::{FirmwareFileError, read_firmware};
