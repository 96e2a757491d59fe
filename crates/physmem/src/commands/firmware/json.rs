//! The JSON of decoded files. `schema/firmware.schema.json` describes it; a change that could break a reader raises
//! [`SCHEMA`].

use memblock::PhysRange;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::decoded::{Cell, Decoded, Row, Section};
use super::run::File;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What `firmware -J` prints.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    schema: u32,
    files: Vec<FileRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct FileRecord<'a> {
    file: &'a str,
    error: Option<&'a str>,
    tables: Vec<TableRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct TableRecord<'a> {
    kind: &'a str,
    facts: Members<'a>,
    sections: Sections<'a>,
    notes: &'a [String],
    faults: &'a [String],
}

#[derive(Debug)]
struct Members<'a>(&'a Row);

#[derive(Debug)]
struct Sections<'a>(&'a [Section]);

#[derive(Debug, Serialize)]
struct Range {
    start: String,
    end: String,
    size: u64,
}

impl<'a> Document<'a> {
    pub(super) fn of(files: &'a [File]) -> Self {
        let table = |table: &'a Decoded| TableRecord {
            kind: &table.kind,
            facts: Members(&table.facts),
            sections: Sections(&table.sections),
            notes: &table.notes,
            faults: &table.faults,
        };
        let file = |file: &'a File| FileRecord {
            file: &file.name,
            error: file.tables.as_ref().err().map(String::as_str),
            tables: file.tables.iter().flatten().map(table).collect(),
        };
        Self { schema: SCHEMA, files: files.iter().map(file).collect() }
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell) in self.0 {
            match cell {
                Cell::Range(range) => map.serialize_entry(name, &range.map(range_record))?,
                Cell::Size(size) => map.serialize_entry(name, size)?,
                Cell::Hex(value) => map.serialize_entry(name, &format!("{value:#x}"))?,
                Cell::Number(number) => map.serialize_entry(name, number)?,
                Cell::Numbers(numbers) => map.serialize_entry(name, numbers)?,
                Cell::Flag(flag) => map.serialize_entry(name, flag)?,
                Cell::Text(text) => map.serialize_entry(name, text)?,
            }
        }
        map.end()
    }
}

impl Serialize for Sections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0.iter().map(|section| (section.name, section.rows.iter().map(Members).collect::<Vec<_>>())),
        )
    }
}

fn range_record(range: PhysRange) -> Range {
    Range { start: format!("{:#x}", range.start()), end: format!("{:#x}", range.end()), size: range.size() }
}
