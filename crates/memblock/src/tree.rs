//! The tree of chunks in a region table.
//!
//! A B+tree with its root in the table itself. A table of up to 64 regions is only the root: a flat sorted
//! array without a directory. Larger tables keep their regions in leaves that are linked both ways, under a
//! directory of chunks of the same shape. A directory slot holds the span of a child and the size of the
//! largest gap inside it.
//!
//! The tree knows order, not meaning: it neither merges nor splits regions.

mod check;
mod insert;
mod quick;
mod remove;
mod search;
mod summary;
mod walk;

pub(crate) use insert::Missing;
pub(crate) use search::GapQuery;
pub(crate) use walk::Slots;

use crate::arena::Arena;
use crate::chunk::{Chunk, NONE, SLOTS, Slot};

/// Levels a tree can have. Chunks are split in half, so 8 levels take 32^7 leaves.
pub(crate) const MAX_HEIGHT: usize = 8;

/// The number of the root, which is in no slab.
pub(crate) const ROOT: u32 = NONE - 1;
const _: () = assert!(Arena::is_outside(ROOT) && Arena::is_outside(NONE));

/// # Invariants
///
/// - Regions are sorted and disjoint.
/// - All leaves are `height - 1` levels below the root, and linked in order.
/// - Only the root may be empty, and only when it is a leaf; a root above leaves has two children or more.
/// - A slot above the leaves has its child's first start and last end, the size of the child's largest inner
///   gap, and at least the largest alignment that any of these gaps offers.
pub(crate) struct Tree<'m> {
    root: Chunk,
    height: usize,
    arena: Arena<'m>,
}

/// A place in the tree: a chunk and a slot in it for each level. Level 0 is the leaf.
///
/// Any change to the tree makes it stale.
#[derive(Clone)]
pub(crate) struct Path {
    ids: [u32; MAX_HEIGHT],
    at: [u8; MAX_HEIGHT],
}

impl Path {
    const ROOT: Self = Self { ids: [ROOT; MAX_HEIGHT], at: [0; MAX_HEIGHT] };

    fn id(&self, level: usize) -> u32 {
        self.ids[level % MAX_HEIGHT]
    }

    fn at(&self, level: usize) -> usize {
        usize::from(self.at[level % MAX_HEIGHT])
    }

    fn set(&mut self, level: usize, id: u32, at: usize) {
        self.ids[level % MAX_HEIGHT] = id;
        self.set_at(level, at);
    }

    fn set_at(&mut self, level: usize, at: usize) {
        const { assert!(SLOTS < u8::MAX as usize) };
        #[allow(clippy::cast_possible_truncation)]
        let at = at as u8;
        self.at[level % MAX_HEIGHT] = at;
    }
}

impl<'m> Tree<'m> {
    pub(crate) const fn new() -> Self {
        Self { root: Chunk::EMPTY, height: 1, arena: Arena::new() }
    }

