//! Linux's cursors: walks whose state is one number that the caller keeps.
//!
//! A cursor of `__next_mem_range` has the index of the next region in its lower 32 bits, and in the upper
//! ones the index of the gap between regions of the other table; gap 0 is below the first region. All ones is
//! the end, and the start of a downward walk.

use super::layout::{Record, Table};

/// The end of a walk.
pub(super) const END: u64 = u64::MAX;

/// A piece of a region, as Linux returns it. Empty where two regions of the other table touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) nid: i32,
}

/// A walk over what is in `a` but not in `b`, for the regions of `a` that `is_shown` accepts.
pub(super) struct Walk<'a, F> {
    pub(super) a: &'a Table,
    pub(super) b: Option<&'a Table>,
    pub(super) is_shown: F,
}

/// The two indices of a cursor. At the end of a downward walk, the first is one less than the lowest index.
#[derive(Clone, Copy)]
struct At {
    a: u32,
    b: u32,
}

impl At {
    // Truncates on purpose, to get each half.
    #[allow(clippy::cast_possible_truncation)]
    const fn of(cursor: u64) -> Self {
        Self { a: cursor as u32, b: (cursor >> 32) as u32 }
    }

    const fn cursor(self) -> u64 {
        (self.b as u64) << 32 | self.a as u64
    }

    fn get(index: u32, records: &[Record]) -> Option<&Record> {
        records.get(usize::try_from(index).ok()?)
    }
}

impl<F: Fn(&Record) -> bool> Walk<'_, F> {
    /// Gap `index` between the regions of `b`, from the end of the region below to the start of the one
    /// above. `None` if there is no such gap. Without `b`, all addresses are gap 0.
    fn gap(&self, index: u32) -> Option<(u64, u64)> {
        let Some(b) = self.b else { return (index == 0).then_some((0, u64::MAX)) };
        let floor = match index.checked_sub(1) {
            Some(below) => At::get(below, b.records())?.end(),
            None => 0,
        };
        Some((floor, At::get(index, b.records()).map_or(u64::MAX, |above| above.base)))
    }

    /// The next piece upwards and the cursor after it. O(1) for each region passed.
    pub(super) fn next(&self, cursor: u64) -> Option<(Piece, u64)> {
        let mut at = At::of(cursor);
        loop {
            let region = At::get(at.a, self.a.records())?;
            if !(self.is_shown)(region) {
                at.a = at.a.saturating_add(1);
                continue;
            }
            let (floor, ceiling) = self.gap(at.b)?;
            let has_piece = floor < region.end() && region.base < ceiling;
            // Move past whichever ends first.
            if floor >= region.end() || (has_piece && region.end() <= ceiling) {
                at.a = at.a.saturating_add(1);
            } else {
                at.b = at.b.saturating_add(1);
            }
            if has_piece {
                return Some((piece(region, floor, ceiling), at.cursor()));
            }
        }
    }

    /// The next piece downwards and the cursor after it. O(1) for each region passed.
    pub(super) fn next_back(&self, cursor: u64) -> Option<(Piece, u64)> {
        let mut at = At::of(cursor);
        if cursor == END {
            let index = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            at.a = index(self.a.count()).wrapping_sub(1);
            at.b = self.b.map_or(0, |b| index(b.count()));
        }
        loop {
            let region = At::get(at.a, self.a.records())?;
            if !(self.is_shown)(region) {
                at.a = at.a.wrapping_sub(1);
                continue;
            }
            let (floor, ceiling) = self.gap(at.b)?;
            let has_piece = floor < region.end() && region.base < ceiling;
            if ceiling <= region.base || (has_piece && floor <= region.base) {
                at.a = at.a.wrapping_sub(1);
            } else {
                at.b = at.b.checked_sub(1)?;
            }
            if has_piece {
                return Some((piece(region, floor, ceiling), at.cursor()));
            }
        }
    }

    /// All pieces, from one end or the other.
    pub(super) fn pieces(&self, downwards: bool) -> impl Iterator<Item = Piece> + '_ {
        let mut cursor = if downwards { END } else { 0 };
        core::iter::from_fn(move || {
            let (piece, next) = if downwards { self.next_back(cursor)? } else { self.next(cursor)? };
            cursor = next;
            Some(piece)
        })
    }
}

/// The part of a region in a gap.
fn piece(region: &Record, floor: u64, ceiling: u64) -> Piece {
    Piece { start: region.base.max(floor), end: region.end().min(ceiling), nid: region.nid }
}
