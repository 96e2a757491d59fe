//! The search for a hole: where a segment goes, given the ranges it may lie in and the segments before it.
//!
//! This is the search of kexec_file_load (kernel/kexec_file.c:kexec_locate_mem_hole, 6.12). It walks the
//! ranges in search order and tries the outermost aligned address of each first; if an earlier segment is in
//! the way, it moves one page on and aligns again. As alignments are whole pages, that visits every aligned
//! address, so jumping past the segment at once finds the same hole.
//!
//! The ranges are not chosen here: see [`search_ranges`](crate::search_ranges).

use memblock::PhysRange;

/// From which end a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The highest address that fits, as on x86 for all segments except the crash header.
    TopDown,
    /// The lowest address that fits.
    BottomUp,
}

/// What to search for.
///
/// # Invariants
///
/// `size` is a multiple of the page size and not 0. `alignment` is a power of two and a multiple of the page
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    size: u64,
    alignment: u64,
    direction: Direction,
    min: u64,
    limit: u64,
    skips_last_page: bool,
}

/// Why a search is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Nothing to place.
    #[error("a segment of 0 bytes: expected at least one")]
    Empty,
    /// The size overflows when it is rounded up to whole pages.
    #[error("a segment of {size:#x} bytes does not fit any address space")]
    Size {
        /// The size as given.
        size: u64,
    },
    /// Not a power of two. Linux does not check, and would mask addresses with nonsense.
    #[error("an alignment of {alignment:#x} bytes: expected a power of two, or 0 for whole pages")]
    Alignment {
        /// The alignment as given.
        alignment: u64,
    },
}

impl Search {
    /// A search for `size` bytes, rounded up to whole pages, at a multiple of `alignment`, at least a page
    /// (kernel/kexec_file.c:kexec_add_buffer, 6.12), anywhere.
    ///
    /// # Errors
    ///
    /// [`SearchError`] for an invalid size or alignment.
    pub const fn new(
        size: u64,
        alignment: u64,
        page: u64,
        direction: Direction,
    ) -> Result<Self, SearchError> {
        if size == 0 {
            return Err(SearchError::Empty);
        }
        let alignment = if alignment < page { page } else { alignment };
        if !alignment.is_power_of_two() {
            return Err(SearchError::Alignment { alignment });
        }
        match size.checked_next_multiple_of(page) {
            Some(size) => {
                Ok(Self { size, alignment, direction, min: 0, limit: u64::MAX, skips_last_page: false })
            }
            None => Err(SearchError::Size { size }),
        }
    }

    /// The same, but not below `min`.
    #[must_use]
    pub const fn at_or_above(self, min: u64) -> Self {
        Self { min, ..self }
    }

    /// The same, but with an end of at most `limit`.
    #[must_use]
    pub const fn ending_by(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The same, but if it starts from the top, the last byte of a range is taken for its end: what would end there is
    /// one unit of alignment lower, and what fits exactly finds no room.
    #[must_use]
    pub const fn skipping_the_last_page(self, skips: bool) -> Self {
        Self { skips_last_page: skips, ..self }
    }

    /// The size of the hole in bytes, whole pages.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The start of the hole is a multiple of this.
    pub const fn alignment(&self) -> u64 {
        self.alignment
    }

    /// From which end.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The lowest start.
    pub const fn min(&self) -> u64 {
        self.min
    }

    /// Finds a hole in `candidates`, ascending ranges, that overlaps none of the segments in `taken`, in any
    /// order.
    ///
    /// Returns the hole and the candidate it lies in; `None` if there is none. O(candidates), and O(taken²)
    /// for each candidate that is large enough: there are at most 16 segments.
    ///
    /// ```
    /// use kexec::search::{Direction, Search};
    /// use memblock::PhysRange;
    ///
    /// let ram = [PhysRange::new(0x1000, 0x9_f000)?, PhysRange::new(0x10_0000, 0x7ffe_0000)?];
    /// let kernel = Search::new(0x37e_e000, 0x20_0000, 0x1000, Direction::TopDown)?.at_or_above(0x100_0000);
    /// let (hole, _) = kernel.find(&ram, &[PhysRange::new(0x7ffd_9000, 0x7ffe_0000)?]).unwrap();
    /// assert_eq!(hole.start(), 0x7c60_0000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, candidates: &[PhysRange], taken: &[PhysRange]) -> Option<(PhysRange, PhysRange)> {
        let within = |&candidate: &PhysRange| Some((self.within(candidate, taken)?, candidate));
        match self.direction {
            Direction::TopDown => candidates.iter().rev().find_map(within),
            Direction::BottomUp => candidates.iter().find_map(within),
        }
    }

    /// The same, but tries the candidates in the order given, whatever the direction; within each, the search
    /// starts from that end.
    pub fn find_in_order(
        &self,
        candidates: &[PhysRange],
        taken: &[PhysRange],
    ) -> Option<(PhysRange, PhysRange)> {
        candidates.iter().find_map(|&candidate| Some((self.within(candidate, taken)?, candidate)))
    }

    /// The hole in one candidate that is nearest to the end from which the search starts.
    fn within(&self, candidate: PhysRange, taken: &[PhysRange]) -> Option<PhysRange> {
        let bounds = PhysRange::new(self.min, self.limit).ok()?.intersect(candidate)?;
        let mut from = match self.direction {
            Direction::TopDown if self.skips_last_page => bounds.end().saturating_sub(1),
            Direction::TopDown => bounds.end(),
            Direction::BottomUp => bounds.start(),
        };
        // Each iteration passes one segment for good, so there are no more iterations than segments.
        loop {
            let hole = self.aligned(from).filter(|&hole| bounds.encloses(hole))?;
            let Some(segment) = taken.iter().find(|segment| segment.overlaps(hole)) else {
                return Some(hole);
            };
            from = match self.direction {
                Direction::TopDown => segment.start(),
                Direction::BottomUp => segment.end(),
            };
        }
    }

    /// The aligned range that ends at or below `from`, or begins at or above it.
    fn aligned(&self, from: u64) -> Option<PhysRange> {
        let start = match self.direction {
            Direction::TopDown => {
                let start = from.checked_sub(self.size)?;
                start - start % self.alignment
            }
            Direction::BottomUp => from.checked_next_multiple_of(self.alignment)?,
        };
        PhysRange::from_size(start, self.size).ok()
    }
}

#[cfg(test)]
mod tests;
