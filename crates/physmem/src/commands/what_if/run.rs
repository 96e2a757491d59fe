//! Runs `physmem what-if`.

use std::io::Write;

use evidence::Evidence;
use machine::boot::Prediction;
use machine::life::{Life, booted};
use machine::what_if::{self, Change, Side};
use machine::{Machine, Snapshot, command_line};
use rules::Rules;
use serde::Serialize;

use super::report;
use crate::boot_input::{self, Boot};
use crate::cli::WhatIfArguments;
use crate::commands::boot::json::Document;
use crate::done::Done;
use crate::failure::Failure;
use crate::input;
use crate::output::style::Style;

/// What `what-if -J` prints.
#[derive(Serialize)]
struct Comparison<'a> {
    before: Document<'a>,
    after: Document<'a>,
    changes: Vec<Record<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    subject: &'static str,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<[String; 2]>,
    before: Option<&'a str>,
    after: Option<&'a str>,
    why: &'a str,
}

pub(crate) fn run(arguments: &WhatIfArguments, out: &mut impl Write) -> Result<Done, Failure> {
    if arguments.is_empty() {
        return Err(Failure::NothingAsked);
    }
    let snapshot = boot_input::snapshot(&arguments.source)?;
    let before = boot_input::predict(&snapshot, &arguments.source, &arguments.edits.stated(), &Rules::LINUX)?;
    let rules = arguments.rules.unwrap_or(&Rules::LINUX);
    let after = boot_input::predict(&snapshot, &arguments.source, &arguments.edits, rules)?;
    // Without the kernel's own account of its memory the rules are asked about the predicted memory.
    let evidence = Evidence::from(&snapshot);
    let machine = evidence.resources.read().is_some().then(|| Machine::of(evidence).ok()).flatten();
    let mut changes = what_if::changes(side(&before), side(&after), machine.as_ref());
    if let (Some(old), Some(new)) = (life(&snapshot, &before, &before), life(&snapshot, &before, &after)) {
        changes.extend(what_if::next_dimm(&old, &new));
    }
    let done = done(&after.prediction);
    if arguments.json {
        let comparison = Comparison {
            before: Document::of(&before, &snapshot.origin),
            after: Document::of(&after, &snapshot.origin),
            changes: changes.iter().map(record).collect(),
        };
        serde_json::to_writer_pretty(&mut *out, &comparison)?;
        writeln!(out)?;
        return Ok(done);
    }
    report::print(&before, &after, &changes, Style::of_stdout(), out)?;
    Ok(done)
}

/// A boot that panics, or one without the crash kernel that is asked for, is a finding.
fn done(after: &Prediction) -> Done {
    let does_not_fit = after.crashkernel.main().is_none() && after.crashkernel.error.is_some();
    if after.panic.is_some() || does_not_fit { Done::Findings } else { Done::Good }
}

/// The machine right after a boot, for what becomes of memory that is added later; `None` if it does not come that far.
fn life(snapshot: &Snapshot, before: &Boot, boot: &Boot) -> Option<Life> {
    if boot.prediction.panic.is_some() || boot.prediction.ends_with_nodes {
        return None;
    }
    let mut base = snapshot.clone();
    let (old, new) = (&before.input.command_line, &boot.input.command_line);
    if old != new {
        base.forget_this_boot(|name| command_line::has(old, name) || command_line::has(new, name));
    }
    input::state_command_line(&mut base, new.clone());
    if let Ok(release) = boot.input.release.to_string().parse() {
        input::state_release(&mut base, &release);
    }
    Life::of(&Machine::of(booted(&base, &boot.input, &boot.prediction)).ok()?).ok()
}

fn side(boot: &Boot) -> Side<'_> {
    Side { input: &boot.input, rules: boot.rules, prediction: &boot.prediction }
}

fn record(change: &Change) -> Record<'_> {
    Record {
        subject: change.subject.as_str(),
        what: &change.what,
        range: change.range.map(|range| [format!("{:#x}", range.start()), format!("{:#x}", range.end())]),
        before: change.before.as_deref(),
        after: change.after.as_deref(),
        why: &change.why,
    }
}
