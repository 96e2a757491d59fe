//! `physmem hotplug`.

mod plan;
mod plan_json;
mod plan_report;
mod remove;
mod remove_json;
mod remove_report;
mod source;
mod words;

pub(crate) use plan::run as plan;
pub(crate) use remove::run as remove;
pub(crate) use remove_json::blocks as blocks_json;
pub(crate) use words::{run, sentence, zones};
