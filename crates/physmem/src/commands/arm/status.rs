//! Runs `physmem kexec status` and `physmem kdump status`.

use std::io::Write;

use act::watch::State;
use audit::Finding;
use evidence::record::RecordedLoader;
use evidence::{Record, Source};
use kexec::Purpose;
use machine::Machine;
use rules::Rules;
use serde::Serialize;

use super::order::word;
use super::state;
use crate::cli::StatusArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::input;
use crate::output::finding::{self, FindingRecord};
use crate::output::lines::wrapped;
use crate::output::style::Style;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What is known about an image.
struct Status<'a> {
    purpose: Purpose,
    state: State,
    /// Who loaded it.
    by: By<'a>,
    findings: Vec<Finding>,
}

/// Who loaded an image.
enum By<'a> {
    /// physmem, in this boot.
    Recorded(&'a Record),
    /// Another program, as far as anything shows; what does.
    Unknown(String),
    /// Nothing is loaded.
    Nobody,
}

pub(crate) fn run(
    arguments: &StatusArguments,
    purpose: Purpose,
    out: &mut impl Write,
) -> Result<Done, Failure> {
    let machine = input::machine(&arguments.input)?;
    let checked = audit::checked(&machine, &Rules::LINUX);
    let state = state::state_of(&machine, purpose, &checked);
    let by = if state == State::NotLoaded { By::Nobody } else { by(&machine, purpose) };
    let status = Status { purpose, state, by, findings: state::findings(purpose, &checked) };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&machine, &status))?;
        writeln!(out)?;
    } else {
        print(&status, Style::of_stdout(), out)?;
    }
    Ok(match &status.state {
        _ if !status.findings.is_empty() => Done::Findings,
        State::Stale { .. } => Done::Findings,
        State::CannotTell { .. } => Done::Open,
        State::NotLoaded | State::Good => Done::Good,
    })
}

/// Who loaded it: the record counts if it is of this boot, and nothing contradicts it.
fn by(machine: &Machine, purpose: Purpose) -> By<'_> {
    let evidence = &machine.evidence;
    let record = match purpose {
        Purpose::Reboot => &evidence.kexec_record,
        Purpose::Crash => &evidence.kdump_record,
    };
    let record = match record {
        Source::Read(record) => record,
        Source::Missing => {
            return By::Unknown("another program: /run/physmem has no record of it".to_owned());
        }
        Source::Unreadable { why, .. } => return By::Unknown(format!("not known: {why}")),
    };
    match evidence.boot_id.read() {
        Some(boot) if *boot != record.boot_id => {
            return By::Unknown("another program: the record in /run/physmem is of another boot".to_owned());
        }
        Some(_) => {}
        None => {
            return By::Unknown(
                "not known: nothing shows which boot this is, and the record is of one".to_owned(),
            );
        }
    }
    if purpose == Purpose::Crash
        && let Source::Read(armed) = &evidence.crash_image
        && let Some(line) = &armed.command_line
        && *line != record.passed_command_line
    {
        return By::Unknown(format!(
            "another program, since the record in /run/physmem was written: the crash kernel's command line is `{line}`"
        ));
    }
    By::Recorded(record)
}

fn print(status: &Status<'_>, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let word = word(status.purpose);
    let text = match &status.state {
        State::NotLoaded => "nothing is loaded".to_owned(),
        State::Good => "loaded, and it describes this machine".to_owned(),
        State::Stale { rule, what } => format!("loaded, and STALE: {rule}: {what}"),
        State::CannotTell { why } => {
            format!("loaded; whether it describes this machine cannot be told: {why}")
        }
    };
    wrapped(out, &format!("{word}: "), "  ", &text)?;
    match &status.by {
        By::Recorded(record) => {
            let call = match record.loader {
                RecordedLoader::KexecFileLoad => "kexec_file_load",
                RecordedLoader::KexecLoad => "kexec_load",
            };
            wrapped(out, "  by: ", "    ", &format!("{}, {call}, at {}", record.by, record.time))?;
            wrapped(out, "  kernel: ", "    ", &record.kernel.path)?;
            if let Some(initrd) = &record.initrd {
                wrapped(out, "  initrd: ", "    ", &initrd.path)?;
            }
            wrapped(out, "  command line: ", "    ", &record.passed_command_line)?;
        }
        By::Unknown(why) => wrapped(out, "  by: ", "    ", why)?,
        By::Nobody => {}
    }
    if !status.findings.is_empty() {
        writeln!(out)?;
        finding::print(&status.findings, style, out)?;
    }
    Ok(())
}

/// What `status -J` prints; `schema/status.schema.json` describes it.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    origin: &'a str,
    purpose: &'static str,
    state: &'static str,
    why: Option<&'a str>,
    by: Option<&'a str>,
    record: Option<&'a Record>,
    findings: Vec<FindingRecord<'a>>,
}

impl<'a> Document<'a> {
    fn of(machine: &'a Machine, status: &'a Status<'a>) -> Self {
        let (state, why) = match &status.state {
            State::NotLoaded => ("not-loaded", None),
            State::Good => ("good", None),
            State::Stale { what, .. } => ("stale", Some(what.as_str())),
            State::CannotTell { why } => ("cannot-tell", Some(why.as_str())),
        };
        let (by, record) = match &status.by {
            By::Recorded(record) => (Some(record.by.as_str()), Some(*record)),
            By::Unknown(why) => (Some(why.as_str()), None),
            By::Nobody => (None, None),
        };
        Self {
            schema: SCHEMA,
            origin: &machine.evidence.origin,
            purpose: match status.purpose {
                Purpose::Reboot => "reboot",
                Purpose::Crash => "crash",
            },
            state,
            why,
            by,
            record,
            findings: status.findings.iter().map(FindingRecord::of).collect(),
        }
    }
}
