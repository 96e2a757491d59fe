//! The page tables of the x86 direct map: how many pages are allocated, in which order, from where.
//!
//! RAM is mapped from the top of memory down, in steps that grow as more is mapped, so that the page tables of a step
//! are in memory mapped by earlier steps. With `movable_node`, it is mapped upwards from the kernel instead. The first
//! pages come from a small buffer in the kernel's brk area (arch/x86/mm/init.c:init_mem_mapping, memory_map_top_down,
//! memory_map_bottom_up, alloc_low_pages, 6.12).

use std::collections::BTreeMap;

use memblock::{PhysRange, Request};

use crate::boot::early::{Early, Halt};

const KIB_4: u64 = 1 << 12;
const MIB_2: u64 = 1 << 21;
const GIB: u64 = 1 << 30;
/// The end of the ISA hole: everything below is mapped first, RAM or not.
const ISA_END: u64 = 1 << 20;

/// The machine properties that the mapping depends on.
pub(super) struct DirectMap {
    /// Whether one entry can map 1 GiB.
    pub(super) gib_pages: bool,
    /// Number of page table levels.
    pub(super) levels: u8,
    /// Pages in the buffer for the first page tables.
    pub(super) buffered: u64,
    /// RAM, ascending.
    pub(super) ram: Vec<PhysRange>,
    /// First address after RAM and ACPI data.
    pub(super) end: u64,
    /// The buffer for the first page tables.
    pub(super) buffer: PhysRange,
    /// First address after the kernel, where bottom-up mapping starts.
    pub(super) kernel_end: u64,
}

/// The mapping in progress.
struct Mapping<'a, 'm> {
    machine: &'a DirectMap,
    early: &'a mut Early<'m>,
    /// The existing tables, keyed by the shift that turns an address into a table number.
    tables: BTreeMap<u32, Numbers>,
    /// Pages left in the buffer.
    buffered: u64,
    /// Whether the buffer may be used for the current range: not for the range that contains the buffer.
    may_use_buffer: bool,
    /// The mapped range, which allocations come from.
    mapped: (u64, u64),
    /// The number of page tables allocated, and the address range they span.
    taken: u64,
    hull: Option<PhysRange>,
}

impl DirectMap {
    /// Maps everything, and allocates the page tables.
    pub(super) fn build(&self, early: &mut Early<'_>) -> Result<(), Halt> {
        let mut mapping = Mapping {
            machine: self,
            tables: BTreeMap::new(),
            buffered: self.buffered,
            may_use_buffer: true,
            mapped: (0, 0),
            taken: 0,
            hull: None,
            early,
        };
        if let Ok(isa) = PhysRange::new(0, ISA_END) {
            mapping.map(isa)?;
        }
        if mapping.early.memblock.bottom_up() {
            mapping.bottom_up(self.kernel_end, self.end)?;
            mapping.bottom_up(ISA_END, self.kernel_end)?;
        } else {
            mapping.top_down()?;
        }
        mapping.account();
        Ok(())
    }
}

/// The step size after a step that mapped enough.
const fn next_step(step: u64) -> u64 {
    step.saturating_mul(1 << 8)
}

impl Mapping<'_, '_> {
    fn top_down(&mut self) -> Result<(), Halt> {
        let end = self.machine.end;
        // If 2 MiB are free, the first step ends there: its page tables are then in aligned memory.
        let request = Request { align: MIB_2, min: ISA_END, max: Some(end), ..Request::new(MIB_2) };
        let probe = self.early.try_alloc(&request, "finding where the first 2 MiB can be mapped")?;
        if let Some(probe) = probe {
            self.early.free(probe, "it was only a probe")?;
        }
        let real_end = probe.map_or(end, PhysRange::end).min(end);
        let mut step = MIB_2;
        let mut last = real_end;
        let mut done: u64 = 0;
        self.mapped = (real_end, real_end);
        while last > ISA_END {
            let start =
                if last > step { (last.saturating_sub(1) & !(step - 1)).max(ISA_END) } else { ISA_END };
            done = done.saturating_add(self.map_ram(start, last)?);
            self.mapped.0 = start;
            last = start;
            if done >= step {
                step = next_step(step);
            }
        }
        if real_end < end { self.map_ram(real_end, end).map(drop) } else { Ok(()) }
    }

