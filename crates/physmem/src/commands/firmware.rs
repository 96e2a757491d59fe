//! `physmem firmware`.

mod acpi;
mod decoded;
mod device_tree;
mod json;
mod map;
mod report;
mod run;

pub(crate) use self::run::run;
