//! Runs `physmem firmware`.

use std::io::{self, Write};

use host::FirmwareTable;

use super::decoded::Decoded;
use super::json::Document;
use super::{acpi, device_tree, map, report};
use crate::cli::FirmwareArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::output::lines;
use crate::output::style::Style;

/// A file: its tables, or why there are none.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) tables: Result<Vec<Decoded>, String>,
}

pub(crate) fn run(arguments: &FirmwareArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let files: Vec<File> = arguments
        .files
        .iter()
        .map(|path| File {
            name: path.display().to_string(),
            tables: host::read_firmware_tables(path)
                .map(|tables| tables.iter().map(decode).collect())
                .map_err(|error| error.to_string()),
        })
        .collect();
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&files))?;
        writeln!(out)?;
    } else {
        report::print(&files, Style::of_stdout(), out)?;
    }
    out.flush()?;
    for error in files.iter().filter_map(|file| file.tables.as_ref().err()) {
        // If even the message cannot be printed, there is nothing left to do.
        let _ = writeln!(io::stderr(), "physmem: {}", lines::printable(error));
    }
    let is_whole = |file: &File| {
        file.tables.as_ref().is_ok_and(|tables| tables.iter().all(|table| table.faults.is_empty()))
    };
    Ok(if files.iter().all(is_whole) { Done::Good } else { Done::Partly })
}

fn decode(table: &FirmwareTable) -> Decoded {
    match table {
        FirmwareTable::DeviceTree(bytes) => device_tree::decode(bytes),
        FirmwareTable::Acpi(bytes) => acpi::decode(bytes),
        FirmwareTable::ZeroPage(bytes) => map::zero_page(bytes),
        FirmwareTable::Map { what, snapshot } => map::text(what, snapshot),
    }
}
