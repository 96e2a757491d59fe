//! One module for each command.

pub(crate) mod arm;
pub(crate) mod boot;
pub(crate) mod capture;
pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod firmware;
pub(crate) mod generate;
pub(crate) mod hotplug;
pub(crate) mod load;
pub(crate) mod online;
pub(crate) mod show;
pub(crate) mod simulate;
pub(crate) mod watch;
pub(crate) mod what_if;
