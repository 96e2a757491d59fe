//! Finding a gap by the summaries, without looking at the regions in between.

use super::{Path, Tree};
use crate::chunk::{Chunk, Slot};
use crate::gap::Capacity;
use crate::{Direction, PhysRange};

/// The size and alignment that a gap must fit.
#[derive(Clone, Copy)]
pub(crate) struct GapQuery {
    size: u64,
    align: u64,
    capacity: Capacity,
}

impl GapQuery {
    /// `size` bytes (0 counts as 1) at a multiple of `align`, a power of two.
    #[inline]
    pub(crate) const fn new(size: u64, align: u64) -> Self {
        let size = if size == 0 { 1 } else { size };
        Self { size, align, capacity: Capacity::wanted(size, align) }
    }

    /// Whether `gap` fits it.
    #[inline]
    pub(crate) const fn fits(&self, gap: PhysRange) -> bool {
        Direction::TopDown.fit(gap, self.size, self.align).is_some()
    }

    /// Like [`GapQuery::fits`], for a gap `start..end` that is usually too small, or empty.
    #[inline]
    fn fits_between(&self, start: u64, end: u64) -> Option<PhysRange> {
        if end - start < self.size {
            return None;
        }
        PhysRange::new(start, end).ok().filter(|gap| self.fits(*gap))
    }
}

/// The gap below slot `at` of a chunk, if it fits.
#[inline]
fn gap_below(chunk: &Chunk, at: usize, wanted: &GapQuery) -> Option<PhysRange> {
    let below = chunk.get(at.checked_sub(1)?)?;
    wanted.fits_between(below.end, chunk.get(at)?.start)
}

impl Tree<'_> {
    /// The highest fitting gap between two regions at or below `path`. O(log n), unless the summaries mislead
    /// (see [`Capacity`]).
    pub(crate) fn gap_before(&self, path: &Path, wanted: &GapQuery) -> Option<PhysRange> {
        (0..self.height).find_map(|level| {
            let chunk = self.chunk(path.id(level));
            // `path` may be after the last region: there is no gap between two regions above that.
            let at = path.at(level).min(chunk.len().checked_sub(1)?);
            gap_below(chunk, at, wanted).or_else(|| self.last_gap_in(chunk, level, at, wanted))
        })
    }

    /// The highest fitting gap among the first `len` slots of `chunk`, and inside them.
    fn last_gap_in(&self, chunk: &Chunk, level: usize, len: usize, wanted: &GapQuery) -> Option<PhysRange> {
        let slots = chunk.slots().get(..len)?;
        let between = |pair: &[Slot]| match pair {
            [below, above] => wanted.fits_between(below.end, above.start),
            _ => None,
        };
        if level == 0 {
            return slots.windows(2).rev().find_map(between);
        }
        (0..len).rev().find_map(|at| {
            let slot = slots.get(at)?;
            let inside = if slot.gaps().may_hold(wanted.capacity) {
                let child = self.chunk(slot.child());
                self.last_gap_in(child, level - 1, child.len(), wanted)
            } else {
                None
            };
            inside.or_else(|| between(slots.get(at.checked_sub(1)?..=at)?))
        })
    }

    /// The lowest fitting gap between two regions at or above `path`. Otherwise like [`Tree::gap_before`].
    pub(crate) fn gap_after(&self, path: &Path, wanted: &GapQuery) -> Option<PhysRange> {
        (0..self.height).find_map(|level| {
            let chunk = self.chunk(path.id(level));
            self.first_gap_in(chunk, level, path.at(level) + 1, wanted)
        })
    }

    /// The lowest fitting gap below and inside the slots of `chunk` from index `from` up.
    fn first_gap_in(&self, chunk: &Chunk, level: usize, from: usize, wanted: &GapQuery) -> Option<PhysRange> {
        (from..chunk.len()).find_map(|at| {
            let below = gap_below(chunk, at, wanted);
            if below.is_some() || level == 0 || !chunk.get(at)?.gaps().may_hold(wanted.capacity) {
                return below;
            }
            let child = self.chunk(chunk.get(at)?.child());
            self.first_gap_in(child, level - 1, 0, wanted)
        })
    }
}
