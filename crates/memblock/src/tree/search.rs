//! Finding a gap by the summaries, without looking at the regions in between.

use super::{Path, Tree};
use crate::chunk::Chunk;
use crate::gap::GapSize;

/// A gap between two regions: its first byte and the first byte behind it.
type Gap = (u64, u64);

fn gap_below(chunk: &Chunk, at: usize) -> Option<Gap> {
    let below = chunk.get(at.checked_sub(1)?)?;
    Some((below.end, chunk.get(at)?.start))
}

const fn holds(gap: Gap, size: u64) -> bool {
    gap.1 - gap.0 >= size
}

impl Tree<'_> {
    /// The highest gap of at least `size` bytes that lies between two regions at or below `path`. O(log n)
    /// for a `size` that [`GapSize`] does not round.
    pub(crate) fn gap_before(&self, path: &Path, size: u64) -> Option<Gap> {
        let wanted = GapSize::of(size);
        (0..self.height).find_map(|level| {
            let chunk = self.chunk(path.id(level));
            // `path` may be behind the last region: there is no gap between two regions above that.
            let at = path.at(level).min(chunk.len().checked_sub(1)?);
            if let Some(gap) = gap_below(chunk, at).filter(|gap| holds(*gap, size)) {
                return Some(gap);
            }
            self.last_gap_in(chunk, level, at, wanted, size)
        })
    }

    /// The highest fitting gap among the first `len` slots of `chunk`, and inside them.
    fn last_gap_in(
        &self,
        chunk: &Chunk,
        level: usize,
        len: usize,
        wanted: GapSize,
        size: u64,
    ) -> Option<Gap> {
        (0..len).rev().find_map(|at| {
            if level > 0 && chunk.get(at)?.gap() >= wanted {
                let child = self.chunk(chunk.get(at)?.child());
                let found = self.last_gap_in(child, level - 1, child.len(), wanted, size);
                if found.is_some() {
                    return found;
                }
            }
            gap_below(chunk, at).filter(|gap| holds(*gap, size))
        })
    }

    /// The lowest gap of at least `size` bytes that lies between two regions at or above `path`. O(log n)
    /// for a `size` that [`GapSize`] does not round.
    pub(crate) fn gap_behind(&self, path: &Path, size: u64) -> Option<Gap> {
        let wanted = GapSize::of(size);
        (0..self.height).find_map(|level| {
            let chunk = self.chunk(path.id(level));
            self.first_gap_in(chunk, level, path.at(level) + 1, wanted, size)
        })
    }

    /// The lowest fitting gap below and inside the slots of `chunk` from `from` on.
    fn first_gap_in(
        &self,
        chunk: &Chunk,
        level: usize,
        from: usize,
        wanted: GapSize,
        size: u64,
    ) -> Option<Gap> {
        (from..chunk.len()).find_map(|at| {
            let below = gap_below(chunk, at).filter(|gap| holds(*gap, size));
            if below.is_some() || level == 0 || chunk.get(at)?.gap() < wanted {
                return below;
            }
            let child = self.chunk(chunk.get(at)?.child());
            self.first_gap_in(child, level - 1, 0, wanted, size)
        })
    }
}
