//! `physmem check`.

pub(crate) mod json;
mod report;

use std::io::Write;

use audit::Finding;
use machine::Unknown;
use rules::Rules;

use crate::Done;
use crate::cli::CheckArguments;
use crate::failure::Failure;
use crate::input;
use crate::style::Style;

use self::json::Document;

/// What a check found, and what it could not see.
#[derive(Debug)]
pub(crate) struct Checked {
    origin: String,
    findings: Vec<Finding>,
    unknown: Vec<Unknown>,
}

pub(crate) fn run(arguments: &CheckArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let machine = input::machine(&arguments.input)?;
    let mut unknown = audit::unknowable(&machine);
    let findings = audit::audit(&machine, &Rules::LINUX);
    // A file that both miss is said once, with the findings that hang on it.
    let is_said = |one: &Unknown| unknown.iter().any(|said| said.what == one.what);
    let more: Vec<Unknown> = machine.unknown.into_iter().filter(|one| !is_said(one)).collect();
    unknown.extend(more);
    let checked = Checked { origin: machine.evidence.origin, findings, unknown };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&checked))?;
        writeln!(out)?;
    } else {
        report::print(&checked, Style::of_stdout(), out)?;
    }
    Ok(Done::of(&checked.findings))
}