    pub(crate) const fn arena(&self) -> &Arena<'m> {
        &self.arena
    }

    pub(crate) const fn arena_mut(&mut self) -> &mut Arena<'m> {
        &mut self.arena
    }

    /// Removes all regions and keeps the storage. O(1).
    pub(crate) fn clear(&mut self) {
        self.root.clear();
        self.height = 1;
        self.arena.clear();
    }

    /// The chunk with a number. Any number that is not a chunk of a slab means the root, so this cannot fail;
    /// only [`ROOT`] is used for it.
    #[inline]
    fn chunk(&self, id: u32) -> &Chunk {
        self.arena.get(id).unwrap_or(&self.root)
    }

    /// Like [`Tree::chunk`], mutably.
    #[inline]
    fn chunk_mut(&mut self, id: u32) -> &mut Chunk {
        self.arena.get_mut(id).unwrap_or(&mut self.root)
    }

    /// The last leaf. O(height), without a search.
    #[inline]
    pub(crate) fn last_leaf(&self) -> &[Slot] {
        let mut chunk = &self.root;
        for _ in 1..self.height {
            chunk = chunk.last().map_or(chunk, |slot| self.chunk(slot.child()));
        }
        chunk.slots()
    }

    /// First start and last end of all regions.
    pub(crate) fn ends(&self) -> Option<(u64, u64)> {
        Some((self.root.first()?.start, self.root.last()?.end))
    }

    /// The place of the first region that ends after `address`; after the last region if there is none. O(log
    /// n).
    pub(crate) fn locate(&self, address: u64) -> Path {
        if self.root.last().is_none_or(|last| last.end <= address) {
            return self.end();
        }
        let mut path = Path::ROOT;
        let mut id = ROOT;
        for level in (0..self.height).rev() {
            let chunk = self.chunk(id);
            let at = chunk.first_ending_after(address);
            path.set(level, id, at);
            if level > 0 {
                id = chunk.get(at).map_or(ROOT, Slot::child);
            }
        }
        path
    }

    /// The place of the first region that starts at or above `address`; after the last one if there is none.
    /// O(log n).
    pub(crate) fn first_starting_at_or_after(&self, address: u64) -> Path {
        let mut path = self.locate(address);
        if self.get(&path).is_some_and(|slot| slot.start < address) {
            // After it in its leaf. That is as good as the front of the next leaf, but only for the end of a
            // walk and for `before`.
            path.set_at(0, path.at(0) + 1);
        }
        path
    }

    /// The place after the last region.
    pub(crate) fn end(&self) -> Path {
        let mut path = Path::ROOT;
        self.descend_last(&mut path, self.height - 1, ROOT);
        path.set_at(0, self.chunk(path.id(0)).len());
        path
    }

    /// Fills the path from `level` down with the last slots under chunk `id`.
    fn descend_last(&self, path: &mut Path, level: usize, id: u32) {
        let mut id = id;
        for level in (0..=level).rev() {
            let chunk = self.chunk(id);
            path.set(level, id, chunk.len().saturating_sub(1));
            if level > 0 {
                id = chunk.last().map_or(ROOT, Slot::child);
            }
        }
    }

    /// The region at a place; `None` after the last one.
    pub(crate) fn get(&self, path: &Path) -> Option<Slot> {
        self.chunk(path.id(0)).get(path.at(0)).copied()
    }

    /// The region before a place.
    pub(crate) fn before(&self, path: &Path) -> Option<Slot> {
        let leaf = self.chunk(path.id(0));
        match path.at(0).checked_sub(1) {
            Some(below) => leaf.get(below).copied(),
            None if leaf.prev == NONE => None,
            None => self.chunk(leaf.prev).last().copied(),
        }
    }

    /// The region after the one at a place.
    pub(crate) fn after(&self, path: &Path) -> Option<Slot> {
        let leaf = self.chunk(path.id(0));
        if path.at(0) + 1 < leaf.len() {
            return leaf.get(path.at(0) + 1).copied();
        }
        if leaf.next == NONE { None } else { self.chunk(leaf.next).first().copied() }
    }

    /// The first region that ends after `address`. O(log n).
    pub(crate) fn find(&self, address: u64) -> Option<&Slot> {
        let mut chunk = &self.root;
        for _ in 1..self.height {
            chunk = self.chunk(chunk.get(chunk.first_ending_after(address))?.child());
        }
        chunk.get(chunk.first_ending_after(address))
    }

    /// Number of leaves from one place to another. O(leaves).
    pub(crate) fn leaves(&self, from: &Path, to: &Path) -> usize {
        let (mut id, mut leaves) = (from.id(0), 1);
        while id != to.id(0) && id != NONE {
            id = self.chunk(id).next;
            leaves += 1;
        }
        leaves
    }

    /// Moves a place down by one region. It must not be the first.
    pub(crate) fn step_back(&self, path: &mut Path) {
        let Some(level) = (0..self.height).find(|level| path.at(*level) > 0) else { return };
        path.set_at(level, path.at(level) - 1);
        if level > 0
            && let Some(slot) = self.chunk(path.id(level)).get(path.at(level))
        {
            self.descend_last(path, level - 1, slot.child());
        }
    }
}
