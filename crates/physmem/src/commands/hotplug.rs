//! `physmem hotplug`.

mod plan;
mod plan_json;
mod plan_report;
mod remove;
mod remove_json;
mod remove_report;
mod source;

pub(crate) use plan::run as plan;
pub(crate) use remove::run as remove;
