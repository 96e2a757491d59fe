//! `physmem what-if`.

mod report;
mod run;

pub(crate) use self::run::run;
