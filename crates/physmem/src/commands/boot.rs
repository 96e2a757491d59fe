//! `physmem boot`.

pub(super) mod json;
mod picture;
pub(super) mod report;
mod run;
mod trace;
mod verify;

pub(crate) use self::run::run;
