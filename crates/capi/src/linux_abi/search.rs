//! Searching the flat arrays for free memory.

use memblock::{Attempt, Direction, PhysRange, Region, RegionFlags, SearchSettings, Selection, ranges};

use super::linux::{Kind, Linux};
use super::walk::{Piece, Walk};
use super::{config, flat};

impl Linux<'_> {
    /// From which end memory is allocated.
    pub(super) const fn direction(&self) -> Direction {
        if self.public.bottom_up == 0 { Direction::TopDown } else { Direction::BottomUp }
    }

    /// The settings for searches.
    pub(super) const fn search_settings(&self) -> SearchSettings {
        SearchSettings {
            page_size: config::PAGE_SIZE,
            current_limit: self.public.current_limit,
            prefer: if self.state.has_mirror { RegionFlags::MIRROR } else { RegionFlags::empty() },
        }
    }

    /// The first fit of one search, outside `avoid`. O(n).
    ///
    /// Requests for 0 bytes, or with an alignment that is not a power of two, get Linux's answers.
    pub(super) fn hole(
        &self,
        attempt: &Attempt,
        size: u64,
        align: u64,
        avoid: Option<PhysRange>,
    ) -> Option<u64> {
        if size == 0 || !align.is_power_of_two() {
            return self.odd_hole(attempt, size, align);
        }
        let Attempt { selection, window } = *attempt;
        let movable_node = self.movable_node;
        let memory = flat::overlapping(self.table(Kind::Memory).records(), window);
        // Skip reservations below and above all memory: there may be many, and they cut nothing.
        let span = PhysRange::new(memory.first()?.base, memory.last()?.end()).ok()?;
        let reserved = flat::overlapping(self.table(Kind::Reserved).records(), span.intersect(window)?);
        let memory = flat::regions(memory).filter(move |region| selection.shows(region, movable_node));
        let reserved = flat::ranges(reserved);
        let free = ranges::difference(ranges::difference(memory, reserved), avoid.into_iter());
        let direction = self.direction();
        let fit = |piece: Region| direction.fit(piece.range.intersect(window)?, size, align);
        let found = match direction {
            Direction::TopDown => free.rev().find_map(fit),
            Direction::BottomUp => { free }.find_map(fit),
        };
        found.map(PhysRange::start)
    }

    /// A request that the library refuses but Linux does not: callers may rely on Linux's answers.
    ///
    /// - 0 bytes are found in the first free piece, even an empty one, where an allocation would be placed;
    ///   if the pieces lie outside the window, at the end of the window next to them.
    /// - Rounding down to a multiple of `align` clears the bits of `align - 1`. Rounding up sets them in the
    ///   address before, and takes the next one. This is correct for powers of two.
    fn odd_hole(&self, attempt: &Attempt, size: u64, align: u64) -> Option<u64> {
        let Attempt { selection, window } = *attempt;
        let low_bits = align.wrapping_sub(1);
        let fit = |piece: Piece| {
            let start = piece.start.clamp(window.start(), window.end());
            let end = piece.end.clamp(window.start(), window.end());
            match self.direction() {
                Direction::TopDown => {
                    Some(end.checked_sub(size)? & !low_bits).filter(|found| *found >= start)
                }
                Direction::BottomUp => {
                    let found = (start.wrapping_sub(1) | low_bits).checked_add(1)?;
                    (found < end && end.wrapping_sub(found) >= size).then_some(found)
                }
            }
        };
        let walk = self.free_walk(selection);
        walk.pieces(self.direction() == Direction::TopDown).find_map(fit)
    }

    /// A walk over free memory.
    fn free_walk(&self, selection: Selection) -> Walk<'_, impl Fn(&super::layout::Record) -> bool> {
        let movable_node = self.movable_node;
        Walk {
            a: self.table(Kind::Memory),
            b: Some(self.table(Kind::Reserved)),
            is_shown: move |record: &super::layout::Record| {
                record.region().is_some_and(|region| selection.shows(&region, movable_node))
            },
        }
    }
}
