//! Runs `physmem boot`.

use std::io::Write;

use machine::boot::verify::compare::Comparison;
use rules::Rules;

use super::json::{Document, Verified};
use super::{report, trace, verify};
use crate::boot_input::{self, Boot};
use crate::cli::BootArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::output::style::Style;

pub(crate) fn run(arguments: &BootArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let snapshot = boot_input::snapshot(&arguments.source)?;
    let boot = boot_input::predict(&snapshot, &arguments.source, &arguments.edits, &Rules::LINUX)?;
    let comparison = if arguments.verify {
        let comparison = Comparison::of(&(&snapshot).into(), &boot.input, &boot.prediction);
        if comparison.compared() == 0 {
            return Err(Failure::NothingToVerify { origin: snapshot.origin });
        }
        Some(comparison)
    } else {
        None
    };
    let done = match &comparison {
        Some(comparison) if !comparison.is_equal() => Done::Findings,
        // With --verify, a panic that was predicted and seen is no difference.
        None if boot.prediction.panic.is_some() => Done::Findings,
        _ => Done::Good,
    };
    if arguments.json {
        let verify =
            comparison.as_ref().map(|comparison| Verified::new(comparison, boot.input.seeded.clone()));
        let mut document = Document::of(&boot, &snapshot.origin).with_trace(&boot.prediction);
        document.verify = verify;
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
        return Ok(done);
    }
    print(arguments, &boot, comparison.as_ref(), out)?;
    Ok(done)
}

fn print(
    arguments: &BootArguments,
    boot: &Boot,
    comparison: Option<&Comparison>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let style = Style::of_stdout();
    if let Some(comparison) = comparison {
        return verify::print(boot, comparison, style, out);
    }
    if arguments.trace {
        return trace::print(&boot.prediction, style, out);
    }
    report::print(boot, style, out)
}
