//! A set of addresses, stored as sorted ranges.

use memblock::PhysRange;

/// A set of addresses.
///
/// # Invariants
///
/// The ranges are sorted, disjoint, and no two touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet(Vec<PhysRange>);

impl FromIterator<PhysRange> for RangeSet {
    /// The union of ranges in any order, overlapping or not. O(n log n).
    fn from_iter<I: IntoIterator<Item = PhysRange>>(ranges: I) -> Self {
        let mut sorted: Vec<PhysRange> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<PhysRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(last) if range.start() <= last.end() => *last = last.hull(range),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }
}

impl RangeSet {
    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = PhysRange> + Clone {
        self.0.iter().copied()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether at least one address of `range` is in the set. O(log n).
    pub fn overlaps(&self, range: PhysRange) -> bool {
        self.within(range).next().is_some()
    }

    /// The parts of the set inside `range`, ascending. O(log n) to the first.
    pub fn within(&self, range: PhysRange) -> impl Iterator<Item = PhysRange> + Clone {
        let first = self.0.partition_point(|r| r.end() <= range.start());
        self.0.iter().skip(first).map_while(move |r| r.intersect(range))
    }

    /// The number of bytes of the set inside `range`. O(parts).
    pub fn bytes_within(&self, range: PhysRange) -> u64 {
        // The parts are disjoint and inside one range, so their sum does not exceed its size.
        self.within(range).map(PhysRange::size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    #[test]
    fn ranges_in_any_order_become_sorted_and_merged() {
        let set: RangeSet = [r(8, 9), r(0, 2), r(2, 4), r(3, 5)].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [r(0, 5), r(8, 9)]);
    }

    #[test]
    fn only_the_parts_inside_are_returned() {
        let set: RangeSet = [r(0, 4), r(6, 8), r(10, 12)].into_iter().collect();
        assert_eq!(set.within(r(2, 11)).collect::<Vec<_>>(), [r(2, 4), r(6, 8), r(10, 11)]);
        assert_eq!(set.bytes_within(r(2, 11)), 5);
        assert!(!set.overlaps(r(4, 6)) && set.overlaps(r(7, 9)));
    }
}
