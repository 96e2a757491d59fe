//! `--trace`: every step of a boot, with reasons.

use std::io::Write;

use machine::boot::Prediction;

use crate::failure::Failure;
use crate::output::lines::wrapped;
use crate::output::style::{Ink, Style};

/// Prints a heading for each step, then what it did, and the reason whenever it changes.
pub(crate) fn print(prediction: &Prediction, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let mut step = None;
    let mut why = "";
    for line in &prediction.trace {
        if step != Some(line.step) {
            if step.is_some() {
                writeln!(out)?;
            }
            step = Some(line.step);
            why = "";
            let source = style.paint(Ink::Faint, line.step.source);
            writeln!(out, "{}  {source}", style.paint(Ink::Heading, line.step.name))?;
        }
        wrapped(out, "  ", "    ", &line.what)?;
        // A reason that applies to several lines is printed once.
        if line.why != why {
            wrapped(out, "      ", "      ", &line.why)?;
            why = &line.why;
        }
    }
    if let Some(panic) = &prediction.panic {
        writeln!(out)?;
        wrapped(out, &format!("{} ", style.paint(Ink::No, "panic:")), "  ", panic)?;
    }
    Ok(())
}
