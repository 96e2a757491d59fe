//! A planned load, for people.

use std::io::Write;

use kexec::{Caller, Entry, Plan, Purpose, Segment, ToldBy};
use rules::Loader;

use super::picture;
use super::planned::Load;
use super::records::type_of;
use crate::failure::Failure;
use crate::output::lines::{table, wrapped};
use crate::output::style::{Ink, Style};
use crate::output::{finding, size, unknown};

pub(crate) fn print(load: &Load, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let Load { origin, plan, machine, .. } = load;
    let purpose = match plan.purpose {
        Purpose::Reboot => "a kernel to reboot into",
        Purpose::Crash => "a crash kernel",
    };
    let by = match (plan.loader, load.by) {
        (Loader::KexecLoad, Caller::Physmem) => " by physmem",
        _ => "",
    };
    wrapped(out, "", "  ", &format!("{}{by} of {purpose}, planned for {origin}", plan.loader.as_str()))?;
    wrapped(out, "  kernel  ", "    ", &load.kernel.display().to_string())?;
    match &load.initrd {
        Some(path) => wrapped(out, "  initrd  ", "    ", &path.display().to_string())?,
        None => writeln!(out, "  initrd  none")?,
    }

    heading(out, style, "segments, from the top of memory down")?;
    segments(&plan.segments, out)?;
    heading(out, style, "command line")?;
    wrapped(out, "  ", "  ", if plan.command_line.is_empty() { "(empty)" } else { &plan.command_line })?;
    match plan.chosen.as_ref().map(|chosen| chosen.memory) {
        None => heading(out, style, "the next kernel's memory map")?,
        Some(ToldBy::MemoryNodes) => heading(out, style, "memory in the device tree")?,
        Some(ToldBy::EfiMap) => heading(out, style, "the EFI memory map that the device tree points to")?,
        Some(ToldBy::UsableMemoryRange) => heading(out, style, "linux,usable-memory-range")?,
        Some(ToldBy::NotShown) => {
            heading(out, style, "memory the next kernel is told about, by the rules")?;
        }
    }
    if !plan.next_kernel.is_empty() {
        entries(&plan.next_kernel, out)?;
    }
    if !plan.next_kernel_lacks.is_empty() {
        heading(out, style, "entries that do not fit in that map")?;
        entries(&plan.next_kernel_lacks, out)?;
    }
    if plan.purpose == Purpose::Crash {
        heading(out, style, "what the dump contains")?;
        let row = |range: &memblock::PhysRange| vec![range.to_string(), size::human(range.size())];
        let rows: Vec<_> = plan.vmcore.iter().map(row).collect();
        table(out, &[("RANGE", false), ("SIZE", true)], &rows)?;
    }
    heading(out, style, "the address space")?;
    picture::draw(machine, plan, style, out)?;
    heading(out, style, "margins")?;
    margins(plan, out)?;
    heading(out, style, "findings")?;
    if load.findings.is_empty() {
        writeln!(out, "  none")?;
    } else {
        finding::print(&load.findings, style, out)?;
    }
    let mut is_parted = !load.findings.is_empty();
    for (label, open) in [("assumed:", &load.assumed), ("unknown:", &machine.unknown)] {
        if !open.is_empty() {
            if !is_parted {
                writeln!(out)?;
            }
            is_parted = false;
            unknown::print_as(label, open, style, out)?;
        }
    }
    Ok(())
}

fn heading(out: &mut impl Write, style: Style, text: &str) -> Result<(), Failure> {
    writeln!(out, "\n{}", style.paint(Ink::Heading, text))?;
    Ok(())
}

fn segments(segments: &[Segment], out: &mut impl Write) -> Result<(), Failure> {
    let mut segments: Vec<&Segment> = segments.iter().collect();
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.range.start()));
    for segment in segments {
        let bytes = size::human(segment.range.size());
        writeln!(out, "  {:11} {} ({bytes})", segment.kind.as_str(), segment.range)?;
        wrapped(out, "    ", "    ", &segment.reason)?;
    }
    Ok(())
}

fn margins(plan: &Plan, out: &mut impl Write) -> Result<(), Failure> {
    let largest = plan.margins.largest_initrd;
    let text = format!("the largest initial ramdisk that fits: {largest} bytes ({})", size::human(largest));
    wrapped(out, "  ", "    ", &text)?;
    match &plan.margins.binds {
        Some(error) => wrapped(out, "  one page more: ", "    ", &error.to_string()),
        None => wrapped(out, "  ", "    ", "nothing limits it"),
    }
}

fn entries(entries: &[Entry], out: &mut impl Write) -> Result<(), Failure> {
    let row = |entry: &Entry| vec![entry.range.to_string(), size::human(entry.range.size()), type_of(entry)];
    let rows: Vec<_> = entries.iter().map(row).collect();
    table(out, &[("RANGE", false), ("SIZE", true), ("TYPE", false)], &rows)
}
