//! Changes that stay inside one leaf, as most do.
//!
//! Each finds its place in one descent and changes a leaf. The directory above is updated only if the change
//! affects it. If more is needed, the result is `None` and nothing has been changed. Nothing here is needed
//! for correctness.

use super::summary::Change;
use super::{Path, ROOT, Tree};
use crate::chunk::{Chunk, NONE, SLOTS, Slot};
use crate::gap::Capacity;

/// The place of the first region that ends after an address. The rest of the path to it is kept apart: it is
/// seldom needed, and costly to carry along.
#[derive(Clone, Copy)]
struct Place {
    leaf: u32,
    at: usize,
    /// The directory's entry for the leaf's gaps; for a root, [`Capacity::ALL`], as nothing depends on it.
    gaps: Capacity,
}

impl Tree<'_> {
    /// `None` after the last region.
    #[inline]
    fn place_of(&self, address: u64, path: &mut Path) -> Option<Place> {
        let mut place = Place { leaf: ROOT, at: 0, gaps: Capacity::ALL };
        let mut chunk = &self.root;
        for level in (1..self.height).rev() {
            let at = chunk.first_ending_after(address);
            let slot = chunk.get(at)?;
            path.set_at(level, at);
            place.leaf = slot.child();
            place.gaps = slot.gaps();
            path.set(level - 1, place.leaf, 0);
            chunk = self.chunk(place.leaf);
        }
        place.at = chunk.first_ending_after(address);
        path.set_at(0, place.at);
        (place.at < chunk.len()).then_some(place)
    }

    /// The slot before index `at` of a leaf.
    #[inline]
    fn slot_before<'a>(&'a self, leaf: &'a Chunk, at: usize) -> Option<&'a Slot> {
        match at.checked_sub(1) {
            Some(below) => leaf.get(below),
            None if leaf.prev == NONE => None,
            None => self.chunk(leaf.prev).last(),
        }
    }

    /// The slot after index `at` of a leaf.
    #[inline]
    fn slot_after<'a>(&'a self, leaf: &'a Chunk, at: usize) -> Option<&'a Slot> {
        match leaf.get(at + 1) {
            None if leaf.next != NONE => self.chunk(leaf.next).first(),
            after => after,
        }
    }

    /// Whether a leaf of this length has room for one more region, with room left for a cut anywhere.
    #[inline]
    fn has_room(&self, len: usize) -> bool {
        if self.height == 1 {
            len < SLOTS - 1
        } else {
            // More than an insertion and a cut can take together: no need to count.
            len < SLOTS && self.arena().vacant() > 2 * self.height + 2
        }
    }

    /// Adds `gained` to the directory's entry for a leaf's gaps, unless that covers it already.
    #[inline]
    fn gain(&mut self, place: Place, path: &Path, gained: Capacity) {
        if !place.gaps.covers(gained) {
            self.lift(path, 1, Change::Known { lost: Capacity::NONE, gained });
        }
    }

    /// Adds a region that overlaps none, as a new slot or to the one neighbor it merges with. `Some` if done:
    /// 1 for a new slot, 0 for none.
    #[inline]
    pub(crate) fn insert_quick(&mut self, new: Slot) -> Option<usize> {
        if self.root.last().is_none_or(|last| last.end <= new.start) {
            return self.append_quick(new);
        }
        let mut path = Path::ROOT;
        let place = self.place_of(new.start, &mut path)?;
        let (leaf, at) = (self.chunk(place.leaf), place.at);
        let above = leaf.get(at)?;
        if above.start < new.end {
            return None;
        }
        let below = self.slot_before(leaf, at);
        let joins = (below.is_some_and(|below| below.merges_with(&new)), new.merges_with(above));
        // There is no directory above a root.
        let is_root = self.height == 1;
        let lost = if is_root { Capacity::NONE } else { leaf.gap_below(at) };
        let leaf = match joins {
            (false, false) if self.has_room(leaf.len()) => {
                let leaf = self.chunk_mut(place.leaf);
                leaf.insert(at, new);
                leaf
            }
            (false, true) => {
                let slot = above.moved(new.start, above.end);
                let leaf = self.chunk_mut(place.leaf);
                leaf.set(at, slot);
                leaf
            }
            (true, false) if at > 0 => {
                let slot = below?.moved(below?.start, new.end);
                let leaf = self.chunk_mut(place.leaf);
                leaf.set(at - 1, slot);
                leaf
            }
            _ => return None,
        };
        // What is left of the gap offers less than the gap did: if the gap did not matter, nothing changes.
        if !is_root && (at == 0 || !lost.is_smaller_than(place.gaps)) {
            let gained = leaf.gaps_around(at);
            self.lift(&path, 1, Change::Known { lost, gained });
        }
        Some(usize::from(joins == (false, false)))
    }

    /// Adds a region after all others, and updates the directory on the way down. Like
    /// [`Tree::insert_quick`].
    fn append_quick(&mut self, new: Slot) -> Option<usize> {
        let leaf = self.last_leaf();
        let Some(last) = leaf.last() else {
            self.root.append(&[new]);
            return Some(1);
        };
        let (last_end, merges) = (last.end, last.merges_with(&new));
        if !merges && !self.has_room(leaf.len()) {
            return None;
        }
        let mut id = ROOT;
        if self.height > 1 {
            let gap = Capacity::of_gap(last_end, new.start);
            for _ in 1..self.height {
                let slot = self.chunk_mut(id).last_mut()?;
                *slot = Slot::branch(slot.start, new.end, slot.child(), slot.gaps().and(gap));
                id = slot.child();
            }
        }
        let leaf = self.chunk_mut(id);
        if merges {
            let slot = leaf.last_mut()?;
            *slot = slot.moved(slot.start, new.end);
        } else {
            leaf.append(&[new]);
        }
        Some(usize::from(!merges))
    }

    /// Removes `start..end` if it overlaps only one region. `Some` if done: the bytes removed, and the change
    /// in the number of regions.
    #[inline]
    pub(crate) fn remove_quick(&mut self, start: u64, end: u64) -> Option<(u64, isize)> {
        let mut path = Path::ROOT;
        let Some(place) = self.place_of(start, &mut path) else { return Some((0, 0)) };
        let (leaf, at) = (self.chunk(place.leaf), place.at);
        let slot = *leaf.get(at)?;
        if slot.start >= end {
            return Some((0, 0));
        }
        if slot.end < end && self.slot_after(leaf, at).is_some_and(|after| after.start < end) {
            return None;
        }
        let size = slot.end.min(end) - slot.start.max(start);
        let len = leaf.len();
        // Gaps, and what they can hold, only grow. But the ends of a leaf also affect the directory.
        let is_root = self.height == 1;
        let is_inner = at > 0 && at + 1 < len;
        let lost = if is_inner || is_root { Capacity::NONE } else { leaf.gaps_around(at) };
        let change = match (slot.start < start, end < slot.end) {
            (true, true) => {
                // A cut may use the room that is kept for it, but not on this path.
                if !self.has_room(len) {
                    return None;
                }
                let leaf = self.chunk_mut(place.leaf);
                leaf.set(at, slot.moved(end, slot.end));
                leaf.insert(at, slot.moved(slot.start, start));
                if !is_root {
                    self.gain(place, &path, Capacity::of_gap(start, end));
                }
                return Some((size, 1));
            }
            (true, false) => {
                self.chunk_mut(place.leaf).set(at, slot.moved(slot.start, start));
                0
            }
            (false, true) => {
                self.chunk_mut(place.leaf).set(at, slot.moved(end, slot.end));
                0
            }
            (false, false) => {
                // A leaf that becomes small is joined with its neighbor.
                if !is_root && len <= SLOTS / 4 {
                    return None;
                }
                self.chunk_mut(place.leaf).remove(at);
                -1
            }
        };
        if is_root {
            return Some((size, change));
        }
        let leaf = self.chunk(place.leaf);
        let gained = if change < 0 { leaf.gap_below(at) } else { leaf.gaps_around(at) };
        if is_inner {
            self.gain(place, &path, gained);
        } else {
            self.lift(&path, 1, Change::Known { lost, gained });
        }
        Some((size, change))
    }
}
