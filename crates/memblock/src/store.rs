//! Chunks made from raw memory: a `static`, pages, or memory that a memblock manages. All unsafe code of the
//! crate is here.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::{Chunk, PhysRange};

/// Chunks in a `static`, handed out once.
///
/// A table in a `static` needs memory that lives as long, `&'static mut [Chunk]`. Safe code cannot take that
/// from a `static` of its own.
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
// 1. `chunks` is reached only through `take`, which hands it out once, ever.
// 2. `Chunk` is plain data: `Send` and `Sync`.
unsafe impl<const N: usize> Sync for ChunkStore<N> {}

impl<const N: usize> ChunkStore<N> {
    /// N chunks, `N * size_of::<Chunk>()` bytes.
    pub const fn new() -> Self {
        Self { chunks: UnsafeCell::new([Chunk::EMPTY; N]), taken: AtomicBool::new(false) }
    }

    /// The chunks, the first time; `None` after that. O(1).
    // Every call after the first returns `None`: see the reasons below.
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
    /// Turns uninitialized memory, such as newly allocated pages, into chunks. O(memory).
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

/// Maps a physical address to a pointer, so that tables can grow into the memory they manage. In a kernel
/// this is the direct map; on a host, an offset into a buffer.
///
/// ```
/// use core::ptr::NonNull;
/// use memblock::{DirectMap, PhysRange};
///
/// fn direct_map(range: PhysRange) -> Option<NonNull<u8>> {
///     const PAGE_OFFSET: usize = 0xffff_8880_0000_0000;
///     NonNull::new(usize::try_from(range.start()).ok()?.wrapping_add(PAGE_OFFSET) as *mut u8)
/// }
/// // SAFETY: the kernel maps all memory there before it allows growth, and never unmaps it.
/// let map = unsafe { DirectMap::new(&direct_map) };
/// ```
///
/// Not `Clone`: it serves one memblock only.
pub struct DirectMap<'m> {
    map: &'m (dyn Fn(PhysRange) -> Option<NonNull<u8>> + Sync),
}

impl<'m> DirectMap<'m> {
    /// Wraps the map function. It gets a range of whole pages and returns the pointer to its first byte, or
    /// `None` if the range is not mapped in one piece. Then the table does not grow, and the call reports an
    /// error.
    ///
    /// # Safety
    ///
    /// The following must hold for every range that `map` returns a pointer for and that the memblock which
    /// gets this map ([`Memblock::allow_growth`](crate::Memblock::allow_growth)) reserves for itself
    /// ([`Memblock::own_memory`](crate::Memblock::own_memory)), until that memblock is dropped:
    ///
    /// 1. all its bytes can be read and written through that pointer;
    /// 2. nothing else reads or writes them, including any other memblock. That is what a reservation means,
    ///    so this holds if everybody uses only memory from this memblock, and everything already in use is
    ///    reserved in it;
    /// 3. different ranges are mapped to different memory.
    pub const unsafe fn new(map: &'m (dyn Fn(PhysRange) -> Option<NonNull<u8>> + Sync)) -> Self {
        Self { map }
    }

    /// A range as empty chunks. The caller has reserved it, and asks for it only once. `None` if it is not
    /// mapped or its pointer is not aligned for chunks.
    pub(crate) fn chunks(&self, range: PhysRange) -> Option<&'m mut [Chunk]> {
        let first = (self.map)(range)?.cast::<MaybeUninit<Chunk>>();
        // A slice has no more bytes than `isize::MAX`.
        let bytes = isize::try_from(range.size()).ok()?.unsigned_abs();
        if !first.is_aligned() {
            return None;
        }
        let len = bytes / size_of::<Chunk>();
        // SAFETY:
        // 1. `first` is aligned, and `len` chunks lie inside the range, which is mapped and writable as long
        //    as the memblock may use it: promise 1 of `new`.
        // 2. Nobody else has a reference to it: the range was free and is reserved now, by promises 2 and 3
        //    of `new` and the caller's.
        // 3. The elements may be uninitialized: they are `MaybeUninit`.
        // 4. The size is at most `isize::MAX`: it was converted above.
        let memory = unsafe { slice::from_raw_parts_mut(first.as_ptr(), len) };
        Some(Chunk::fill(memory))
    }
}

impl fmt::Debug for DirectMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DirectMap")
    }
}
