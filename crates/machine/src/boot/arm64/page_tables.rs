//! The page tables of the linear map: how many pages they take.
//!
//! Each table takes one page, and all are allocated from the top, so only their number matters.

use memblock::{PhysRange, Request, Selection};

use crate::boot::arm64::limits::LinearMap;
use crate::boot::early::{Early, Halt};
use crate::boot::input::{Arm64Platform, BootInput};
use crate::boot::trace::Step;
use crate::command_line::BootParameters;
use crate::command_line::direct_map::Rodata;

const STEP: Step = Step {
    name: "paging_init",
    source: "arch/arm64/mm/mmu.c:map_mem, __create_pgd_mapping_locked, early_pgtable_alloc (6.12)",
};

/// KFENCE's 255 objects plus one, each with a guard page (`KFENCE_POOL_SIZE`).
const KFENCE_PAGES: u64 = 512;

/// Maps all memory except NOMAP.
///
/// The protected part of the image is mapped separately, with blocks wherever they fit: the map is split there in any
/// case.
pub(super) fn map_linearly(
    early: &mut Early<'_>,
    input: &BootInput,
    platform: &Arm64Platform,
    parameters: &BootParameters,
    linear_map: &LinearMap,
) -> Result<(), Halt> {
    early.begin(STEP);
    let (page, arm64) = (input.build.page_size, &input.build.arm64);
    let runs_kfence = parameters.direct_map.kfence_sample_interval.map_or(arm64.kfence_is_on, |ms| ms > 0);
    let mut pool = None;
    if arm64.has_kfence && runs_kfence {
        let size = KFENCE_PAGES.saturating_mul(page);
        let request = Request { align: page, ..Request::new(size) };
        pool = early.try_alloc(&request, "KFENCE's pool, which it has to be able to unmap page by page")?;
    }
    let is_full = match parameters.direct_map.rodata {
        Some(Rodata::Full) => true,
        Some(Rodata::On | Rodata::Off) => false,
        None => arm64.rodata_full,
    };
    let may_start_kfence = arm64.has_kfence && !runs_kfence;
    let unmaps_free_pages = parameters.direct_map.debug_pagealloc == Some(true);
    let only_pages = is_full || may_start_kfence || unmaps_free_pages;
    let mut tables = Tables::new(page, arm64.virtual_bits);
    let apart = [Some(platform.kernel_text), pool];
    for region in early.memblock.memory_ranges(Selection::MAPPED) {
        for piece in without(region.range, &apart) {
            tables.map(piece, linear_map, only_pages);
        }
    }
    tables.map(platform.kernel_text, linear_map, false);
    if let Some(pool) = pool {
        tables.map(pool, linear_map, true);
    }
    let why = if only_pages {
        "a table of the linear map; every page is mapped on its own"
    } else {
        "a table of the linear map; large blocks need none"
    };
    allocate(early, tables.count(), page, why)
}

/// The parts of a range outside the others.
fn without(range: PhysRange, others: &[Option<PhysRange>]) -> Vec<PhysRange> {
    let mut pieces = vec![range];
    for other in others.iter().copied().flatten() {
        let cut = |piece: PhysRange| {
            let below = PhysRange::new(piece.start(), piece.end().min(other.start())).ok();
            let above = PhysRange::new(piece.start().max(other.end()), piece.end()).ok();
            [below, above].into_iter().flatten()
        };
        pieces = pieces.into_iter().flat_map(cut).collect();
    }
    pieces
}

/// Allocates pages from the top as individual requests would: hole by hole.
pub(super) fn allocate(early: &mut Early<'_>, count: u64, page: u64, why: &str) -> Result<(), Halt> {
    let mut left = count;
    while left > 0 {
        let request = Request { align: page, ..Request::new(page) };
        let first = early.memblock.find(&request).map_err(|_| {
            Halt::Panic(format!("no memory for {why}: {left} of {count} pages are still needed"))
        })?;
        let hole = early
            .memblock
            .free_ranges(Selection::ANY)
            .rev()
            .find(|hole| hole.range.contains(first.start()))
            .map_or(first, |hole| hole.range);
        let low = hole.start().max(page).checked_next_multiple_of(page).unwrap_or(first.start());
        let fit = first.end().saturating_sub(low) / page.max(1);
        let taken = left.min(fit.max(1));
        let start = first.end().saturating_sub(taken.saturating_mul(page));
        let range = PhysRange::new(start, first.end()).unwrap_or(first);
        early.memblock.reserve(range)?;
        early.note(format!("allocated [{range}]: {taken} times {page} bytes"), why);
        left = left.saturating_sub(taken);
    }
    Ok(())
}

/// No processor has more table levels below the top one.
const MOST_LEVELS: u32 = 4;

