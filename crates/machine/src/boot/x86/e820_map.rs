//! The e820 map as the kernel keeps it: edited while parameters are parsed, sorted out once.

use std::collections::BTreeMap;

use firmware::e820::{E820Type, Entry};
use memblock::PhysRange;

/// Entries in the order in which they were made. Until [`E820Map::sort_out`] they may overlap.
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

    /// Adds an entry, whatever is there already.
    pub(crate) fn add(&mut self, range: PhysRange, kind: E820Type) {
        self.entries.push(Entry { range, kind });
    }

    /// What has the type `from` inside a range gets the type `to`.
    pub(crate) fn retype(&mut self, range: PhysRange, from: E820Type, to: E820Type) {
        self.cut(range, Some(from), Some(to));
    }

    /// Takes a range out of the map: what has the type `only` there, or everything.
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

    /// Sorts the entries and resolves overlaps: where several cover an address, the type with the highest
    /// number wins. Neighbours of one type become one entry, but for soft-reserved memory, whose ranges may
    /// be devices of their own (arch/x86/kernel/e820.c:e820__update_table, 6.12). O(n log n) in entries.
    pub(crate) fn sort_out(&mut self) {
        // Each entry covers from its start to its end: how many of each type do, changes at these addresses.
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

    /// The first address behind the last whole page of RAM or ACPI data that lies below `limit`, both in
    /// bytes; 0 without any (arch/x86/kernel/e820.c:e820__end_of_ram_pfn, 6.12).
    pub(crate) fn end_of_ram(&self, limit: u64) -> u64 {
        let counts = |kind| matches!(kind, E820Type::Ram | E820Type::Acpi);
        self.entries
            .iter()
            .filter(|entry| counts(entry.kind) && entry.range.start() < limit)
            .map(|entry| entry.range.end().min(limit) & !0xfff)
            .max()
            .unwrap_or(0)
    }
}

/// Appends an entry that lies above all others, or lengthens the last.
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
    fn where_entries_overlap_the_higher_type_wins_whatever_the_order() {
        let mut one = map(&[(0, 0x10, E820Type::Ram), (4, 8, E820Type::Reserved)]);
        let mut other = map(&[(4, 8, E820Type::Reserved), (0, 0x10, E820Type::Ram)]);
        one.sort_out();
        other.sort_out();
        let expected = map(&[(0, 4, E820Type::Ram), (4, 8, E820Type::Reserved), (8, 0x10, E820Type::Ram)]);
        assert_eq!((one, other), (expected.clone(), expected));
    }

    #[test]
    fn neighbours_merge_but_soft_reserved_ones_do_not() {
        let mut ram = map(&[(0, 4, E820Type::Ram), (4, 8, E820Type::Ram)]);
        ram.sort_out();
        assert_eq!(ram, map(&[(0, 8, E820Type::Ram)]));
        let soft = map(&[(0, 4, E820Type::SoftReserved), (4, 8, E820Type::SoftReserved)]);
        let mut sorted = soft.clone();
        sorted.sort_out();
        assert_eq!(sorted, soft);
    }

    #[test]
    fn a_cut_touches_only_the_type_asked_for() {
        let mut cut = map(&[(0, 8, E820Type::Ram), (8, 0x10, E820Type::Acpi)]);
        cut.remove(r(4, 0xc), Some(E820Type::Ram));
        assert_eq!(cut, map(&[(0, 4, E820Type::Ram), (8, 0x10, E820Type::Acpi)]));
        cut.retype(r(1, 0xff), E820Type::Acpi, E820Type::Nvs);
        assert_eq!(cut, map(&[(0, 4, E820Type::Ram), (8, 0x10, E820Type::Nvs)]));
    }

    #[test]
    fn acpi_data_counts_as_ram_for_the_last_page() {
        let ram = map(&[(0, 0x1_0800, E820Type::Ram), (0x2_0000, 0x2_1000, E820Type::Acpi)]);
        assert_eq!((ram.end_of_ram(u64::MAX), ram.end_of_ram(0x2_0000)), (0x2_1000, 0x1_0000));
    }
}
