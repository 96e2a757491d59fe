//! Runs `physmem hotplug plan`.

use std::io::Write;

use machine::hotplug::{self, Alternative, Ends, Plan, PlanRequest, Settings};

use super::{plan_json, plan_report, source};
use crate::cli::HotplugPlanArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::output::style::Style;

/// A plan, with what is shown beside it.
pub(super) struct Planned {
    pub(super) origin: String,
    pub(super) plan: Plan,
    pub(super) compared: Option<Vec<Alternative>>,
    pub(super) alternatives: Vec<Alternative>,
    /// What whole blocks cost the machine's own windows and devices.
    pub(super) windows: Vec<Ends>,
    pub(super) unknown: Vec<machine::Unknown>,
}

pub(crate) fn run(arguments: &HotplugPlanArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let start = match arguments.base {
        Some(size) => source::base(size)?,
        None => source::named(&arguments.input, &arguments.edits)?,
    };
    let settings = arguments.policy.iter().fold(Settings::default(), |all, one| all.and(*one));
    let request = PlanRequest {
        add: arguments.add,
        step: arguments.step,
        node: Some(arguments.node),
        via: arguments.via.into(),
        at: arguments.at,
        settings,
    };
    let life = &start.life;
    let wrong = |error: hotplug::PlanError| Failure::Hotplug(error.to_string());
    let plan = Plan::of(life, &request).map_err(wrong)?;
    let compared = arguments.compare.then(|| hotplug::compared(life, &request)).transpose().map_err(wrong)?;
    let tree = start.machine.resources();
    let mut unknown = plan.assumed.clone();
    unknown.extend(start.unknown);
    let planned = Planned {
        origin: start.origin,
        alternatives: hotplug::alternatives(life, &plan),
        windows: tree.map_or_else(Vec::new, |tree| hotplug::windows(tree, plan.block_size)),
        plan,
        compared,
        unknown,
    };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &plan_json::document(&planned))?;
        writeln!(out)?;
    } else {
        plan_report::print(&planned, Style::of_stdout(), out)?;
    }
    let is_less = planned.plan.refused.is_some() || planned.plan.short.is_some();
    Ok(if is_less { Done::Findings } else { Done::Good })
}
