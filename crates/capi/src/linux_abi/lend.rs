//! Lending the library the part of a flat array that a change affects.
//!
//! Changes to a table are defined address by address, apart from merging, which needs regions that touch. So
//! a change of a range changes only the records that overlap or touch it, and a change of a long range is a
//! sequence of changes of its parts, in which each part includes the last record of the previous part.

use memblock::{PhysRange, RegionTable, TableFull};

use super::fault::Fault;
use super::flat;
use super::layout::{Record, Table};

/// How many records are lent at a time. A table has 64 places inside itself and keeps one spare. Adding to 30
/// records can make 61 of them, if every gap fills with a region that does not merge.
const LENT: usize = 30;

/// Applies `change` to the part of `range` that `table` holds. The array must have room for the result.
///
/// O(log n), plus one move of all records above the range for each 30 records inside.
///
/// If C code left records unsorted or overlapping, the result is an error or unspecified records.
pub(super) fn change(
    table: &mut Table,
    range: PhysRange,
    change: impl Fn(&mut RegionTable<'_>, PhysRange) -> Result<(), TableFull>,
) -> Result<(), Fault> {
    let mut rest = Some(range);
    while let Some(range) = rest {
        let mut window = flat::touching(table.records(), range);
        let mut part = range;
        if window.len() > LENT {
            window.end = window.start.saturating_add(LENT);
            // Up to where the last of them starts, so that the next part includes it too.
            let last = table.records().get(window.end.saturating_sub(1)).map_or(0, |last| last.base);
            part = PhysRange::new(range.start(), last).map_err(|_| Fault::NotSorted)?;
        }
        let mut lent = RegionTable::new();
        lent.add_all(flat::regions(table.records().get(window.clone()).unwrap_or_default()))?;
        change(&mut lent, part)?;
        table.splice(window, lent.iter().map(|region| Record::of(&region)), lent.len())?;
        rest = PhysRange::new(part.end(), range.end()).ok();
    }
    Ok(())
}

/// Shrinks every region to multiples of `align` bytes, and drops regions that hold none. O(n) for up to 63
/// regions dropped, and the same for each further 63.
pub(super) fn trim(table: &mut Table, align: u64) -> Result<(), Fault> {
    /// Nothing is added, so lend as many as fit.
    const LENT: usize = 63;

    let mut start = 0;
    while start < table.count() {
        let window = start..start.saturating_add(LENT).min(table.count());
        let mut lent = RegionTable::new();
        lent.add_all(flat::regions(table.records().get(window.clone()).unwrap_or_default()))?;
        lent.trim(align);
        start = start.saturating_add(lent.len());
        table.splice(window, lent.iter().map(|region| Record::of(&region)), lent.len())?;
    }
    Ok(())
}
