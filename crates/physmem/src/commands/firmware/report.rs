//! Decoded files, for people.

use std::io::Write;

use super::decoded::{Cell, Decoded, Section};
use super::run::File;
use crate::failure::Failure;
use crate::output::lines::{printable, table, wrapped};
use crate::output::size;
use crate::output::style::{Ink, Style};

pub(super) fn print(files: &[File], style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let mut is_first = true;
    for file in files {
        // An error names its file.
        let Ok(tables) = &file.tables else { continue };
        // Of the many tables of a dump, those without memory share a line.
        let is_apart = |decoded: &&Decoded| decoded.is_other && decoded.faults.is_empty() && tables.len() > 1;
        for decoded in tables.iter().filter(|decoded| !is_apart(decoded)) {
            separate(&mut is_first, out)?;
            let title = format!("{}: {}", printable(&file.name), printable(&decoded.kind));
            writeln!(out, "{}", style.paint(Ink::Heading, &title))?;
            one(decoded, style, out)?;
        }
        let apart: Vec<&str> = tables.iter().filter(is_apart).map(|decoded| &*decoded.kind).collect();
        if !apart.is_empty() {
            separate(&mut is_first, out)?;
            let list = format!("{}: nothing about memory is read from {}", file.name, apart.join(", "));
            wrapped(out, "", "  ", &list)?;
        }
    }
    Ok(())
}

/// An empty line before everything but the first.
fn separate(is_first: &mut bool, out: &mut impl Write) -> Result<(), Failure> {
    if !std::mem::take(is_first) {
        writeln!(out)?;
    }
    Ok(())
}

fn one(decoded: &Decoded, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let facts: Vec<String> =
        decoded.facts.iter().map(|(name, cell)| format!("{name} {}", cells(cell).join(" "))).collect();
    if !facts.is_empty() {
        wrapped(out, "  ", "  ", &facts.join(", "))?;
    }
    for section in &decoded.sections {
        writeln!(out, "{}", section.name)?;
        rows(section, out)?;
    }
    for note in &decoded.notes {
        wrapped(out, "note: ", "  ", note)?;
    }
    for fault in &decoded.faults {
        write!(out, "{}", style.paint(Ink::No, "fault:"))?;
        wrapped(out, " ", "  ", fault)?;
    }
    Ok(())
}

fn rows(section: &Section, out: &mut impl Write) -> Result<(), Failure> {
    let Some(first) = section.rows.first() else { return Ok(()) };
    let mut heads: Vec<(String, bool)> = Vec::new();
    for (name, cell) in first {
        let name = name.replace('_', "-").to_uppercase();
        match cell {
            Cell::Range(_) => heads.extend([(name, false), ("SIZE".to_owned(), true)]),
            Cell::Size(_) | Cell::Number(_) | Cell::Hex(_) => heads.push((name, true)),
            Cell::Numbers(_) | Cell::Flag(_) | Cell::Text(_) => heads.push((name, false)),
        }
    }
    let heads: Vec<(&str, bool)> = heads.iter().map(|(name, right)| (&**name, *right)).collect();
    let lines: Vec<Vec<String>> =
        section.rows.iter().map(|row| row.iter().flat_map(|(_, cell)| cells(cell)).collect()).collect();
    table(out, &heads, &lines)
}

/// The columns of a value.
fn cells(cell: &Cell) -> Vec<String> {
    let none = || "-".to_owned();
    match cell {
        Cell::Range(range) => vec![
            range.map_or_else(none, |range| range.to_string()),
            range.map_or_else(none, |range| size::human(range.size())),
        ],
        Cell::Size(bytes) => vec![bytes.map_or_else(none, size::human)],
        Cell::Hex(value) => vec![format!("{value:#x}")],
        Cell::Number(number) => vec![number.to_string()],
        Cell::Numbers(numbers) => {
            vec![numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")]
        }
        Cell::Flag(flag) => vec![if *flag { "yes" } else { "no" }.to_owned()],
        Cell::Text(text) => vec![text.as_deref().map_or_else(none, |text| printable(text).into_owned())],
    }
}
