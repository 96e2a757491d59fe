//! `physmem show`.

use std::io::Write;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use machine::{Machine, MemoryRange};
use serde::Serialize;

use crate::cli::ShowArguments;
use crate::failure::Failure;
use crate::input;
use crate::output::columns::{self, Column};
use crate::output::json::Document;
use crate::output::state::{State, Tables};
use crate::output::style::{Ink, Style};
use crate::output::{picture, unknown};

/// The width of the default view.
const WIDTH: usize = 100;

/// What `show -J` prints.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    document: Document<'a>,
    #[serde(flatten)]
    state: State<'a>,
}

pub(crate) fn run(arguments: &ShowArguments, out: &mut impl Write) -> Result<(), Failure> {
    let columns = columns::chosen(arguments.output.as_deref(), arguments.output_all)?;
    let machine = input::machine(&arguments.input)?;
    let per_block;
    let ranges: &[MemoryRange] = if arguments.all {
        per_block = by_block(&machine);
        &per_block
    } else {
        &machine.ranges
    };
    if arguments.json {
        let shown =
            Shown { document: Document::new(&machine, ranges.iter()), state: Tables::of(&machine).json() };
        serde_json::to_writer_pretty(&mut *out, &shown)?;
        writeln!(out)?;
        return Ok(());
    }
    if arguments.raw {
        return raw(arguments, &columns, ranges, &machine, out);
    }
    let style = Style::of_stdout();
    let is_default = arguments.output.is_none() && !arguments.output_all;
    let rows: Vec<Vec<String>> = ranges
        .iter()
        .map(|memory| columns.iter().map(|column| column.cell(memory, &machine, arguments.bytes)).collect())
        .collect();
    let limit = is_default.then_some(WIDTH);
    write!(out, "{}", table(&columns, rows, !arguments.noheadings, limit, style))?;
    if is_default && !arguments.noheadings {
        writeln!(out)?;
        picture::draw(&machine, style, out)?;
        unknown::print(&machine.unknown, style, out)?;
    } else {
        unknown::hint(&machine.unknown);
    }
    Ok(())
}

