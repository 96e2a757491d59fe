//! The memory that tables grow into.

use std::ptr::NonNull;
use std::sync::Mutex;

use memblock::{Chunk, PhysRange};

/// Where the memory is that can really be written: all of the lower places, and none of the others.
const RAM: (u64, u64) = (0, 0x28_0000);
/// The contents outside of tables.
const UNTOUCHED: u64 = 0x5a5a_5a5a_5a5a_5a5a;

/// The buffer for [`RAM`], and the ranges mapped in it.
pub struct Ram {
    /// Words, because the memory of tables is aligned to words.
    buffer: Mutex<Vec<u64>>,
    /// The pointer to the buffer's first byte, exposed.
    address: usize,
    mapped: Mutex<Vec<PhysRange>>,
}

impl Ram {
    pub fn new() -> Self {
        let bytes = usize::try_from(RAM.1 - RAM.0).expect("a few MiB");
        let mut buffer = vec![UNTOUCHED; bytes / size_of::<u64>()];
        let address = buffer.as_mut_ptr().expose_provenance();
        Self { buffer: Mutex::new(buffer), address, mapped: Mutex::new(Vec::new()) }
    }

    /// Maps a physical address to a pointer; only RAM has one.
    pub fn map(&self, range: PhysRange) -> Option<NonNull<u8>> {
        let ram = PhysRange::new(RAM.0, RAM.1).expect("it is not empty");
        if !ram.encloses(range) {
            return None;
        }
        let offset = usize::try_from(range.start() - ram.start()).expect("a few MiB");
        let pointer = NonNull::new(std::ptr::with_exposed_provenance_mut(self.address + offset))?;
        self.mapped.lock().expect("nobody panics with it").push(range);
        Some(pointer)
    }

    /// Checks, once no memblock uses the buffer any more, that only the memory of tables was written, and
    /// resets the buffer.
    pub fn check_and_clean(&self, own: &[PhysRange]) {
        let mut mapped = self.mapped.lock().expect("nobody panics with it");
        if mapped.is_empty() && own.is_empty() {
            return;
        }
        mapped.sort_unstable();
        assert!(mapped.windows(2).all(|pair| !pair[0].overlaps(pair[1])), "mapped twice: {mapped:?}");
        assert_eq!(joined(mapped.drain(..)), joined(own.iter().copied()), "mapped, and listed as its own");
        let mut buffer = self.buffer.lock().expect("nobody panics with it");
        for range in own {
            let words = |address| usize::try_from((address - RAM.0) / 8).expect("it was mapped");
            buffer[words(range.start())..words(range.end())].fill(UNTOUCHED);
        }
        assert!(buffer.iter().all(|word| *word == UNTOUCHED), "written outside of its own memory, {own:?}");
    }
}

fn joined(ranges: impl Iterator<Item = PhysRange>) -> Vec<PhysRange> {
    let ranges: Vec<PhysRange> = ranges.collect();
    memblock::ranges::merged(ranges.into_iter()).collect()
}

/// Chunks to hand over, a few at a time.
pub struct Store<'m>(pub &'m mut [Chunk]);

impl<'m> Store<'m> {
    pub fn take(&mut self, count: usize) -> &'m mut [Chunk] {
        let all = std::mem::take(&mut self.0);
        let (some, rest) = all.split_at_mut(count.min(all.len()));
        self.0 = rest;
        some
    }
}
