//! A predicted boot, for people.

use std::io::Write;

use machine::boot::{Prediction, ScratchAreas, ScratchKind};
use memblock::Region;

use super::picture;
use crate::boot_input::Boot;
use crate::failure::Failure;
use crate::output::json::flag_names;
use crate::output::lines::{table, wrapped};
use crate::output::style::{Ink, Style};
use crate::output::{size, unknown};

pub(crate) fn print(boot: &Boot, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let Boot { input, prediction, .. } = boot;
    let architecture = input.platform.architecture();
    let line = if input.command_line.is_empty() { "(empty)" } else { &input.command_line };
    writeln!(out, "Linux {} on {architecture}, booted with", input.release)?;
    wrapped(out, "  ", "  ", line)?;

    let when = match (&prediction.panic, prediction.ends_with_nodes) {
        (Some(_), _) => "the kernel panics",
        (None, true) => "nodes are known",
        (None, false) => "the zones are sized",
    };
    heading(out, style, &format!("memory in memblock when {when}"))?;
    memory(&prediction.memory, out)?;
    if prediction.ends_with_nodes {
        let bytes =
            prediction.memory.iter().fold(0_u64, |sum, region| sum.saturating_add(region.range.size()));
        writeln!(out, "total: {}", size::human(bytes))?;
    } else {
        reserved(prediction, out)?;
    }

    if !prediction.zones.is_empty() {
        heading(out, style, "zones")?;
        zones(prediction, input.build.page_size, out)?;
    }
    if !prediction.zones.is_empty() {
        writeln!(out)?;
        picture::draw(prediction, style, out)?;
    }
    if let Some(panic) = &prediction.panic {
        heading(out, style, "panic")?;
        wrapped(out, "  ", "  ", panic)?;
    } else if prediction.ends_with_nodes {
        heading(out, style, "zones and crash kernel")?;
        writeln!(out, "  unknown: this is a 32-bit kernel")?;
    } else {
        heading(out, style, "crash kernel")?;
        crashkernel(prediction, out)?;
    }
    if let Some(areas) = &prediction.scratch {
        heading(out, style, "scratch areas of kexec handover")?;
        scratch(areas, out)?;
    }
    if !prediction.remarks.is_empty() {
        heading(out, style, "parameters that do not do what they seem to")?;
        remarks(prediction, style, out)?;
    }
    if !prediction.assumed.is_empty() {
        writeln!(out)?;
        unknown::print_as("assumed:", &prediction.assumed, style, out)?;
    }
    Ok(())
}

/// What is reserved of the memory; firmware and the kernel also reserve addresses where none is.
fn reserved(prediction: &Prediction, out: &mut impl Write) -> Result<(), Failure> {
    let (mut inside, mut outside, mut regions) = (0_u64, 0_u64, 0_usize);
    for region in &prediction.reserved {
        let range = region.range;
        let first = prediction.memory.partition_point(|memory| memory.range.end() <= range.start());
        let overlapping =
            prediction.memory.iter().skip(first).map_while(|memory| memory.range.intersect(range));
        let bytes = overlapping.fold(0_u64, |sum, part| sum.saturating_add(part.size()));
        regions = regions.saturating_add(usize::from(bytes > 0));
        inside = inside.saturating_add(bytes);
        outside = outside.saturating_add(range.size().saturating_sub(bytes));
    }
    let elsewhere = match outside {
        0 => String::new(),
        bytes => format!(", and {} where no memory is", size::human(bytes)),
    };
    let inside = size::human(inside);
    writeln!(out, "reserved: {inside} in {regions} regions{elsewhere} (-J lists them, --trace shows why)")?;
    Ok(())
}

fn heading(out: &mut impl Write, style: Style, text: &str) -> Result<(), Failure> {
    writeln!(out, "\n{}", style.paint(Ink::Heading, text))?;
    Ok(())
}

fn memory(regions: &[Region], out: &mut impl Write) -> Result<(), Failure> {
    let row = |region: &Region| {
        let flags = flag_names(region.flags);
        vec![
            region.range.to_string(),
            size::human(region.range.size()),
            region.node.map_or_else(|| "-".to_owned(), |node| node.to_string()),
            if flags.is_empty() { "NONE".to_owned() } else { flags.join("|") },
        ]
    };
    let rows: Vec<_> = regions.iter().map(row).collect();
    table(out, &[("RANGE", false), ("SIZE", true), ("NODE", true), ("FLAGS", false)], &rows)
}

fn zones(prediction: &Prediction, page: u64, out: &mut impl Write) -> Result<(), Failure> {
    let rows: Vec<_> = prediction
        .zones
        .iter()
        .map(|zone| {
            vec![
                zone.node.to_string(),
                zone.zone.to_string(),
                zone.span.to_string(),
                size::human(zone.present_pages.saturating_mul(page)),
            ]
        })
        .collect();
    table(out, &[("NODE", true), ("ZONE", false), ("SPAN", false), ("MEMORY", true)], &rows)?;
    for (node, start) in &prediction.movable_start {
        writeln!(out, "movable on node {node} from {start:#x} up")?;
    }
    if prediction.movable_start.is_empty() {
        writeln!(out, "no node has movable memory")?;
    }
    Ok(())
}

fn crashkernel(prediction: &Prediction, out: &mut impl Write) -> Result<(), Failure> {
    let crashkernel = &prediction.crashkernel;
    for area in [crashkernel.low, crashkernel.high].into_iter().flatten() {
        let what = if area.is_main { "for the crash kernel" } else { "low memory for its devices" };
        writeln!(out, "  {} ({}) {what} ({})", area.range, size::human(area.range.size()), area.resource())?;
    }
    for area in &crashkernel.cma {
        let size = size::human(area.size());
        let text = format!("{area} ({size}) contiguous area of crashkernel=,cma: not in the dump");
        wrapped(out, "  ", "    ", &text)?;
    }
    match &crashkernel.error {
        Some(error) => wrapped(out, "  not reserved: ", "    ", error),
        None if crashkernel.main().is_none() => {
            writeln!(out, "  none requested")?;
            Ok(())
        }
        None => Ok(()),
    }
}

/// Where the next kernel boots, and where kexec_file_load puts it.
fn scratch(scratch: &ScratchAreas, out: &mut impl Write) -> Result<(), Failure> {
    for area in &scratch.areas {
        let (range, size) = (area.range, size::human(area.range.size()));
        let what = match area.kind {
            ScratchKind::Low => "in low memory".to_owned(),
            ScratchKind::Global => "anywhere".to_owned(),
            ScratchKind::Node(node) => format!("of node {node}"),
        };
        writeln!(out, "  {range} ({size}) {what}")?;
    }
    match &scratch.error {
        Some(error) => wrapped(out, "  ", "    ", error),
        None => wrapped(out, "  ", "  ", "kexec_file_load places an image for a reboot only in these"),
    }
}

/// Prints what the kernel does with parameters that it refuses, misreads or does not know.
pub(crate) fn remarks(prediction: &Prediction, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    for remark in &prediction.remarks {
        let fatal = if remark.is_fatal { ", and does not come up" } else { "" };
        writeln!(out, "  {}", style.paint(Ink::Heading, &remark.parameter))?;
        wrapped(out, "    ", "    ", &format!("{}{fatal} ({})", remark.what, remark.source))?;
    }
    Ok(())
}
