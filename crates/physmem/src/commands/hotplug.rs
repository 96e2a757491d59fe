//! `physmem hotplug`.

mod plan;
mod plan_json;
mod plan_report;
mod source;

pub(crate) use plan::run as plan;
