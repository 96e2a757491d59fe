//! Chunks in a `static`.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::Chunk;

/// Chunks for a `static`, handed out once.
///
/// A table in a `static` needs memory that lives as long: `&'static mut [Chunk]`, which safe code cannot
/// take from a `static` of its own.
///
/// ```
/// use memblock::ChunkStore;
/// static CHUNKS: ChunkStore<4> = ChunkStore::new();
/// assert_eq!(CHUNKS.take().map(|chunks| chunks.len()), Some(4));
/// assert!(CHUNKS.take().is_none());
/// ```
pub struct ChunkStore<const N: usize> {
    chunks: UnsafeCell<[Chunk; N]>,
    taken: AtomicBool,
}

// SAFETY:
// 1. `chunks` is reached through `take` alone, which gives it away once, ever.
// 2. `Chunk` is plain data: `Send` and `Sync`.
unsafe impl<const N: usize> Sync for ChunkStore<N> {}

impl<const N: usize> ChunkStore<N> {
    /// N chunks, `N * size_of::<Chunk>()` bytes.
    pub const fn new() -> Self {
        Self { chunks: UnsafeCell::new([Chunk::EMPTY; N]), taken: AtomicBool::new(false) }
    }

    /// The chunks, the first time; `None` after that. O(1).
    // Each call but the first gives nothing: see the reasons below.
    #[allow(clippy::mut_from_ref)]
    pub fn take(&'static self) -> Option<&'static mut [Chunk]> {
        if self.taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        // SAFETY:
        // 1. The swap returned false, which it does once: no other reference exists or will exist.
        // 2. `self` is `'static`, so the chunks live as long as the reference.
        Some(unsafe { &mut *self.chunks.get() })
    }
}

impl<const N: usize> Default for ChunkStore<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for ChunkStore<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkStore").field("chunks", &N).field("taken", &self.taken).finish()
    }
}

impl Chunk {
    /// Makes chunks of memory that holds nothing yet, such as pages just allocated. O(memory).
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use memblock::{Chunk, RegionTable};
    /// let mut pages = [const { MaybeUninit::<Chunk>::uninit() }; 5];
    /// let mut table = RegionTable::new();
    /// table.grow(Chunk::fill(&mut pages))?;
    /// assert_eq!(table.chunks(), 5);
    /// # Ok::<(), memblock::TooManySlabs>(())
    /// ```
    pub fn fill(memory: &mut [MaybeUninit<Self>]) -> &mut [Self] {
        for chunk in &mut *memory {
            chunk.write(Self::EMPTY);
        }
        // SAFETY: the loop wrote every element.
        unsafe { memory.assume_init_mut() }
    }
}
