//! `physmem simulate`: what events make of a machine's memory.

mod begin;
mod json;
mod report;
mod run;
mod scenario;
mod step;

pub(crate) use begin::snapshot as begin;
pub(crate) use run::run;
