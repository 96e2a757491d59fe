//! What changes, for people: answers first, then every change with its reason.

use std::collections::BTreeMap;
use std::io::Write;

use machine::boot::{Crashkernel, Prediction, ZoneKind};
use machine::what_if::{Change, Subject};

use crate::boot_input::Boot;
use crate::commands::boot::report::remarks;
use crate::failure::Failure;
use crate::output::lines::wrapped;
use crate::output::style::{Ink, Style};
use crate::output::{size, unknown};

/// What a prediction that ends with nodes leaves open.
const UNKNOWN: &str = "zones, reserved regions and the crash kernel are unknown: this is a 32-bit kernel";

/// The number of changes of one kind to print.
const MOST: usize = 12;

pub(crate) fn print(
    before: &Boot,
    after: &Boot,
    changes: &[Change],
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    for change in changes.iter().filter(|change| change.subject == Subject::Given) {
        let side = |side: &Option<String>| match side.as_deref() {
            None | Some("") => "(empty)".to_owned(),
            Some(text) => text.to_owned(),
        };
        writeln!(out, "{}", style.paint(Ink::Heading, &change.what))?;
        wrapped(out, "  before  ", "          ", &side(&change.before))?;
        wrapped(out, "  after   ", "          ", &side(&change.after))?;
    }
    if changes.iter().any(|change| change.subject == Subject::Given) {
        writeln!(out)?;
    }
    let of_boot: Vec<&Change> = changes.iter().filter(|change| change.subject != Subject::Given).collect();
    let panic = of_boot.iter().find(|change| change.subject == Subject::Panic);
    if of_boot.is_empty() && after.prediction.ends_with_nodes {
        wrapped(out, "", "  ", &format!("memory and its nodes stay the same; {UNKNOWN}"))?;
    } else if of_boot.is_empty() {
        writeln!(out, "nothing changes: memory, zones, reservations and every verdict are the same")?;
    } else if let Some(panic) = panic {
        let text = match (&panic.before, &panic.after) {
            (_, Some(after)) => format!("the boot {after}"),
            (before, None) => {
                format!("the kernel boots; before, the boot {}", side_of(panic.subject, before.as_deref()))
            }
        };
        wrapped(out, "", "  ", &text)?;
        wrapped(out, "      because ", "      ", &panic.why)?;
    } else {
        answers(before, after, changes, style, out)?;
        details(&of_boot, style, out)?;
    }
    if after.prediction.remarks != before.prediction.remarks {
        writeln!(
            out,
            "\n{}",
            style.paint(Ink::Heading, "parameters that do not do what they seem to, after")
        )?;
        remarks(&after.prediction, style, out)?;
    }
    if !after.prediction.assumed.is_empty() {
        writeln!(out)?;
        unknown::print_as("assumed:", &after.prediction.assumed, style, out)?;
    }
    Ok(())
}

/// Prints a line for each question that people ask when they edit a boot parameter.
fn answers(
    before: &Boot,
    after: &Boot,
    changes: &[Change],
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut line = |name: &str, text: &str| {
        let name = style.paint(Ink::Heading, &format!("{name:16}"));
        wrapped(out, &name, &" ".repeat(16), text)
    };
    let (old, new) = (&before.prediction, &after.prediction);
    if new.ends_with_nodes {
        line("memory", &memory(changes).unwrap_or_else(|| "the same as before".to_owned()))?;
        return line("all else", UNKNOWN);
    }
    line("movable", &movable(old, new, after.input.build.page_size))?;
    line("early use", &early(changes))?;
    if let Some(text) = memory(changes) {
        line("memory", &text)?;
    }
    line("crash kernel", &crashkernel(&old.crashkernel, &new.crashkernel))?;
    line("kexec images", &placement(changes))?;
    Ok(())
}

