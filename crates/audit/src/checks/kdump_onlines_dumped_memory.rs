//! A crash kernel that finds the crashed kernel's DIMMs by ACPI, brings them online and overwrites what it is to dump.

use machine::{MemoryRange, State, command_line};
use rules::Class;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::outcome::{Answer, hidden, not_found};
use crate::subject::{Subject, sized};

/// Keeps a kernel from adding memory by ACPI, "useful for kdump kernels" (Documentation/admin-guide/kernel-parameters.txt).
const PARAMETER: &str = "acpi_no_memhotplug";

/// A crash kernel, loaded or planned, whose command line lets it add memory.
pub(crate) fn onlined_by(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    let line = image.command_line.ok_or_else(|| {
        hidden(
            "the kernel log does not show the loaded command line",
            "load it with KEXEC_FILE_DEBUG (kexec -s -d -p)",
        )
    })?;
    if command_line::has(line, PARAMETER) {
        return Err(not_found(format!("its command line has {PARAMETER} ({})", image.known_from)));
    }
    subject.tree()?;
    let evidence: Vec<String> = hot_added(subject).map(describe).collect();
    if evidence.is_empty() {
        return Err(not_found("no memory was hot-added by ACPI (/proc/iomem)"));
    }
    Ok(Finding {
        code: Code::KdumpOnlinesDumpedMemory,
        severity: Severity::Error,
        what: format!(
            "{} adds this machine's hot-added memory as its own: it overwrites what it is to dump, and reading the \
             rest of it fails",
            image.words()
        ),
        evidence: evidence
            .into_iter()
            .chain([format!("its command line has no {PARAMETER}: {line}"), image.known_from.clone()])
            .collect(),
        remedy: format!("load the crash kernel with {PARAMETER} on its command line"),
    })
}

/// The running kernel is such a crash kernel.
pub(crate) fn onlined_by_this_crash_kernel(subject: &Subject<'_>) -> Answer {
    if !subject.is_crash_kernel() {
        return Err(not_found("this is no crash kernel"));
    }
    let used = hot_added(subject).filter(|memory| memory.state != Some(State::Offline));
    let mut evidence: Vec<String> = used.map(describe).collect();
    subject.tree()?;
    if evidence.is_empty() {
        return Err(not_found("this crash kernel uses no hot-added memory (/proc/iomem)"));
    }
    let line = &subject.machine.kernel.command_line;
    if !line.is_empty() {
        evidence.push(format!("the command line of this crash kernel: {line}"));
    }
    Ok(Finding {
        code: Code::KdumpOnlinesDumpedMemory,
        severity: Severity::Error,
        what: "this crash kernel is using memory of the crashed kernel: its contents are being overwritten"
            .to_owned(),
        evidence,
        remedy: format!(
            "trust nothing in the dump from that memory; from now on load the crash kernel with {PARAMETER} on its \
             command line"
        ),
    })
}

/// Memory that the firmware announced after boot.
fn hot_added<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a MemoryRange> {
    subject.machine.ranges.iter().filter(|memory| memory.class == Some(Class::HotAdded))
}

fn describe(memory: &MemoryRange) -> String {
    let state = memory.state.map_or("of unknown state", State::as_str);
    format!("{}: {}, {state}", sized(memory.range), memory.provider)
}

#[cfg(test)]
mod tests;
