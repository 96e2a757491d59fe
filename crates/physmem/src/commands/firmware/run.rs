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

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware/tests/data");
    const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/firmware");

    fn samples() -> Vec<FirmwareTable> {
        let files = [
            (DATA, "x86-numa4.SRAT"),
            (DATA, "x86-numa4.SLIT"),
            (DATA, "arm64-acpi-2node-crash.SRAT"),
            (DATA, "acpi_tables.HMAT"),
            (DATA, "acpi_tables.CEDT"),
            (DATA, "x86-plain-2g.boot_params"),
            (SAMPLES, "slit-padded.dat"),
            (SAMPLES, "no-memory.dtb"),
            (SAMPLES, "msct.dat"),
        ];
        let read = |(folder, name): (&str, &str)| {
            host::read_firmware_tables(format!("{folder}/{name}").as_ref()).unwrap()
        };
        files.into_iter().flat_map(read).collect()
    }

    fn bytes(table: &FirmwareTable) -> &[u8] {
        match table {
            FirmwareTable::Acpi(bytes)
            | FirmwareTable::DeviceTree(bytes)
            | FirmwareTable::ZeroPage(bytes) => bytes,
            FirmwareTable::Map { .. } => unreachable!(),
        }
    }

    fn with(table: &FirmwareTable, bytes: Vec<u8>) -> FirmwareTable {
        match table {
            FirmwareTable::Acpi(_) => FirmwareTable::Acpi(bytes),
            FirmwareTable::DeviceTree(_) => FirmwareTable::DeviceTree(bytes),
            _ => FirmwareTable::ZeroPage(bytes),
        }
    }

    #[test]
    fn a_table_cut_anywhere_is_a_fault_that_says_what_is_missing() {
        for table in samples() {
            assert_eq!(decode(&table).faults, [""; 0]);
            for length in 0..bytes(&table).len() {
                let cut = decode(&with(&table, bytes(&table)[..length].to_vec()));
                assert_eq!(cut.faults.len(), 1, "{} at {length}", cut.kind);
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_a_fault_a_note_or_another_value_and_never_the_end() {
        for table in samples() {
            for at in 0..bytes(&table).len() {
                for value in [0, 1, 0x7f, 0xff] {
                    let mut wrong = bytes(&table).to_vec();
                    if std::mem::replace(&mut wrong[at], value) == value {
                        continue;
                    }
                    let decoded = decode(&with(&table, wrong));
                    let is_said = !decoded.faults.is_empty() || !decoded.notes.is_empty();
                    // Every byte of an ACPI table is in its checksum.
                    assert!(
                        is_said || !matches!(table, FirmwareTable::Acpi(_)),
                        "{} byte {at}",
                        decoded.kind
                    );
                    let mut out = Vec::new();
                    let file = File { name: "x".into(), tables: Ok(vec![decoded]) };
                    report::print(&[file], Style::none(), &mut out).unwrap();
                    assert!(out.iter().all(|byte| *byte == b'\n' || !byte.is_ascii_control()));
                }
            }
        }
    }
}
