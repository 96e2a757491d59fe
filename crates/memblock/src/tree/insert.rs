//! Adding a region to the tree, and how much storage that takes.

use super::summary::Change;
use super::{MAX_HEIGHT, Path, ROOT, Tree};
use crate::chunk::{Chunk, NONE, SLOTS, Slot};

/// Where a full chunk is split.
#[derive(Clone, Copy)]
enum Split {
    /// After its last slot: regions arrive in ascending order, so chunks stay full.
    Last,
    /// Before its first slot: regions arrive in descending order.
    First,
    Half,
}

/// This many chunks are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) usize);

impl Tree<'_> {
    /// Chunks that an insertion before `path` takes.
    fn cost(&self, path: &Path) -> usize {
        match (0..self.height).find(|level| !self.chunk(path.id(*level)).is_full()) {
            Some(level) => level,
            None if self.height == MAX_HEIGHT => usize::MAX,
            // Every level splits, and the root moves out of the table first.
            None => self.height + 1,
        }
    }

    /// The most chunks that `count` insertions, spread over `leaves` leaves, can take.
    fn worst_cost(&self, count: usize, leaves: usize) -> usize {
        // A split leaves halves, so the same leaf takes many more insertions before it splits again.
        let splits = count.min(leaves.saturating_add(count / (SLOTS / 2)).saturating_add(1));
        // A root that is a leaf gets a slot for each region, any other one for each split below it.
        let into_root = if self.height == 1 { count } else { splits };
        // A full root moves out of the table first, which takes one more chunk than its splits.
        let root = if self.root.len() + into_root <= SLOTS { 0 } else { splits.saturating_add(1) };
        splits.saturating_mul(self.height - 1).saturating_add(root)
    }

    /// Whether `count` insertions over `leaves` leaves succeed and leave room for one more anywhere.
    pub(crate) fn admits(&self, count: usize, leaves: usize) -> Result<(), Missing> {
        let cost = self.worst_cost(count.saturating_add(1), leaves.saturating_add(1));
        match cost.checked_sub(self.arena().vacant()) {
            Some(missing) if missing > 0 => Err(Missing(missing)),
            _ => Ok(()),
        }
    }

    /// Like [`Tree::admits`], but exact, for one insertion before `path`.
    pub(crate) fn admits_at(&self, path: &Path) -> Result<(), Missing> {
        // More than an insertion and a cut can take together: no need to count.
        if self.arena().vacant() > 2 * self.height + 2 {
            return Ok(());
        }
        let cost = self.cost(path);
        let root_grows = cost > self.height;
        let root_takes = cost + 1 == self.height;
        let height = self.height + usize::from(root_grows);
        let root_full = !root_grows && self.root.len() + usize::from(root_takes) >= SLOTS;
        let spare = height - 1 + if root_full { 2 } else { 0 };
        match cost.saturating_add(spare).checked_sub(self.arena().vacant()) {
            Some(missing) if missing > 0 => Err(Missing(missing)),
            _ => Ok(()),
        }
    }

    /// How many regions can be added at any address, with room left for one more.
    pub(crate) fn room(&self) -> usize {
        let vacant = self.arena().vacant();
        // Each addition splits at most one chunk per level, and may add a level.
        let by_chunks = vacant.saturating_sub(self.height + 4).checked_div(self.height + 1).unwrap_or(0);
        let in_root = if self.height == 1 { SLOTS - 1 - self.root.len().min(SLOTS - 1) } else { 0 };
        in_root + by_chunks
    }

    /// Inserts `slot` before the region at `path`. O(log n).
    ///
    /// # Errors
    ///
    /// [`Missing`] chunks; the tree is unchanged.
    pub(crate) fn insert(&mut self, path: &mut Path, slot: Slot) -> Result<(), Missing> {
        let at = path.at(0);
        let leaf = self.chunk_mut(path.id(0));
        if !leaf.is_full() {
            let lost = leaf.gap_below(at);
            leaf.insert(at, slot);
            let gained = leaf.gaps_around(at);
            self.lift(path, 1, Change::Known { lost, gained });
            return Ok(());
        }
        let cost = self.cost(path);
        if cost > self.arena().vacant() {
            return Err(Missing(cost - self.arena().vacant()));
        }
        let leaf = self.chunk(path.id(0));
        let split = if at == leaf.len() && leaf.next == NONE {
            Split::Last
        } else if at == 0 && leaf.prev == NONE {
            Split::First
        } else {
            Split::Half
        };
        self.split_insert(path, 0, at, slot, split);
        Ok(())
    }

    /// Replaces the region at `path` with `parts`, which cover it exactly, if its leaf has room and the spare
    /// room is kept. The directory's entry for the leaf stays correct.
    pub(crate) fn splice(&mut self, path: &Path, parts: &[Slot]) -> bool {
        let leaf = self.chunk(path.id(0));
        let added = parts.len().saturating_sub(1);
        let keeps_spare = if self.height == 1 {
            leaf.len() + added < SLOTS
        } else {
            leaf.len() + added <= SLOTS && self.arena().vacant() > self.height
        };
        if keeps_spare {
            self.chunk_mut(path.id(0)).splice(path.at(0), parts);
        }
        keeps_spare
    }

    /// Inserts `slot` at index `at` of the path's chunk at `level`, splitting upwards as far as needed.
    fn split_insert(&mut self, path: &mut Path, level: usize, at: usize, slot: Slot, split: Split) {
        if !self.chunk(path.id(level)).is_full() {
            self.chunk_mut(path.id(level)).insert(at, slot);
            self.lift(path, level + 1, Change::Unknown);
            return;
        }
        if path.id(level) == ROOT {
            self.push_root_down(path, level);
        }
        let (id, parent_at) = (path.id(level), path.at(level + 1));
        let mut new = Chunk::EMPTY;
        match split {
            Split::Last | Split::First => new.insert(0, slot),
            Split::Half => {
                let lower = self.chunk_mut(id);
                new = lower.split_half();
                match at.checked_sub(lower.len()) {
                    Some(above) if above > 0 => new.insert(above, slot),
                    _ => lower.insert(at, slot),
                }
            }
        }
        let Some(new_id) = self.arena_mut().take(&new) else {
            debug_assert!(false, "insert() counted the chunks it needs");
            return;
        };
        let new_at = if matches!(split, Split::First) {
            if level == 0 {
                self.link(NONE, new_id);
                self.link(new_id, id);
            }
            parent_at
        } else {
            if level == 0 {
                let next = self.chunk(id).next;
                self.link(id, new_id);
                self.link(new_id, next);
            }
            parent_at + 1
        };
        let (kept, added) = (self.summary(id, level), self.summary(new_id, level));
        self.chunk_mut(path.id(level + 1)).set(parent_at, kept);
        self.split_insert(path, level + 1, new_at, added, split);
    }

    /// Moves the root's slots to a chunk below it.
    fn push_root_down(&mut self, path: &mut Path, level: usize) {
        let root = self.root;
        let Some(id) = self.arena_mut().take(&root) else {
            debug_assert!(false, "insert() counted the chunks it needs");
            return;
        };
        self.root = Chunk::EMPTY;
        let summary = self.summary(id, level);
        self.root.insert(0, summary);
        self.height += 1;
        path.set(level, id, path.at(level));
        path.set(level + 1, ROOT, 0);
    }

    /// Makes `next` follow `prev` in the list of leaves; either may be [`NONE`].
    pub(super) fn link(&mut self, prev: u32, next: u32) {
        if prev != NONE {
            self.chunk_mut(prev).next = next;
        }
        if next != NONE {
            self.chunk_mut(next).prev = prev;
        }
    }
}
