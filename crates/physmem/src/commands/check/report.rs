//! A check, for people.

use std::io::Write;

use audit::Outcome;

use super::checked::Checked;
use crate::failure::Failure;
use crate::output::lines::wrapped;
use crate::output::style::Style;
use crate::output::{finding, unknown};

pub(crate) fn print(checked: &Checked, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let Checked { origin, findings, unknown: open, .. } = checked;
    match findings.as_slice() {
        [] => wrapped(out, "", "  ", &format!("no findings on {origin}, as far as it shows"))?,
        found => finding::print(found, style, out)?,
    }
    if !open.is_empty() {
        if findings.is_empty() {
            writeln!(out)?;
        }
        unknown::print(open, style, out)?;
    }
    codes(checked, out)
}

/// How each code ended that is not found, and what shows it; and how many ended in each way.
fn codes(checked: &Checked, out: &mut impl Write) -> Result<(), Failure> {
    if checked.findings.is_empty() || !checked.unknown.is_empty() {
        writeln!(out)?;
    }
    // Codes that end alike for the same reason share a line.
    let mut ends: Vec<(&Outcome, Vec<&str>)> = Vec::new();
    for one in &checked.codes {
        match ends.iter_mut().find(|(outcome, _)| *outcome == &one.outcome) {
            Some((_, codes)) => codes.push(one.code.as_str()),
            None => ends.push((&one.outcome, vec![one.code.as_str()])),
        }
    }
    for (outcome, codes) in ends {
        let codes = codes.join(", ");
        match outcome {
            Outcome::Found(_) => {}
            Outcome::NotFound(why) => wrapped(out, "", "  ", &format!("not found: {codes}: {why}"))?,
            Outcome::CannotTell(gap) => {
                wrapped(out, "", "  ", &format!("cannot be told: {codes}: {}", gap.why))?;
                wrapped(out, "  ", "    ", &format!("would tell: {}", gap.remedy))?;
            }
        }
    }
    let sum = checked.summary();
    let missing = match sum.missing {
        0 => String::new(),
        missing => format!(" ({missing} for lack of files or privileges that this kernel offers)"),
    };
    let line = format!(
        "{} found, {} not found, {} cannot be told{missing}",
        sum.found, sum.not_found, sum.cannot_be_told
    );
    wrapped(out, "", "  ", &line)
}
