//! `physmem capture`.

use std::io::Write;
use std::path::Path;

use host::capture::Existing;

use crate::cli::CaptureArguments;
use crate::failure::Failure;
use crate::output::size;

pub(crate) fn run(arguments: &CaptureArguments, out: &mut impl Write) -> Result<(), Failure> {
    let root = arguments.sysroot.as_deref().unwrap_or(Path::new("/"));
    let existing = if arguments.force { Existing::Replace } else { Existing::Keep };
    let report = host::capture::write(root, &arguments.output, existing)?;
    writeln!(out, "{}: {} files, {}", arguments.output.display(), report.files, size::human(report.bytes))?;
    if !report.unreadable.is_empty() {
        writeln!(out, "not captured:")?;
        for file in &report.unreadable {
            writeln!(out, "  {}: {}", file.path, file.why)?;
        }
    }
    if report.unreadable.iter().any(|file| file.for_lack_of_privilege) {
        writeln!(out, "run as root to capture these too; without them, some answers stay unknown")?;
    }
    Ok(())
}
