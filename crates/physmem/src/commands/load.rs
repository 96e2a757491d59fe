//! `physmem kexec` and `physmem kdump`.

pub(crate) mod diff;
mod json;
mod kernel_file;
mod loading;
mod picture;
pub(crate) mod plan;
mod planned;
pub(crate) mod ranges;
mod records;
mod refusal;
mod report;
