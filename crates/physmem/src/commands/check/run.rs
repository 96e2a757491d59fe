//! Runs `physmem check`.

use std::io::Write;

use machine::Unknown;
use rules::Rules;

use super::checked::Checked;
use super::json::Document;
use super::report;
use crate::cli::CheckArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::input;
use crate::output::style::Style;

pub(crate) fn run(arguments: &CheckArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let machine = input::machine_or_log(&arguments.input)?;
    let mut unknown = machine.evidence.in_its_form(audit::unknowable(&machine));
    let codes = audit::checked(&machine, &Rules::LINUX);
    let findings = audit::findings(&codes);
    // A file that both miss is listed once, with the findings that depend on it.
    let is_said = |one: &Unknown| unknown.iter().any(|said| said.what == one.what);
    let more: Vec<Unknown> = machine.unknown.into_iter().filter(|one| !is_said(one)).collect();
    unknown.extend(more);
    let checked = Checked { origin: machine.evidence.origin, findings, codes, unknown };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&checked))?;
        writeln!(out)?;
    } else {
        report::print(&checked, Style::of_stdout(), out)?;
    }
    let is_open = checked.summary().missing > 0 && !arguments.allow_unknown;
    Ok(match Done::of(&checked.findings) {
        Done::Good if is_open => Done::Open,
        done => done,
    })
}
