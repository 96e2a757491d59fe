//! Reading a flat array of records, which are sorted by address and disjoint.

use core::ops::Range;

use memblock::{PhysRange, Region};

use super::layout::Record;
use super::nid;

/// The regions of an array, from either end. Records that C code made invalid are left out.
#[inline]
pub(super) fn regions(records: &[Record]) -> impl DoubleEndedIterator<Item = Region> + Clone + '_ {
    records.iter().filter_map(Record::region)
}

/// The addresses of those regions.
#[inline]
pub(super) fn ranges(records: &[Record]) -> impl DoubleEndedIterator<Item = PhysRange> + Clone + '_ {
    records.iter().filter_map(|record| nid::range(record.base, record.size))
}

/// The record that contains an address. O(log n).
pub(super) fn at(records: &[Record], address: u64) -> Option<&Record> {
    let first = records.partition_point(|record| record.end() <= address);
    records.get(first).filter(|record| record.base <= address)
}

/// The records that overlap `range`. O(log n).
#[inline]
pub(super) fn overlapping(records: &[Record], range: PhysRange) -> &[Record] {
    let start = records.partition_point(|record| record.end() <= range.start());
    let end = records.partition_point(|record| record.base < range.end());
    records.get(start..end).unwrap_or_default()
}

/// The indices of the records that overlap or touch `range`: all that a change of `range` can affect or merge
/// with. O(log n).
#[inline]
pub(super) fn touching(records: &[Record], range: PhysRange) -> Range<usize> {
    let start = records.partition_point(|record| record.end() < range.start());
    let end = records.partition_point(|record| record.base <= range.end());
    start..end.max(start)
}

/// How many records Linux inserts when it adds `range`: one for each uncovered part, before any merging.
/// O(log n), and O(1) for each record in `range`.
pub(super) fn uncovered_parts(records: &[Record], range: PhysRange) -> usize {
    let covered = ranges(overlapping(records, range));
    memblock::ranges::difference(core::iter::once(range), covered).count()
}
