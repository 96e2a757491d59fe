//! Keeping the directory correct after a change in a leaf.

use super::{Path, Tree};
use crate::chunk::{Chunk, Slot};
use crate::gap::Capacity;

/// What a change in a chunk did to its gaps.
#[derive(Clone, Copy)]
pub(super) enum Change {
    /// Nothing is known: recount.
    Unknown,
    Known {
        /// What the gaps that are gone could hold.
        lost: Capacity,
        /// What the gaps that are new can hold.
        gained: Capacity,
    },
}

impl Change {
    /// What the gaps of `child`, at `level`, can hold now if they could hold `old` before.
    #[inline]
    fn apply(self, old: Capacity, child: &Chunk, level: usize) -> Capacity {
        match self {
            Self::Unknown => child.capacity(level),
            Self::Known { lost, gained } => match old.exchange(lost, gained) {
                Ok(gaps) => gaps,
                Err(at_most) => child.capacity_below(level, at_most),
            },
        }
    }
}

impl Tree<'_> {
    /// The slot for a child at `level`, computed from the child's slots.
    pub(super) fn summary(&self, id: u32, level: usize) -> Slot {
        let chunk = self.chunk(id);
        let (start, end) = chunk.first().zip(chunk.last()).map_or((0, 1), |(a, b)| (a.start, b.end));
        Slot::branch(start, end, id, chunk.capacity(level))
    }

    /// Carries a change in the chunk below `from` up the path, until it no longer affects a level.
    ///
    /// A chunk's 64 gaps are recounted only when its largest gap went away, which is rare.
    pub(super) fn lift(&mut self, path: &Path, from: usize, change: Change) {
        let mut change = change;
        for level in from..self.height {
            let (child_id, parent_id, at) = (path.id(level - 1), path.id(level), path.at(level));
            let child = self.chunk(child_id);
            let parent = self.chunk(parent_id);
            let (Some(old), Some(first), Some(last)) = (parent.get(at), child.first(), child.last()) else {
                return;
            };
            let (old, before) = (*old, parent.gaps_around(at));
            let gaps = change.apply(old.gaps(), child, level - 1);
            let new = Slot::branch(first.start, last.end, child_id, gaps);
            if new == old {
                return;
            }
            let parent = self.chunk_mut(parent_id);
            parent.set(at, new);
            change = Change::Known { lost: before.and(old.gaps()), gained: parent.gaps_around(at).and(gaps) };
        }
    }

    /// Replaces the region at `path` with `slot`, which must fit between its neighbors. O(log n).
    pub(crate) fn replace(&mut self, path: &Path, slot: Slot) {
        let at = path.at(0);
        let leaf = self.chunk_mut(path.id(0));
        let lost = leaf.gaps_around(at);
        leaf.set(at, slot);
        let gained = leaf.gaps_around(at);
        self.lift(path, 1, Change::Known { lost, gained });
    }
}
