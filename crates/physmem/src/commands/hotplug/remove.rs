//! Runs `physmem hotplug remove`.

use std::io::Write;

use machine::Unknown;
use machine::hotplug::{Removal, RemovalError};

use super::{remove_json, remove_report, source};
use crate::cli::{EditArguments, HotplugRemoveArguments};
use crate::done::Done;
use crate::failure::Failure;
use crate::output::style::Style;

/// A planned removal, with what is shown beside it.
pub(super) struct Planned {
    pub(super) origin: String,
    pub(super) removal: Removal,
    pub(super) unknown: Vec<Unknown>,
}

pub(crate) fn run(arguments: &HotplugRemoveArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let edits =
        EditArguments { kernel_release: arguments.input.kernel_release.clone(), ..EditArguments::default() };
    let start = source::named(&arguments.input.input, &edits)?;
    let removal = Removal::of(&start.machine, &start.life, &arguments.target)
        .map_err(|RemovalError::NoTarget { target, known }| Failure::NoTarget { target, known })?;
    let planned = Planned { origin: start.origin, removal, unknown: start.unknown };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &remove_json::document(&planned))?;
        writeln!(out)?;
    } else {
        remove_report::print(&planned, Style::of_stdout(), out)?;
    }
    Ok(if planned.removal.is_refused() { Done::Findings } else { Done::Good })
}
