//! The expected effect of a call, on simple lists: every table is cut at all ends, each piece is handled by
//! itself, and neighbors that are alike are joined again.

use std::fmt;

use memblock::{Memblock, NodeId, PhysRange, Region, RegionFlags, TableKind};

/// The attributes of a piece of a table: node, flags and, only in `reserved`, the owner.
pub type Paint = (Option<NodeId>, RegionFlags, Option<&'static str>);

/// Memory and reservations without attributes.
pub const PLAIN: Paint = (None, RegionFlags::empty(), None);
/// Memory that a table grew into.
pub const OWN: Paint = (None, RegionFlags::empty(), Some("memblock tables"));

/// A region of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub range: PhysRange,
    pub paint: Paint,
}

/// A region without an owner.
pub fn row(region: Region) -> Row {
    Row { range: region.range, paint: (region.node, region.flags, None) }
}

/// All three tables.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tables {
    pub memory: Vec<Row>,
    pub reserved: Vec<Row>,
    pub physmem: Vec<Row>,
}

impl Tables {
    pub fn of(memblock: &Memblock<'_>) -> Self {
        Self {
            memory: memblock.memory().iter().map(row).collect(),
            reserved: memblock
                .reserved_owners()
                .map(|owned| Row {
                    range: owned.region.range,
                    paint: (owned.region.node, owned.region.flags, owned.owner),
                })
                .collect(),
            physmem: memblock.physmem().iter().map(row).collect(),
        }
    }

    pub fn rows(&mut self, table: TableKind) -> &mut Vec<Row> {
        match table {
            TableKind::Memory => &mut self.memory,
            TableKind::Reserved => &mut self.reserved,
            TableKind::Physmem => &mut self.physmem,
        }
    }

    /// The memory that tables grew into.
    pub fn own(&self) -> Vec<Row> {
        self.reserved.iter().filter(|row| row.paint.2 == OWN.2).copied().collect()
    }
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = [("memory", &self.memory), ("reserved", &self.reserved), ("physmem", &self.physmem)];
        for (name, rows) in tables {
            writeln!(f, "  {name}")?;
            for Row { range, paint: (node, flags, owner) } in rows {
                writeln!(f, "    {range:?} {node:?} {:#x} {}", flags.bits(), owner.unwrap_or(""))?;
            }
        }
        Ok(())
    }
}

/// Changes everything in `range`: `repaint` gets the attributes of a piece, `None` for a gap, and returns the
/// new ones.
pub fn repaint(rows: &mut Vec<Row>, range: PhysRange, repaint: impl Fn(Option<Paint>) -> Option<Paint>) {
    let mut ends: Vec<u64> = rows.iter().flat_map(|row| [row.range.start(), row.range.end()]).collect();
    ends.extend([range.start(), range.end()]);
    ends.sort_unstable();
    ends.dedup();
    let mut before = std::mem::take(rows).into_iter().peekable();
    for pair in ends.windows(2) {
        let piece = PhysRange::new(pair[0], pair[1]).expect("ends ascend");
        while before.next_if(|row| row.range.end() <= piece.start()).is_some() {}
        let had = before.peek().filter(|row| row.range.overlaps(piece)).map(|row| row.paint);
        let paint = if range.overlaps(piece) { repaint(had) } else { had };
        if let Some(paint) = paint {
            push(rows, Row { range: piece, paint });
        }
    }
}

/// Appends a row, or joins it with the last one.
fn push(rows: &mut Vec<Row>, row: Row) {
    match rows.last_mut().filter(|last| last.range.end() == row.range.start() && last.paint == row.paint) {
        Some(last) => last.range = last.range.hull(row.range),
        None => rows.push(row),
    }
}

/// Adds to the gaps.
pub fn add(rows: &mut Vec<Row>, range: PhysRange, paint: Paint) {
    repaint(rows, range, |had| had.or(Some(paint)));
}

/// Removes.
pub fn remove(rows: &mut Vec<Row>, range: PhysRange) {
    repaint(rows, range, |_| None);
}

/// Changes existing pieces.
pub fn change(rows: &mut Vec<Row>, range: PhysRange, change: impl Fn(Paint) -> Paint) {
    repaint(rows, range, |had| had.map(&change));
}

/// Total bytes of all rows.
pub fn size(rows: &[Row]) -> u64 {
    rows.iter().map(|row| row.range.size()).sum()
}

/// What is in one list but not in another, row by row: rows of the first are not joined.
pub fn minus(rows: &[Row], cuts: &[Row]) -> Vec<Row> {
    let mut left = Vec::new();
    for row in rows {
        let mut start = row.range.start();
        let mut keep =
            |start, end| left.extend(PhysRange::new(start, end).map(|range| Row { range, ..*row }));
        for cut in overlapping(cuts, row.range) {
            keep(start, cut.range.start());
            start = cut.range.end();
        }
        keep(start, row.range.end());
    }
    left
}

/// The rows that overlap `range`.
fn overlapping(rows: &[Row], range: PhysRange) -> &[Row] {
    let first = rows.partition_point(|row| row.range.end() <= range.start());
    let end = rows.partition_point(|row| row.range.start() < range.end());
    &rows[first..end.max(first)]
}

/// The part of a list in `range`.
pub fn within(rows: &[Row], range: PhysRange) -> Vec<Row> {
    let cut = |row: &Row| Some(Row { range: row.range.intersect(range)?, ..*row });
    overlapping(rows, range).iter().filter_map(cut).collect()
}

/// Whether any row overlaps `range`.
pub fn overlaps(rows: &[Row], range: PhysRange) -> bool {
    !overlapping(rows, range).is_empty()
}
