//! `physmem check`.

mod checked;
mod json;
mod report;
mod run;

pub(crate) use self::run::run;
