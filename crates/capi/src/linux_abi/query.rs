//! Queries about the tables.

use memblock::RegionFlags;

use super::config::PAGE_SIZE;
use super::layout::{Record, Table};
use super::{flat, nid};

/// Whether any byte of `base..base + size` lies in a region. With a size of 0, true for an address inside a
/// region except its first.
pub(super) fn overlaps(table: &Table, base: u64, size: u64) -> bool {
    let records = table.records();
    let first = records.partition_point(|record| record.end() <= base);
    records.get(first).is_some_and(|record| record.base < base.saturating_add(size))
}

/// Whether an address lies in a region.
pub(super) fn contains(table: &Table, address: u64) -> bool {
    flat::at(table.records(), address).is_some()
}

/// Whether an address lies in memory that the kernel maps.
pub(super) fn is_mapped(memory: &Table, address: u64) -> bool {
    let nomap = RegionFlags::NOMAP.bits();
    flat::at(memory.records(), address).is_some_and(|record| record.flags & nomap == 0)
}

/// Whether one region holds all of `base..base + size`.
pub(super) fn is_in_one_region(table: &Table, base: u64, size: u64) -> bool {
    flat::at(table.records(), base).is_some_and(|record| record.end() >= base.saturating_add(size))
}

/// The first address of all regions, 0 without any.
pub(super) fn start(table: &Table) -> u64 {
    table.records().first().map_or(0, |first| first.base)
}

/// The first address after all regions, 0 without any.
pub(super) fn end(table: &Table) -> u64 {
    table.records().last().map_or(0, Record::end)
}

/// First pfn, first pfn after it, and nid of the region that contains a page frame, both rounded down.
pub(super) fn search_pfn(memory: &Table, pfn: u64) -> Option<(u64, u64, i32)> {
    let record = flat::at(memory.records(), pfn.checked_mul(PAGE_SIZE.bytes())?)?;
    Some((PAGE_SIZE.pfn_down(record.base), PAGE_SIZE.pfn_down(record.end()), record.nid))
}

/// First pfn, first pfn after it, and nid of a record, as whole pages; `None` without any.
pub(super) fn pages(record: &Record) -> Option<(u64, u64, i32)> {
    let (start, end) = PAGE_SIZE.whole_pages(nid::range(record.base, record.size)?)?;
    Some((start, end, record.nid))
}

/// Bytes of whole pages that have no node.
pub(super) fn nodeless_size(memory: &Table) -> u64 {
    let nodeless = memory.records().iter().filter_map(pages).filter(|(.., node)| !nid::is_valid(*node));
    let count =
        nodeless.fold(0_u64, |count, (start, end, _)| count.saturating_add(end.saturating_sub(start)));
    count.saturating_mul(PAGE_SIZE.bytes())
}

/// The number of free pages if all reservations lie in memory. Otherwise it may wrap, like Linux's.
pub(super) fn free_pages(memory: &Table, reserved: &Table) -> u64 {
    PAGE_SIZE.pfn_down(memory.total_size().wrapping_sub(reserved.total_size()))
}

/// Whether two ranges have a byte in common. Sums wrap, as in C.
pub(super) const fn addresses_overlap(base1: u64, size1: u64, base2: u64, size2: u64) -> bool {
    base1 < base2.wrapping_add(size2) && base2 < base1.wrapping_add(size1)
}
