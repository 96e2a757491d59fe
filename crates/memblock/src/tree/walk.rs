//! Walking the regions in both directions.

use core::slice;

use super::{Path, ROOT, Tree};
use crate::chunk::Slot;

/// The slots of the leaves between two places, from either end.
///
/// `front` holds the rest of the first leaf, `back` the rest of the last one. If only one leaf is left, it is
/// in one of the two.
#[derive(Clone)]
pub(crate) struct Slots<'a> {
    tree: &'a Tree<'a>,
    front: slice::Iter<'a, Slot>,
    back: slice::Iter<'a, Slot>,
    front_id: u32,
    back_id: u32,
}

impl Tree<'_> {
    /// The regions from `from` up to, but not including, `to`, which must not come before `from`.
    pub(crate) fn slots<'a>(&'a self, from: &Path, to: &Path) -> Slots<'a> {
        let (front_id, back_id) = (from.id(0), to.id(0));
        let upto = self.chunk(back_id).slots().get(..to.at(0)).unwrap_or_default();
        let (front, back) = if front_id == back_id {
            (&[] as &[Slot], upto.get(from.at(0)..).unwrap_or_default())
        } else {
            (self.chunk(front_id).slots().get(from.at(0)..).unwrap_or_default(), upto)
        };
        Slots { tree: self, front: front.iter(), back: back.iter(), front_id, back_id }
    }

    /// All regions.
    #[inline]
    pub(crate) fn all_slots(&self) -> Slots<'_> {
        if self.height == 1 {
            let back = self.root.slots().iter();
            return Slots { tree: self, front: [].iter(), back, front_id: ROOT, back_id: ROOT };
        }
        self.slots(&self.locate(0), &self.end())
    }
}

impl<'a> Slots<'a> {
    /// The next slot once `front` is used up.
    fn next_leaf(&mut self) -> Option<&'a Slot> {
        if self.front_id != self.back_id {
            self.front_id = self.tree.chunk(self.front_id).next;
        }
        if self.front_id == self.back_id {
            // The last leaf becomes the first: its rest moves to `front`, and `back` is empty.
            self.front = core::mem::take(&mut self.back);
        } else {
            self.front = self.tree.chunk(self.front_id).slots().iter();
        }
        self.front.next()
    }

    /// The next slot from the back once `back` is used up.
    fn previous_leaf(&mut self) -> Option<&'a Slot> {
        if self.front_id != self.back_id {
            self.back_id = self.tree.chunk(self.back_id).prev;
        }
        if self.front_id == self.back_id {
            self.back = core::mem::take(&mut self.front);
        } else {
            self.back = self.tree.chunk(self.back_id).slots().iter();
        }
        self.back.next_back()
    }
}

impl<'a> Iterator for Slots<'a> {
    type Item = &'a Slot;

    #[inline]
    fn next(&mut self) -> Option<&'a Slot> {
        let slot = self.front.next();
        if slot.is_some() { slot } else { self.next_leaf() }
    }
}

impl DoubleEndedIterator for Slots<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let slot = self.back.next_back();
        if slot.is_some() { slot } else { self.previous_leaf() }
    }
}
