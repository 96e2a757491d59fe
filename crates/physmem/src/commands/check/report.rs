//! A check, for people.

use std::io::Write;

use super::checked::Checked;
use crate::failure::Failure;
use crate::output::lines::wrapped;
use crate::output::style::Style;
use crate::output::{finding, unknown};

pub(crate) fn print(checked: &Checked, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let Checked { origin, findings, unknown: open } = checked;
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
    Ok(())
}
