//! Removing a region from the tree. This never needs storage.

use super::summary::Change;
use super::{Path, ROOT, Tree};
use crate::chunk::SLOTS;

impl Tree<'_> {
    /// Removes the region at `path`. O(log n).
    pub(crate) fn remove(&mut self, path: &Path) {
        let (id, at) = (path.id(0), path.at(0));
        let leaf = self.chunk_mut(id);
        let lost = leaf.gaps_around(at);
        leaf.remove(at);
        let gained = leaf.gap_below(at);
        self.settle(path, 0, Change::Known { lost, gained });
    }

    /// Repairs the tree above a chunk at `level` that lost a slot.
    fn settle(&mut self, path: &Path, level: usize, change: Change) {
        let id = path.id(level);
        if id == ROOT {
            self.collapse_root();
            return;
        }
        let len = self.chunk(id).len();
        let (parent, at) = (path.id(level + 1), path.at(level + 1));
        if len == 0 {
            self.release(id, level);
            self.chunk_mut(parent).remove(at);
            self.settle(path, level + 1, Change::Unknown);
        } else if len < SLOTS / 4
            && let Some(lower_at) = self.joinable(parent, at)
        {
            self.join(parent, lower_at, level);
            self.settle(path, level + 1, Change::Unknown);
        } else {
            self.lift(path, level + 1, change);
        }
    }

    /// Index of the lower of two neighbors under `parent`, one of them `at`, that fit into one chunk with
    /// room to spare.
    fn joinable(&self, parent: u32, at: usize) -> Option<usize> {
        let parent = self.chunk(parent);
        let len = |at: usize| parent.get(at).map(|slot| self.chunk(slot.child()).len());
        [Some(at), at.checked_sub(1)].into_iter().flatten().find(|&lower| {
            // Not filled up: the next insertion would split it again.
            len(lower).zip(len(lower + 1)).is_some_and(|(a, b)| a + b <= SLOTS * 3 / 4)
        })
    }

    /// Moves the slots of the child after `lower_at` into the child at `lower_at`.
    fn join(&mut self, parent: u32, lower_at: usize, level: usize) {
        let children = self.chunk(parent).slots().get(lower_at..lower_at + 2);
        let Some([lower, upper]) = children else { return };
        let (lower, upper) = (lower.child(), upper.child());
        let moved = *self.chunk(upper);
        self.chunk_mut(lower).append(moved.slots());
        self.release(upper, level);
        let summary = self.summary(lower, level);
        let parent = self.chunk_mut(parent);
        parent.set(lower_at, summary);
        parent.remove(lower_at + 1);
    }

    /// Returns a chunk of `level` to the arena.
    fn release(&mut self, id: u32, level: usize) {
        if level == 0 {
            let leaf = self.chunk(id);
            let (prev, next) = (leaf.prev, leaf.next);
            self.link(prev, next);
        }
        self.arena_mut().give(id);
    }

    /// While the root has one child only, that child's slots become the root's.
    fn collapse_root(&mut self) {
        while self.height > 1
            && let [only] = self.root.slots()
        {
            let child = only.child();
            self.root = *self.chunk(child);
            self.arena_mut().give(child);
            self.height -= 1;
        }
    }
}