/// The table as text, without trailing spaces. With a limit, cells are broken at readable places until the table
/// fits; nothing is ever cut off.
fn table(
    columns: &[Column],
    mut rows: Vec<Vec<String>>,
    headings: bool,
    limit: Option<usize>,
    style: Style,
) -> String {
    let mut heads: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
    if !headings {
        heads.iter_mut().for_each(String::clear);
    }
    if let Some(limit) = limit {
        for breaks in BREAKS {
            if width(&heads, &rows) <= limit {
                break;
            }
            breaks(columns, &mut heads, &mut rows);
        }
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if style.is_on() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if headings {
        table.set_header(heads.iter().map(Cell::new));
    }
    for row in rows {
        table.add_row(columns.iter().zip(row).map(|(column, text)| {
            let ink = if column.is_verdict() { ink_of(&text) } else { None };
            let cell = Cell::new(text);
            match ink {
                Some(Ink::Yes) => cell.fg(Color::Green),
                Some(Ink::No) => cell.fg(Color::Red),
                _ => cell,
            }
        }));
    }
    for (index, column) in columns.iter().enumerate() {
        if let Some(set) = table.column_mut(index) {
            set.set_padding((0, 1));
            if column.is_number() {
                set.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn ink_of(verdict: &str) -> Option<Ink> {
    match verdict {
        "yes" => Some(Ink::Yes),
        "no" => Some(Ink::No),
        _ => None,
    }
}

fn width(heads: &[String], rows: &[Vec<String>]) -> usize {
    let widest = |text: &String| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    (0..heads.len())
        .map(|index| {
            let cells = rows.iter().filter_map(|row| row.get(index)).map(widest);
            // One space after each column.
            cells.chain(heads.get(index).map(widest)).max().unwrap_or(0).saturating_add(1)
        })
        .sum::<usize>()
        .saturating_sub(1)
}

/// A way to make a table narrower.
type Break = fn(&[Column], &mut [String], &mut [Vec<String>]);

/// The least harmful first.
const BREAKS: [Break; 7] = [
    |_, heads, _| {
        for head in heads {
            *head = head.replace('-', "\n");
        }
    },
    |_, heads, _| {
        for head in heads {
            *head = head.replace("VMCORE", "VM\nCORE");
        }
    },
    |columns, _, rows| break_cells(columns, rows, Column::Class, |class| class.replace('-', "-\n")),
    |columns, _, rows| {
        break_cells(columns, rows, Column::Provider, |provider| provider.replace([' ', '/'], "\n"));
    },
    |columns, _, rows| break_cells(columns, rows, Column::Zone, |zones| zones.replace(',', "\n")),
    |columns, _, rows| break_cells(columns, rows, Column::Blocks, |blocks| blocks.replace(',', "\n")),
    |columns, _, rows| break_cells(columns, rows, Column::Range, |range| range.replace('-', "-\n")),
];

fn break_cells(columns: &[Column], rows: &mut [Vec<String>], of: Column, at: fn(&str) -> String) {
    let Some(index) = columns.iter().position(|column| *column == of) else { return };
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(index)) {
        *cell = at(cell);
    }
}

/// One line for each range, for scripts.
fn raw(
    arguments: &ShowArguments,
    columns: &[Column],
    ranges: &[MemoryRange],
    machine: &Machine,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if !arguments.noheadings {
        writeln!(out, "{}", columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(" "))?;
    }
    unknown::hint(&machine.unknown);
    for memory in ranges {
        let cells = columns.iter().map(|column| escape(&column.cell(memory, machine, arguments.bytes)));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join(" "))?;
    }
    Ok(())
}

/// Escapes spaces, which would look like the next column, as lsmem does.
fn escape(cell: &str) -> String {
    cell.replace('\\', "\\x5c").replace(' ', "\\x20")
}

/// The ranges, cut at memory blocks; parts without a block stay whole.
fn by_block(machine: &Machine) -> Vec<MemoryRange> {
    let Some(blocks) = machine.evidence.blocks.read() else { return machine.ranges.clone() };
    let parts = machine.parts();
    let mut out = Vec::new();
    for memory in &machine.ranges {
        let mut rest = Some(memory.range);
        for block in blocks.overlapping(memory.range) {
            let (Some(left), Some(block)) = (rest, blocks.range_of(block)) else { continue };
            let Some(part) = block.intersect(left) else { continue };
            let (below, above) = left.subtract(part);
            out.extend(below.into_iter().chain([part]).map(|part| parts.of(memory, part)));
            rest = above;
        }
        out.extend(rest.map(|rest| parts.of(memory, rest)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [Column::Range, Column::Class, Column::KexecImage, Column::Size];

    fn lines(limit: Option<usize>) -> Vec<String> {
        let row = ["100000000-13fffffff", "boot-hotpluggable", "yes", "1G"].map(str::to_owned).to_vec();
        let text = table(&COLUMNS, vec![row], true, limit, Style::none());
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn spaces_inside_raw_values_are_escaped() {
        assert_eq!(escape(r"System RAM (a\b)"), r"System\x20RAM\x20(a\x5cb)");
    }

    #[test]
    fn without_a_limit_a_row_is_one_line() {
        assert_eq!(
            lines(None),
            [
                "RANGE               CLASS             KEXEC-IMAGE SIZE",
                "100000000-13fffffff boot-hotpluggable yes           1G"
            ]
        );
    }

    #[test]
    fn a_narrow_table_breaks_headings_before_values_and_loses_nothing() {
        let narrow = lines(Some(50));
        assert!(narrow.iter().all(|line| line.len() <= 50), "{narrow:#?}");
        assert!(narrow.join("").contains("boot-hotpluggable"), "{narrow:#?}");
        let narrower = lines(Some(40));
        assert!(narrower.iter().all(|line| line.len() <= 40), "{narrower:#?}");
        assert!(narrower.concat().contains("pluggable"), "{narrower:#?}");
    }
}
