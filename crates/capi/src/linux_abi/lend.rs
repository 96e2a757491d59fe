//! Lending the library the part of a flat array that a change touches.
//!
//! What is done to a table is defined address by address, apart from merging, and that takes regions that
//! touch. So a change of a range is a change of the records that overlap or touch it, and a change of a long
//! range is a sequence of changes of its parts, in which each part sees the last record of the part before.

use memblock::{PhysRange, RegionTable, TableFull};

use super::fault::Fault;
use super::flat;
use super::layout::{Record, Table};

/// How many records are lent at a time. A table has 64 places inside itself and keeps one back; adding to 30
/// records can make 61 of them, when every gap fills with what is not alike.
const LENT: usize = 30;

/// Does `change` to what `table` has of `range`. The array must have room for what comes out of it.
///
/// O(log n), and a move of all records above the range for each 30 records inside.
///
/// Records that are not sorted and disjoint, which C code can bring about, give an error or unspecified records.
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
            // Up to where the last of them begins, so that it is among those of the next part as well.
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

/// Shrinks every region to multiples of `align` bytes, and drops those that hold none. O(n) for up to 63
/// regions that go, and as much for each further 63.
pub(super) fn trim(table: &mut Table, align: u64) -> Result<(), Fault> {
    /// Nothing is added, so as many are lent as have room.
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
