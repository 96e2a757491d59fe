//! The kernel's e820 map: edited while parameters are parsed, then sanitized once.

use std::collections::BTreeMap;

use firmware::e820::{E820Type, Entry};
use memblock::PhysRange;

/// Entries in the order in which they were added. They may overlap until [`E820Map::sort_out`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct E820Map {
    entries: Vec<Entry>,
}

impl E820Map {
    pub(crate) const fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds an entry, regardless of existing ones.
    pub(crate) fn add(&mut self, range: PhysRange, kind: E820Type) {
        self.entries.push(Entry { range, kind });
    }

    /// Changes the type `from` to `to` inside a range.
    pub(crate) fn retype(&mut self, range: PhysRange, from: E820Type, to: E820Type) {
        self.cut(range, Some(from), Some(to));
    }

    /// Removes a range from the map: only entries of type `only`, or everything.
    pub(crate) fn remove(&mut self, range: PhysRange, only: Option<E820Type>) {
        self.cut(range, only, None);
    }

    fn cut(&mut self, range: PhysRange, only: Option<E820Type>, to: Option<E820Type>) {
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in self.entries.drain(..) {
            let Some(hit) =
                entry.range.intersect(range).filter(|_| only.is_none_or(|only| only == entry.kind))
            else {
                entries.push(entry);
                continue;
            };
            let (below, above) = entry.range.subtract(hit);
            entries.extend(below.map(|range| Entry { range, ..entry }));
            entries.extend(to.map(|kind| Entry { range: hit, kind }));
            entries.extend(above.map(|range| Entry { range, ..entry }));
        }
        self.entries = entries;
    }

    /// Sorts the entries and resolves overlaps: if several cover an address, the highest type number wins. Adjacent
    /// entries of one type are merged, except soft-reserved memory, whose ranges may be separate devices
    /// (arch/x86/kernel/e820.c:e820__update_table, 6.12). O(n log n) in entries.
    pub(crate) fn sort_out(&mut self) {
        // Each entry covers addresses from its start to its end; the number covering entries per type changes at these
        // edges.
        let mut edges: Vec<(u64, bool, E820Type)> = Vec::with_capacity(self.entries.len().saturating_mul(2));
        for Entry { range, kind } in &self.entries {
            edges.push((range.start(), true, *kind));
            edges.push((range.end(), false, *kind));
        }
        edges.sort_by_key(|(at, ..)| *at);
        let mut covering = BTreeMap::<u32, (E820Type, usize)>::new();
        let mut sorted: Vec<Entry> = Vec::new();
        let mut from = 0;
        for (at, begins, kind) in edges {
            if let (Ok(range), Some((_, (top, _)))) = (PhysRange::new(from, at), covering.last_key_value()) {
                append(&mut sorted, Entry { range, kind: *top });
            }
            from = at;
            let count = &mut covering.entry(kind.number()).or_insert((kind, 0)).1;
            *count = if begins { count.saturating_add(1) } else { count.saturating_sub(1) };
            if *count == 0 {
                covering.remove(&kind.number());
            }
        }
        self.entries = sorted;
    }

    /// The first address after the last whole page of RAM below `limit`, or of ACPI data if that counts, both in bytes; 0
    /// if there is none (arch/x86/kernel/e820.c:e820__end_of_ram_pfn, 6.12).
    pub(crate) fn end_of_ram(&self, limit: u64, acpi_counts: bool) -> u64 {
        let counts = |kind| kind == E820Type::Ram || (acpi_counts && kind == E820Type::Acpi);
        self.entries
            .iter()
            .filter(|entry| counts(entry.kind) && entry.range.start() < limit)
            .map(|entry| entry.range.end().min(limit) & !0xfff)
            .max()
            .unwrap_or(0)
    }
}

/// Appends an entry above all others, or extends the last one.
fn append(sorted: &mut Vec<Entry>, next: Entry) {
    match sorted.last_mut() {
        Some(last)
            if last.kind == next.kind
                && last.range.touches(next.range)
                && next.kind != E820Type::SoftReserved =>
        {
            last.range = last.range.hull(next.range);
        }
        _ => sorted.push(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    fn map(entries: &[(u64, u64, E820Type)]) -> E820Map {
        let mut map = E820Map::default();
        for (start, end, kind) in entries {
            map.add(r(*start, *end), *kind);
        }
        map
    }

    #[test]
    fn the_higher_type_wins_where_entries_overlap_in_any_order() {
        let mut one = map(&[(0, 0x10, E820Type::Ram), (4, 8, E820Type::Reserved)]);
        let mut other = map(&[(4, 8, E820Type::Reserved), (0, 0x10, E820Type::Ram)]);
        one.sort_out();
        other.sort_out();
        let expected = map(&[(0, 4, E820Type::Ram), (4, 8, E820Type::Reserved), (8, 0x10, E820Type::Ram)]);
        assert_eq!((one, other), (expected.clone(), expected));
    }

    #[test]
    fn neighbors_merge_unless_soft_reserved() {
        let mut ram = map(&[(0, 4, E820Type::Ram), (4, 8, E820Type::Ram)]);
        ram.sort_out();
        assert_eq!(ram, map(&[(0, 8, E820Type::Ram)]));
        let soft = map(&[(0, 4, E820Type::SoftReserved), (4, 8, E820Type::SoftReserved)]);
        let mut sorted = soft.clone();
        sorted.sort_out();
        assert_eq!(sorted, soft);
    }

    #[test]
    fn a_removal_affects_only_the_given_type() {
        let mut cut = map(&[(0, 8, E820Type::Ram), (8, 0x10, E820Type::Acpi)]);
        cut.remove(r(4, 0xc), Some(E820Type::Ram));
        assert_eq!(cut, map(&[(0, 4, E820Type::Ram), (8, 0x10, E820Type::Acpi)]));
        cut.retype(r(1, 0xff), E820Type::Acpi, E820Type::Nvs);
        assert_eq!(cut, map(&[(0, 4, E820Type::Ram), (8, 0x10, E820Type::Nvs)]));
    }

    #[test]
    fn acpi_data_counts_as_ram_for_the_last_page_of_later_kernels() {
        let ram = map(&[(0, 0x1_0800, E820Type::Ram), (0x2_0000, 0x2_1000, E820Type::Acpi)]);
        assert_eq!((ram.end_of_ram(u64::MAX, true), ram.end_of_ram(0x2_0000, true)), (0x2_1000, 0x1_0000));
        assert_eq!(ram.end_of_ram(u64::MAX, false), 0x1_0000);
    }
}
