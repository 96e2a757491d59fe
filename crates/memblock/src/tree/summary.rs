//! Keeping the directory true after a change in a leaf.

use super::{Path, Tree};
use crate::chunk::Slot;
use crate::gap::GapSize;

/// What a change in a chunk did to its gaps.
#[derive(Clone, Copy)]
pub(super) struct Change {
    /// The largest gap that is gone.
    lost: GapSize,
    /// The largest gap that came.
    gained: GapSize,
}

impl Change {
    /// Nothing is known: count again.
    pub(super) const UNKNOWN: Self = Self { lost: GapSize::MAX, gained: GapSize::ZERO };

    pub(super) const fn new(lost: GapSize, gained: GapSize) -> Self {
        Self { lost, gained }
    }
}

impl Tree<'_> {
    /// The slot for a child at `level`, counted from its slots.
    pub(super) fn summary(&self, id: u32, level: usize) -> Slot {
        let chunk = self.chunk(id);
        let (start, end) = chunk.first().zip(chunk.last()).map_or((0, 1), |(a, b)| (a.start, b.end));
        Slot::branch(start, end, id, chunk.largest_gap(level))
    }

    /// Takes a change of the chunk below `from` up the path, until a level does not see it.
    ///
    /// A chunk's 64 gaps are counted again only when its largest went away, which a change somewhere in it
    /// does one time in 64.
    pub(super) fn lift(&mut self, path: &Path, from: usize, change: Change) {
        let mut change = change;
        for level in from..self.height {
            let (child_id, parent_id, at) = (path.id(level - 1), path.id(level), path.at(level));
            let child = self.chunk(child_id);
            let parent = self.chunk(parent_id);
            let (Some(old), Some(first), Some(last)) = (parent.get(at), child.first(), child.last()) else {
                return;
            };
            let (old, before) = (*old, parent.gap_around(at));
            let gap = if change.lost < GapSize::MAX && change.gained >= old.gap() {
                change.gained
            } else if change.lost >= old.gap() {
                child.largest_gap(level - 1)
            } else {
                old.gap()
            };
            let new = Slot::branch(first.start, last.end, child_id, gap);
            if new == old {
                return;
            }
            let parent = self.chunk_mut(parent_id);
            parent.set(at, new);
            change = Change::new(before.max(old.gap()), parent.gap_around(at).max(gap));
        }
    }

    /// Puts `slot` in place of the region at `path`; it must fit between its neighbours. O(log n).
    pub(crate) fn replace(&mut self, path: &Path, slot: Slot) {
        let at = path.at(0);
        let leaf = self.chunk_mut(path.id(0));
        let lost = leaf.gap_around(at);
        leaf.set(at, slot);
        let gained = leaf.gap_around(at);
        self.lift(path, 1, Change::new(lost, gained));
    }
}
