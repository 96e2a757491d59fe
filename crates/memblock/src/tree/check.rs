//! The tree's invariants, as code.

use super::{ROOT, Tree};
use crate::chunk::NONE;

impl Tree<'_> {
    /// Whether every invariant holds. O(n).
    pub(crate) fn is_consistent(&self) -> bool {
        let mut leaf_before = NONE;
        let chunks = self.check(ROOT, self.height - 1, &mut leaf_before);
        let last_leaf_ends = leaf_before == NONE || self.chunk(leaf_before).next == NONE;
        last_leaf_ends
            && (self.height == 1 || self.root.len() > 1)
            && chunks.is_some_and(|used| used + self.arena().vacant() == self.arena().total() + 1)
    }

    /// Counts the chunks at and below `id`; `None` if something is wrong there.
    fn check(&self, id: u32, level: usize, leaf_before: &mut u32) -> Option<usize> {
        let chunk = self.chunk(id);
        let slots = chunk.slots();
        if slots.is_empty() && id != ROOT {
            return None;
        }
        let sorted = chunk.is_padded()
            && slots.iter().all(|slot| slot.start < slot.end)
            && slots.iter().zip(slots.iter().skip(1)).all(|(a, b)| a.end <= b.start);
        if !sorted {
            return None;
        }
        if level == 0 {
            let linked =
                chunk.prev == *leaf_before && (*leaf_before == NONE || self.chunk(*leaf_before).next == id);
            *leaf_before = id;
            return linked.then_some(1);
        }
        slots.iter().try_fold(1, |chunks, slot| {
            let child = slot.child();
            let counted = self.summary(child, level - 1);
            let has_same_ends = (counted.start, counted.end) == (slot.start, slot.end);
            if !has_same_ends || !slot.gaps().is_bound_of(counted.gaps()) {
                return None;
            }
            Some(chunks + self.check(child, level - 1, leaf_before)?)
        })
    }
}