    fn bottom_up(&mut self, start: u64, end: u64) -> Result<(), Halt> {
        let mut step = MIB_2;
        let mut at = start;
        let mut done: u64 = 0;
        self.mapped.0 = start;
        while at < end {
            let next = if end.saturating_sub(at) > step {
                at.saturating_add(1).checked_next_multiple_of(step).unwrap_or(end).min(end)
            } else {
                end
            };
            done = done.saturating_add(self.map_ram(at, next)?);
            at = next;
            if done >= step {
                step = next_step(step);
            }
        }
        Ok(())
    }

    /// Maps the RAM inside a window; returns its size in bytes.
    fn map_ram(&mut self, start: u64, end: u64) -> Result<u64, Halt> {
        let Ok(window) = PhysRange::new(start, end) else { return Ok(0) };
        let parts: Vec<PhysRange> = self.machine.ram.iter().filter_map(|ram| ram.intersect(window)).collect();
        let mut bytes: u64 = 0;
        for part in parts {
            self.may_use_buffer = !part.overlaps(self.machine.buffer);
            self.map(part)?;
            self.mapped.1 = self.mapped.1.max(part.end());
            bytes = bytes.saturating_add(part.size());
        }
        Ok(bytes)
    }

    /// Maps a range with the largest pages that fit, and its head and tail with smaller ones; but if the large page
    /// around a head or tail contains only RAM, the large page is used right away.
    fn map(&mut self, range: PhysRange) -> Result<(), Halt> {
        self.map_with(range, if self.machine.gib_pages { GIB } else { MIB_2 })
    }

    fn map_with(&mut self, range: PhysRange, page: u64) -> Result<(), Halt> {
        if page == KIB_4 {
            return self.need(range, 21);
        }
        let (level, smaller) = if page == GIB { (39, MIB_2) } else { (30, KIB_4) };
        // Head, whole pages and tail; head and tail may meet, but are checked separately even then.
        let up = range.start().checked_next_multiple_of(page).unwrap_or(u64::MAX);
        let down = range.end() & !(page - 1);
        let parts = if up > down {
            [Some(range), None, None]
        } else {
            let part = |start, end| PhysRange::new(start, end).ok();
            [part(range.start(), up), part(up, down), part(down, range.end())]
        };
        for part in parts.into_iter().flatten() {
            let is_whole = part.start() & (page - 1) == 0 && part.end() & (page - 1) == 0;
            if is_whole || self.is_ram_around(part, page) {
                self.need(part, level)?;
            } else {
                self.map_with(part, smaller)?;
            }
        }
        Ok(())
    }

    /// Whether all the large pages that a range touches are RAM in a single region.
    fn is_ram_around(&self, range: PhysRange, page: u64) -> bool {
        let start = range.start() & !(page - 1);
        let around =
            range.end().checked_next_multiple_of(page).and_then(|end| PhysRange::new(start, end).ok());
        around.is_some_and(|around| self.machine.ram.iter().any(|ram| ram.encloses(around)))
    }

    /// Allocates the missing tables down to the level where one covers `1 << shift` bytes.
    fn need(&mut self, range: PhysRange, shift: u32) -> Result<(), Halt> {
        // The top-level table is part of the kernel image.
        let top = if self.machine.levels > 4 { 48 } else { 39 };
        for level in [48, 39, 30, 21].into_iter().filter(|level| *level <= top && *level >= shift) {
            let new =
                self.tables.entry(level).or_default().insert(range.start() >> level, range.last() >> level);
            self.take(new)?;
        }
        Ok(())
    }

