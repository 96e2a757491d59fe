//! A decoded table: facts about the whole, and rows. Printed as text or JSON.

use memblock::PhysRange;

/// One table, decoded.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// What it is: a signature, or words.
    pub(super) kind: String,
    /// What holds for the whole table.
    pub(super) facts: Vec<(&'static str, Cell)>,
    pub(super) sections: Vec<Section>,
    /// It is a table that says nothing about memory, or nothing that is read.
    pub(super) is_other: bool,
    /// What Linux ignores or warns of, and what the table lacks.
    pub(super) notes: Vec<String>,
    /// What could not be decoded: where, and what was expected.
    pub(super) faults: Vec<String>,
}

/// Rows of one kind, in the table's order.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    /// All rows have the same members.
    pub(super) rows: Vec<Row>,
}

/// Members by name.
pub(super) type Row = Vec<(&'static str, Cell)>;

/// One value.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Addresses, if there are any; in text with their size.
    Range(Option<PhysRange>),
    /// Bytes.
    Size(Option<u64>),
    /// An address or a set of bits.
    Hex(u64),
    Number(u64),
    Numbers(Vec<u64>),
    Flag(bool),
    Text(Option<String>),
}

// Callers hand over errors and words that they do not need any more.
#[allow(clippy::needless_pass_by_value)]
impl Cell {
    pub(super) fn text(text: impl ToString) -> Self {
        Self::Text(Some(text.to_string()))
    }

    pub(super) fn number(number: impl Into<u64>) -> Self {
        Self::Number(number.into())
    }
}

// Callers hand over errors and words that they do not need any more.
#[allow(clippy::needless_pass_by_value)]
impl Decoded {
    pub(super) fn new(kind: impl ToString) -> Self {
        Self { kind: kind.to_string(), ..Self::default() }
    }

    /// One that cannot be decoded at all.
    pub(super) fn faulty(kind: impl ToString, fault: impl ToString) -> Self {
        Self { faults: vec![fault.to_string()], ..Self::new(kind) }
    }

    /// Adds a section, unless it is empty.
    pub(super) fn section(&mut self, name: &'static str, rows: Vec<Row>) {
        if !rows.is_empty() {
            self.sections.push(Section { name, rows });
        }
    }

    pub(super) fn note(&mut self, note: impl ToString) {
        self.notes.push(note.to_string());
    }

    pub(super) fn fault(&mut self, fault: impl ToString) {
        self.faults.push(fault.to_string());
    }
}
