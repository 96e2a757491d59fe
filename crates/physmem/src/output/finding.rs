//! Findings, for people and in JSON.

use std::io::Write;

use audit::{Finding, Severity};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::lines::wrapped;
use crate::output::style::{Ink, Style};

/// Prints each finding: severity and code, what is wrong, the evidence, and what to do, followed by an empty line.
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

/// A finding in JSON, the same for every command.
#[derive(Debug, Serialize)]
pub(crate) struct FindingRecord<'a> {
    code: &'static str,
    severity: &'static str,
    what: &'a str,
    evidence: &'a [String],
    remedy: &'a str,
}

impl<'a> FindingRecord<'a> {
    pub(crate) fn of(finding: &'a Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            what: &finding.what,
            evidence: &finding.evidence,
            remedy: &finding.remedy,
        }
    }
}
