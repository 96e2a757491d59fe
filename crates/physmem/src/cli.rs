//! The command line.

mod address;
mod boot;
mod capture;
mod check;
mod command;
mod explain;
mod firmware;
mod hotplug;
mod input;
mod load;
mod online;
mod show;
mod simulate;
mod target;
mod watch;

pub(crate) use self::boot::{BootArguments, BootSourceArguments, EditArguments, WhatIfArguments};
pub(crate) use self::capture::CaptureArguments;
pub(crate) use self::check::CheckArguments;
pub(crate) use self::command::{Cli, Command};
pub(crate) use self::explain::ExplainArguments;
pub(crate) use self::firmware::FirmwareArguments;
pub(crate) use self::hotplug::{HotplugCommand, HotplugPlanArguments, HotplugRemoveArguments};
pub(crate) use self::input::{InputArguments, MachineArguments};
pub(crate) use self::load::{
    BesideArguments, DiffArguments, ExecArguments, HowArguments, KdumpCommand, KexecCommand,
    KexecLoadArguments, LoadArguments, PlanArguments, RangesArguments, StatusArguments, UnloadArguments,
    VerifyArguments, WithArguments,
};
pub(crate) use self::online::{BlocksArguments, OnlineArguments};
pub(crate) use self::show::ShowArguments;
pub(crate) use self::simulate::SimulateArguments;
pub(crate) use self::target::Target;
pub(crate) use self::watch::{WatchArguments, WatchedImage};
