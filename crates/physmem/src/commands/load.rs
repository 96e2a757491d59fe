//! `physmem kexec` and `physmem kdump`.

pub(crate) mod diff;
mod dump_file;
mod json;
pub(crate) mod kernel_file;
pub(crate) mod loading;
mod picture;
pub(crate) mod plan;
mod planned;
pub(crate) mod ranges;
mod records;
mod refusal;
mod report;
pub(crate) mod verify;
