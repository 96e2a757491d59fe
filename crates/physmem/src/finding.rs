//! Findings, for people.

use std::io::Write;

use audit::{Finding, Severity};

use crate::failure::Failure;
use crate::lines::wrapped;
use crate::style::{Ink, Style};

/// Prints each finding: severity, code and what it means, what is wrong here, what shows it, and what to do; an empty
/// line behind each.
pub(crate) fn print(findings: &[Finding], style: Style, out: &mut impl Write) -> Result<(), Failure> {
    for finding in findings {
        let ink = match finding.severity {
            Severity::Error => Ink::No,
            Severity::Warning => Ink::Heading,
            Severity::Note => Ink::Faint,
        };
        writeln!(out, "{} {}", style.paint(ink, &format!("{}:", finding.severity)), finding.code)?;
        wrapped(out, "  ", "  ", &finding.what)?;
        for evidence in &finding.evidence {
            wrapped(out, "    - ", "      ", evidence)?;
        }
        wrapped(out, "  help: ", "    ", &finding.remedy)?;
        writeln!(out)?;
    }
    Ok(())
}
