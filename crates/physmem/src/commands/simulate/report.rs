//! A simulation, for people.

use std::io::Write;

use evidence::snapshot::BlockState;
use machine::life::{Item, Life, What};

use super::step::Step;
use crate::failure::Failure;
use crate::output::lines;
use crate::output::size;
use crate::output::style::{Ink, Style};

/// What a step shows beside its changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) iomem: bool,
    pub(crate) blocks: bool,
}

/// Prints one step.
pub(crate) fn step(
    number: usize,
    step: &Step,
    life: &Life,
    shown: Shown,
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if number == 0 {
        let blocks = life.block_table();
        let online = blocks.iter().filter(|(_, block)| block.online.is()).count();
        let text = format!(
            "start: {} memory blocks of {}, {online} online",
            blocks.len(),
            size::human(blocks.size())
        );
        lines::wrapped(out, "", "  ", &text)?;
    } else {
        let name = step.name.as_ref().map_or_else(String::new, |name| format!("  ({name})"));
        writeln!(
            out,
            "\n{number}. {}{}",
            style.paint(Ink::Heading, &lines::printable(&step.event)),
            lines::printable(&name)
        )?;
    }
    if let Some(refused) = &step.refused {
        let text = format!("{} ({}, {}; {})", refused.reason, refused.errno, refused.rule, refused.source);
        lines::labelled(out, ("  refused:", &style.paint(Ink::No, "  refused:")), "    ", &text)?;
        lines::wrapped(out, "    help: ", "      ", &refused.remedy)?;
    }
    for item in &step.change.items {
        lines::wrapped(out, "  ", "      ", &line(item, life))?;
    }
    if number > 0 && step.refused.is_none() && step.change.items.is_empty() {
        writeln!(out, "  nothing changes")?;
    }
    for (image, stale) in [("kexec", &step.kexec), ("kdump", &step.kdump)] {
        if let Some(stale) = stale {
            let label = format!("  {image} is stale:");
            lines::labelled(out, (&label, &style.paint(Ink::No, &label)), "    ", stale)?;
        }
    }
    if shown.iomem {
        writeln!(out, "  /proc/iomem:")?;
        for line in life.iomem().lines() {
            writeln!(out, "    {}", lines::printable(line))?;
        }
    }
    if shown.blocks {
        blocks(life, out)?;
    }
    Ok(())
}

/// `block     memory32-memory39   offline -> online Normal (reason)`.
fn line(item: &Item, life: &Life) -> String {
    let place = match (item.what, item.range) {
        (What::Zone, _) | (_, None) => String::new(),
        (What::Block, Some(range)) => {
            let size = life.block_table().size().max(1);
            let (first, last) = (range.start() / size, range.last() / size);
            if first == last { format!("memory{first}") } else { format!("memory{first}-memory{last}") }
        }
        (_, Some(range)) => format!("{range}"),
    };
    let state = match (&item.before, &item.after) {
        (None, Some(after)) => format!("new: {after}"),
        (Some(before), None) => format!("gone: {before}"),
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (None, None) => String::new(),
    };
    let place = if place.is_empty() { place } else { format!("{place}  ") };
    format!("{:12}  {place}{state} ({})", item.what.as_str(), item.reason)
}

/// The memory blocks, those that are alike in one line.
fn blocks(life: &Life, out: &mut impl Write) -> Result<(), Failure> {
    let mut runs: Vec<(u64, u64, [String; 3])> = Vec::new();
    for block in life.memory_blocks() {
        let state = if block.state == BlockState::Online { "online" } else { "offline" };
        let node = block.nodes.first().map_or_else(String::new, ToString::to_string);
        let row = [state.to_owned(), node, block.valid_zones.join(" ")];
        match runs.last_mut() {
            Some((_, last, same)) if last.checked_add(1) == Some(block.number) && *same == row => {
                *last = block.number;
            }
            _ => runs.push((block.number, block.number, row)),
        }
    }
    let rows: Vec<Vec<String>> = runs
        .into_iter()
        .map(|(first, last, row)| {
            let name = if first == last { first.to_string() } else { format!("{first}-{last}") };
            std::iter::once(format!("    {name}")).chain(row).collect()
        })
        .collect();
    let heads = [("    BLOCK", false), ("STATE", false), ("NODE", true), ("VALID_ZONES", false)];
    lines::table(out, &heads, &rows)
}