/// The tables below the top one: which exist at each level.
#[derive(Debug)]
pub(super) struct Tables {
    page_shift: u32,
    levels: Vec<Level>,
}

/// Tables of one level, each of which maps `1 << shift` bytes.
#[derive(Debug)]
struct Level {
    shift: u32,
    /// Whether an entry of the level above can map a block instead of pointing to a table.
    takes_blocks: bool,
    /// Table numbers, as disjoint half-open ranges.
    tables: Vec<(u64, u64)>,
}

impl Tables {
    /// No tables except the top one, for addresses with this many bits.
    pub(super) fn new(page: u64, address_bits: u32) -> Self {
        let page_shift = page.max(2).ilog2();
        let index_bits = page_shift.saturating_sub(3).max(1);
        let levels = (1..=MOST_LEVELS)
            .map(|level| page_shift.saturating_add(index_bits.saturating_mul(level)))
            .take_while(|shift| *shift < address_bits)
            .zip(0..)
            .map(|(shift, height)| Level {
                shift,
                // Blocks of 2 MiB and 1 GiB (4 KiB pages), 32 MiB (16 KiB), or 512 MiB (64 KiB).
                takes_blocks: height == 0 || (height == 1 && page_shift == 12),
                tables: Vec::new(),
            })
            .collect();
        Self { page_shift, levels }
    }

    /// The number of tables.
    pub(super) fn count(&self) -> u64 {
        let of = |level: &Level| {
            level.tables.iter().map(|(a, b)| b.saturating_sub(*a)).fold(0, u64::saturating_add)
        };
        self.levels.iter().map(of).fold(0, u64::saturating_add)
    }

    /// Maps memory, using blocks where an aligned one fits.
    fn map(&mut self, range: PhysRange, linear_map: &LinearMap, only_pages: bool) {
        let start = range.start().saturating_sub(linear_map.start);
        let end = range.end().saturating_sub(linear_map.start);
        self.map_at(start, end, only_pages);
    }

    /// Maps addresses relative to the start of the linear map, or to any multiple of what a top-level entry maps.
    pub(super) fn map_at(&mut self, start: u64, end: u64, only_pages: bool) {
        if start >= end {
            return;
        }
        let page = 1u64.checked_shl(self.page_shift).unwrap_or(1);
        let start = start & !page.saturating_sub(1);
        let end = end.checked_next_multiple_of(page).unwrap_or(u64::MAX);
        for level in &mut self.levels {
            let (first, last) = (start >> level.shift, end.saturating_sub(1) >> level.shift);
            let after = last.saturating_add(1);
            if only_pages || !level.takes_blocks {
                level.add(first, after);
                continue;
            }
            let size = 1u64.checked_shl(level.shift).unwrap_or(u64::MAX);
            let partial = |number: u64| {
                let from = number.saturating_mul(size);
                start > from || end < from.saturating_add(size)
            };
            for number in [first, last].into_iter().filter(|number| partial(*number)) {
                level.add(number, number.saturating_add(1));
            }
        }
    }
}

impl Level {
    fn add(&mut self, first: u64, after: u64) {
        let (mut from, mut to) = (first, after);
        self.tables.retain(|&(a, b)| {
            let is_apart = b < from || to < a;
            if !is_apart {
                from = from.min(a);
                to = to.max(b);
            }
            is_apart
        });
        self.tables.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn count(page: u64, ranges: &[(u64, u64)], only_pages: bool) -> u64 {
        let mut tables = Tables::new(page, 48);
        for (start, end) in ranges {
            tables.map_at(*start, *end, only_pages);
        }
        tables.count()
    }

    #[test]
    fn whole_gibibytes_need_one_table_and_a_hole_in_one_needs_two_more() {
        assert_eq!(count(4096, &[(0, 8 * GIB)], false), 1);
        assert_eq!(count(4096, &[(0, GIB + 4096), (GIB + 0x3000, 8 * GIB)], false), 3);
    }

    #[test]
    fn a_block_is_mapped_whole_or_by_a_shared_table() {
        assert_eq!(count(4096, &[(0, 0x20_0000), (0x60_0000, GIB)], false), 2);
        assert_eq!(count(4096, &[(0, 0x1000), (0x1f_f000, 0x20_0000)], false), 3);
    }

    #[test]
    fn single_pages_need_a_table_for_every_2_mebibytes() {
        assert_eq!(count(4096, &[(0, GIB)], true), 512 + 1 + 1);
        assert_eq!(count(64 << 10, &[(0, GIB)], true), 2 + 1);
    }

    #[test]
    fn the_last_addresses_do_not_wrap() {
        assert_eq!(count(4096, &[(u64::MAX - 10, u64::MAX)], true), 3);
        assert_eq!(count(4096, &[(10, 10)], true), 0);
    }
}
