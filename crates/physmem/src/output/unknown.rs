//! Unknowns, for people.

use std::io::{self, Write};

use machine::Unknown;

use crate::failure::Failure;
use crate::output::lines::{labelled, wrapped};
use crate::output::style::{Ink, Style};

/// Notes on standard error that something is unknown, for commands whose standard output a script reads.
pub(crate) fn hint(unknown: &[Unknown]) {
    if !unknown.is_empty() {
        // If even this cannot be printed, there is nothing left to do.
        let _ = writeln!(
            io::stderr(),
            "physmem: {} unknown; `physmem show` without -o, -n and -r shows what",
            unknown.len()
        );
    }
}

/// Prints each unknown: what it is, why, its effect on the answers, and what would help.
pub(crate) fn print(unknown: &[Unknown], style: Style, out: &mut impl Write) -> Result<(), Failure> {
    print_as("unknown:", unknown, style, out)
}

/// Like [`print()`], with another label. What belongs together is one entry.
pub(crate) fn print_as(
    label: &str,
    unknown: &[Unknown],
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    for one in &evidence::grouped(unknown) {
        labelled(out, (label, &style.paint(Ink::No, label)), "  ", &one.what)?;
        let mut lines = vec![format!("because {}", one.why), format!("so {}", one.effect)];
        lines.extend(one.remedy.as_ref().map(|remedy| format!("help: {remedy}")));
        for line in lines {
            wrapped(out, "  ", "    ", &line)?;
        }
    }
    Ok(())
}
