//! A machine that has not booted yet, from the files its firmware hands over.

mod acpidump;
mod file;
mod kind;
pub(crate) mod magic;
mod tables;
pub(crate) mod text;

pub use file::{FirmwareFileError, read_firmware};
pub use tables::{FirmwareTable, read_firmware_tables};