    /// Takes this many pages, from the buffer as far as it may be used.
    fn take(&mut self, pages: u64) -> Result<(), Halt> {
        let buffered = if self.may_use_buffer { self.buffered.min(pages) } else { 0 };
        self.buffered = self.buffered.saturating_sub(buffered);
        let mut left = pages.saturating_sub(buffered);
        while left > 0 {
            let page = self.allocate(1, self.mapped)?;
            left = left.saturating_sub(1);
            left = left.saturating_sub(self.allocate_beside(page, left)?);
        }
        Ok(())
    }

    /// Allocates at once what would be allocated page by page next to `page`, if it is free; returns the number of
    /// pages.
    fn allocate_beside(&mut self, page: PhysRange, wanted: u64) -> Result<u64, Halt> {
        let mut pages = wanted;
        while pages > 0 {
            let bytes = pages.saturating_mul(KIB_4);
            let beside = if self.early.memblock.bottom_up() {
                (page.end(), page.end().saturating_add(bytes))
            } else {
                (page.start().saturating_sub(bytes), page.start())
            };
            let (min, max) = (beside.0.max(self.mapped.0), beside.1.min(self.mapped.1));
            let is_free = PhysRange::new(min, max).is_ok_and(|range| {
                range.size() == bytes
                    && self.early.memblock.is_region_memory(range)
                    && !self.early.memblock.is_region_reserved(range)
            });
            if is_free {
                self.allocate(pages, (min, max))?;
                return Ok(pages);
            }
            pages /= 2;
        }
        Ok(0)
    }

    fn allocate(&mut self, pages: u64, (min, max): (u64, u64)) -> Result<PhysRange, Halt> {
        let bytes = pages.saturating_mul(KIB_4);
        let request = Request { align: KIB_4, min, max: Some(max), ..Request::new(bytes) };
        // A trace line per page would bury the rest; failures, however, are reported in full.
        let Ok(range) = self.early.memblock.alloc(&request) else {
            return self.early.alloc(&request, "page tables of the direct map");
        };
        self.taken = self.taken.saturating_add(pages);
        self.hull = Some(self.hull.map_or(range, |hull| hull.hull(range)));
        Ok(range)
    }

    /// One trace line for all page tables.
    fn account(&mut self) {
        let buffered = self.machine.buffered.saturating_sub(self.buffered);
        self.early.note(
            format!("{buffered} page tables from the kernel's own buffer"),
            "the first ones, and those for memory that the buffer does not lie in",
        );
        if let Some(hull) = self.hull {
            self.early.note(
                format!("allocated {} page tables inside [{hull}]", self.taken),
                "page tables of the direct map, out of what is mapped already",
            );
        }
    }
}

/// A set of numbers stored as runs: the last number of each, keyed by its first.
#[derive(Debug, Default)]
struct Numbers(BTreeMap<u64, u64>);

impl Numbers {
    /// Adds all numbers from `first` to `last`, and returns how many are new.
    fn insert(&mut self, mut first: u64, mut last: u64) -> u64 {
        let count = |first: u64, last: u64| last.saturating_sub(first).saturating_add(1);
        let mut new = count(first, last);
        // An earlier run that reaches this far, and all runs that start inside.
        let touches = |(start, end): (&u64, &u64)| (*end >= first).then_some((*start, *end));
        let before = self.0.range(..first).next_back().and_then(touches);
        let inside = self.0.range(first..=last).map(|(start, end)| (*start, *end));
        let met: Vec<(u64, u64)> = before.into_iter().chain(inside).collect();
        let (from, to) = (first, last);
        for (start, end) in met {
            new = new.saturating_sub(count(start.max(from), end.min(to)));
            self.0.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.0.insert(first, last);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_new_only_once() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.insert(4, 7), 4);
        assert_eq!(numbers.insert(6, 9), 2);
        assert_eq!(numbers.insert(0, 4), 4);
        assert_eq!(numbers.insert(20, 20), 1);
        assert_eq!(numbers.insert(0, 30), 20);
        assert_eq!(numbers.insert(5, 12), 0);
    }
}