fn movable(old: &Prediction, new: &Prediction, page: u64) -> String {
    let of = |prediction: &Prediction| -> BTreeMap<u32, (String, u64)> {
        let zones = prediction.zones.iter().filter(|zone| zone.zone == ZoneKind::Movable);
        zones
            .map(|zone| (zone.node, (zone.span.to_string(), zone.present_pages.saturating_mul(page))))
            .collect()
    };
    let (old, new) = (of(old), of(new));
    if old == new {
        return if new.is_empty() { "none, before and after" } else { "the same as before" }.to_owned();
    }
    let nodes: std::collections::BTreeSet<&u32> = old.keys().chain(new.keys()).collect();
    let texts = nodes.into_iter().filter_map(|node| {
        let text = |side: &BTreeMap<u32, (String, u64)>| {
            side.get(node).map(|(span, bytes)| format!("{} in {span}", size::human(*bytes)))
        };
        match (text(&old), text(&new)) {
            (old, new) if old == new => None,
            (None, Some(new)) => Some(format!("node {node}: {new}, none before")),
            (Some(old), None) => Some(format!("node {node}: no longer {old}")),
            (old, new) => {
                Some(format!("node {node}: {}, before {}", new.unwrap_or_default(), old.unwrap_or_default()))
            }
        }
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// The bytes for which a verdict changed to `after`.
fn bytes(changes: &[Change], what: &str, after: &str) -> u64 {
    let turned =
        changes.iter().filter(|change| change.what == what && change.after.as_deref() == Some(after));
    turned.filter_map(|change| change.range).fold(0, |sum, range| sum.saturating_add(range.size()))
}

/// Bytes of memory lost and gained.
fn one_sided(changes: &[Change]) -> (u64, u64) {
    let of = |is_wanted: fn(&Change) -> bool| {
        let all = changes.iter().filter(|change| change.subject == Subject::Memory && is_wanted(change));
        all.filter_map(|change| change.range).fold(0_u64, |sum, range| sum.saturating_add(range.size()))
    };
    (of(|change| change.after.is_none()), of(|change| change.before.is_none()))
}

fn memory(changes: &[Change]) -> Option<String> {
    match one_sided(changes) {
        (0, 0) => None,
        (lost, 0) => Some(format!("{} is no longer memory", size::human(lost))),
        (0, won) => Some(format!("{} is now memory", size::human(won))),
        (lost, won) => {
            Some(format!("{} is no longer memory, {} now is", size::human(lost), size::human(won)))
        }
    }
}

fn early(changes: &[Change]) -> String {
    let moved = changes.iter().any(|change| change.subject == Subject::Reserved);
    let moved = if moved { "; some move" } else { "" };
    format!("{}{moved}", early_verdicts(changes))
}

fn early_verdicts(changes: &[Change]) -> String {
    let (lost, won) = (bytes(changes, "early_allocation", "no"), bytes(changes, "early_allocation", "yes"));
    match (lost, won) {
        (0, 0) => "early allocations may use the same memory as before".to_owned(),
        (lost, 0) => format!("early allocations avoid {} more", size::human(lost)),
        (0, won) => format!("early allocations may use {} more", size::human(won)),
        (lost, won) => format!(
            "early allocations avoid {} more, and may use {} that they avoided",
            size::human(lost),
            size::human(won)
        ),
    }
}

fn crashkernel(old: &Crashkernel, new: &Crashkernel) -> String {
    let place = |of: &Crashkernel| {
        let areas = [of.low, of.high].into_iter().flatten();
        let areas: Vec<String> = areas
            .map(|area| format!("{} ({}, {})", area.range, size::human(area.range.size()), area.resource()))
            .collect();
        let cma = of.cma.iter().map(|area| format!("{area} ({}, ,cma)", size::human(area.size())));
        areas.into_iter().chain(cma).collect::<Vec<_>>().join(" and ")
    };
    match (old.main(), new.main()) {
        _ if old == new && new.main().is_some() => format!("fits as before, at {}", place(new)),
        (Some(_), Some(_)) => format!("fits, at {}; before at {}", place(new), place(old)),
        (None, Some(_)) => format!("fits, at {}; there was none before", place(new)),
        (before, None) => {
            let before = if before.is_some() { format!("; before at {}", place(old)) } else { String::new() };
            match &new.error {
                Some(error) => format!("does not fit: {error}{before}"),
                None if before.is_empty() => "none requested".to_owned(),
                None => format!("no longer requested{before}"),
            }
        }
    }
}

fn placement(changes: &[Change]) -> String {
    let texts: Vec<String> = ["kexec_load", "kexec_file_load"]
        .into_iter()
        .flat_map(|loader| {
            let what = format!("kexec_image by {loader}");
            [("no", "loses"), ("yes", "gains")]
                .map(|(after, verb)| (loader, verb, bytes(changes, &what, after)))
        })
        .filter(|(.., bytes)| *bytes > 0)
        .map(|(loader, verb, bytes)| format!("{loader} {verb} {} for images", size::human(bytes)))
        .collect();
    if texts.is_empty() {
        match one_sided(changes) {
            (0, _) => "both loaders may use the same memory as before",
            _ => "both loaders may use what is left of the memory as before",
        }
        .to_owned()
    } else {
        texts.join("; ")
    }
}

/// Prints every change, by subject; loaders that agree share a heading.
fn details(changes: &[&Change], style: Style, out: &mut impl Write) -> Result<(), Failure> {
    for of_subject in changes.chunk_by(|a, b| a.subject == b.subject) {
        let of_loader: Vec<&[&Change]> = of_subject.chunk_by(|a, b| loader(a) == loader(b)).collect();
        let facts = |changes: &[&Change]| -> Vec<_> {
            changes.iter().map(|c| (c.range, c.before.clone(), c.after.clone(), c.why.clone())).collect()
        };
        match of_loader.as_slice() {
            [one, other] if facts(one) == facts(other) => section(one, Some("both loaders"), style, out)?,
            several => {
                for one in several {
                    section(one, one.first().and_then(|change| loader(change)), style, out)?;
                }
            }
        }
    }
    Ok(())
}

/// The loader that a change is about.
fn loader(change: &Change) -> Option<&str> {
    change.what.split_once(" by ").map(|(_, loader)| loader)
}

fn section(
    changes: &[&Change],
    loader: Option<&str>,
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let Some(first) = changes.first() else { return Ok(()) };
    let name = heading(first.subject);
    let name = loader.map_or_else(|| name.to_owned(), |loader| format!("{name}, {loader}"));
    writeln!(out, "\n{}", style.paint(Ink::Heading, &name))?;
    let mut why = "";
    for change in changes.iter().take(MOST) {
        // A reason for several entries in a row is printed after the last one.
        if !why.is_empty() && change.why != why {
            wrapped(out, "      because ", "      ", why)?;
        }
        why = &change.why;
        let what = match change.range.filter(|_| change.subject != Subject::Zones) {
            Some(range) => format!("{range} ({})", size::human(range.size())),
            None => change.what.clone(),
        };
        let [before, after] =
            [&change.before, &change.after].map(|side| side_of(change.subject, side.as_deref()));
        wrapped(out, "  ", "    ", &format!("{what}: {before} -> {after}"))?;
    }
    wrapped(out, "      because ", "      ", why)?;
    let more = changes.len().saturating_sub(MOST);
    if more > 0 {
        writeln!(out, "  and {more} more (-J lists them)")?;
    }
    Ok(())
}

/// One side of a change, in words.
fn side_of(subject: Subject, side: Option<&str>) -> String {
    match (subject, side) {
        (Subject::Reserved, None) => "free".to_owned(),
        // No flags is not worth a word, and the kernel's own allocations have no node.
        (Subject::Reserved, Some(text)) => format!("reserved, {}", text.trim_end_matches(", NONE")),
        (Subject::Memory, None) => "no memory".to_owned(),
        (Subject::Panic, None) => "it boots".to_owned(),
        (_, None) => "none".to_owned(),
        (_, Some(text)) => text.to_owned(),
    }
}

fn heading(subject: Subject) -> &'static str {
    match subject {
        Subject::Given => "given",
        Subject::Panic => "does the kernel boot",
        Subject::MovableStart => "where movable memory begins",
        Subject::Zones => "zone spans",
        Subject::EarlyAllocation => "may early allocations use it",
        Subject::ZoneMovable => "is it movable by its class",
        Subject::Crashkernel => "crash kernel",
        Subject::Scratch => "scratch areas of kexec handover",
        Subject::KexecImage => "may a kexec image go there",
        Subject::NextKernel => "is the next kernel told about it",
        Subject::Vmcore => "does the crash dump contain it",
        Subject::Memory => "memory regions",
        Subject::Reserved => "reserved regions",
        Subject::ZoneLimits => "limits of the zones",
        Subject::FallbackOrder => "node fallback order",
        Subject::AddedLater => "memory added while the machine runs",
    }
}
