//! Where chunks come from: slabs of memory that the caller hands over.

use crate::Chunk;
use crate::chunk::NONE;

/// How many times a table can be handed memory.
pub(crate) const MAX_SLABS: usize = 32;

/// Low bits of a chunk's number: its index in the slab. The bits above number the slab.
const INDEX_BITS: u32 = 26;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

/// The table has been handed memory 32 times already.
///
/// Hand over more at a time: doubling reaches any size within 32 steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region table takes memory at most {MAX_SLABS} times; hand over more at a time")]
pub struct TooManySlabs;

/// Written out: a `const` may not hold `&mut []`, so there is no array-repeat form.
#[rustfmt::skip]
const fn no_slabs<'m>() -> [&'m mut [Chunk]; MAX_SLABS] {
    [
        &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [],
        &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [],
        &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [],
        &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [], &mut [],
    ]
}

/// The chunks of all slabs, each vacant or in use.
///
/// # Invariants
///
/// `vacant` = chunks on the list that starts at `returned` + chunks never used. A chunk is not touched before
/// its first use, so handing over a large slab costs nothing.
pub(crate) struct Arena<'m> {
    slabs: [&'m mut [Chunk]; MAX_SLABS],
    slab_count: u32,
    /// The slab that never-used chunks come from, and the first such chunk in it.
    fresh_slab: u32,
    fresh_index: u32,
    /// Head of the list of chunks that were used and given back.
    returned: u32,
    vacant: usize,
    total: usize,
}

impl<'m> Arena<'m> {
    pub(crate) const fn new() -> Self {
        Self {
            slabs: no_slabs(),
            slab_count: 0,
            fresh_slab: 0,
            fresh_index: 0,
            returned: NONE,
            vacant: 0,
            total: 0,
        }
    }

    pub(crate) fn grow(&mut self, slab: &'m mut [Chunk]) -> Result<(), TooManySlabs> {
        let used = slab.len().min(INDEX_MASK as usize);
        if used == 0 {
            return Ok(());
        }
        let place = self.slabs.get_mut(self.slab_count as usize).ok_or(TooManySlabs)?;
        *place = slab.get_mut(..used).unwrap_or_default();
        self.slab_count += 1;
        self.vacant += used;
        self.total += used;
        Ok(())
    }

    /// Whether a number lies beyond any slab, however many there are.
    pub(crate) const fn is_outside(id: u32) -> bool {
        (id >> INDEX_BITS) as usize >= MAX_SLABS
    }

    /// Vacant chunks.
    pub(crate) const fn vacant(&self) -> usize {
        self.vacant
    }

    /// Chunks handed over.
    pub(crate) const fn total(&self) -> usize {
        self.total
    }

    /// The chunk with a number from [`Arena::take`]; `None` for any other number.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&Chunk> {
        self.slabs.get((id >> INDEX_BITS) as usize)?.get((id & INDEX_MASK) as usize)
    }

    /// Like [`Arena::get`], mutably.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Chunk> {
        self.slabs.get_mut((id >> INDEX_BITS) as usize)?.get_mut((id & INDEX_MASK) as usize)
    }

    /// Stores `chunk` in a vacant place and returns its number; `None` if there is none.
    pub(crate) fn take(&mut self, chunk: &Chunk) -> Option<u32> {
        let id = if self.returned == NONE {
            self.next_fresh()?
        } else {
            let id = self.returned;
            self.returned = self.get(id)?.next;
            id
        };
        *self.get_mut(id)? = *chunk;
        self.vacant -= 1;
        Some(id)
    }

    /// Makes a chunk vacant.
    pub(crate) fn give(&mut self, id: u32) {
        let returned = self.returned;
        let chunk = self.get_mut(id);
        debug_assert!(chunk.is_some());
        if let Some(chunk) = chunk {
            chunk.next = returned;
            self.returned = id;
            self.vacant += 1;
        }
    }

    /// Makes all chunks vacant, in O(1).
    pub(crate) fn clear(&mut self) {
        self.returned = NONE;
        self.fresh_slab = 0;
        self.fresh_index = 0;
        self.vacant = self.total;
    }

    fn next_fresh(&mut self) -> Option<u32> {
        if self.fresh_slab == self.slab_count {
            return None;
        }
        let id = self.fresh_slab << INDEX_BITS | self.fresh_index;
        self.fresh_index += 1;
        if self.fresh_index as usize == self.slabs[self.fresh_slab as usize % MAX_SLABS].len() {
            self.fresh_slab += 1;
            self.fresh_index = 0;
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_of_every_slab_is_handed_out_exactly_once() {
        let (mut one, mut two) = ([Chunk::EMPTY; 3], [Chunk::EMPTY; 2]);
        let mut arena = Arena::new();
        arena.grow(&mut one).unwrap();
        arena.grow(&mut []).unwrap();
        arena.grow(&mut two).unwrap();
        let mut ids: std::vec::Vec<u32> = core::iter::from_fn(|| arena.take(&Chunk::EMPTY)).collect();
        // `dedup` compares neighbors only.
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), arena.vacant()), (5, 0));
        for id in &ids {
            arena.give(*id);
        }
        assert_eq!(core::iter::from_fn(|| arena.take(&Chunk::EMPTY)).count(), 5);
    }

    #[test]
    fn the_thirty_third_slab_is_refused() {
        let mut chunks = [Chunk::EMPTY; MAX_SLABS + 1];
        let mut arena = Arena::new();
        let mut slabs = chunks.chunks_mut(1);
        for slab in slabs.by_ref().take(MAX_SLABS) {
            arena.grow(slab).unwrap();
        }
        assert_eq!(arena.grow(slabs.next().unwrap()), Err(TooManySlabs));
    }
}
