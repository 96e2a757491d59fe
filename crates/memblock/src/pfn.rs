//! Page frames.

use crate::{NodeId, PhysRange};

/// The size of a page: a power of two.
///
/// ```
/// use memblock::PageSize;
/// assert_eq!(PageSize::new(16384), Some(PageSize::KIB_16));
/// assert_eq!(PageSize::new(5000), None);
/// assert_eq!(PageSize::default().bytes(), 4096);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageSize {
    shift: u32,
}

impl PageSize {
    /// 4 KiB.
    pub const KIB_4: Self = Self { shift: 12 };
    /// 16 KiB.
    pub const KIB_16: Self = Self { shift: 14 };
    /// 64 KiB.
    pub const KIB_64: Self = Self { shift: 16 };

    /// A page of `bytes`; `None` unless that is a power of two.
    pub const fn new(bytes: u64) -> Option<Self> {
        if bytes.is_power_of_two() { Some(Self { shift: bytes.trailing_zeros() }) } else { None }
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        1 << self.shift
    }

    /// The page frame that holds `address` (`PFN_DOWN`).
    pub const fn pfn_down(self, address: u64) -> u64 {
        address >> self.shift
    }

    /// The first page frame that starts at or above `address` (`PFN_UP`, without its overflow).
    pub const fn pfn_up(self, address: u64) -> u64 {
        let down = self.pfn_down(address);
        if down << self.shift == address { down } else { down + 1 }
    }

    /// The pages that lie entirely in `range`, as a half-open pfn range; `None` if there are none.
    ///
    /// ```
    /// # use memblock::{PageSize, PhysRange};
    /// let range = PhysRange::new(0x1800, 0x4800)?;
    /// assert_eq!(PageSize::KIB_4.whole_pages(range), Some((2, 4)));
    /// # Ok::<(), memblock::RangeError>(())
    /// ```
    pub const fn whole_pages(self, range: PhysRange) -> Option<(u64, u64)> {
        let (start, end) = (self.pfn_up(range.start()), self.pfn_down(range.end()));
        if start < end { Some((start, end)) } else { None }
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self::KIB_4
    }
}

/// Page frames `start..end` of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PfnRange {
    /// First page frame number.
    pub start: u64,
    /// First page frame number after them.
    pub end: u64,
    /// The node of the memory.
    pub node: Option<NodeId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_count_up_to_the_end_of_the_address_space() {
        let pages = |start, end| PageSize::KIB_4.whole_pages(PhysRange::new(start, end).unwrap());
        assert_eq!(pages(1, 0x1fff), None);
        assert_eq!(pages(0, 0x1000), Some((0, 1)));
        assert_eq!(pages(1, u64::MAX), Some((1, u64::MAX >> 12)));
        assert_eq!(pages(u64::MAX - 1, u64::MAX), None);
    }

    #[test]
    fn a_page_may_be_one_byte() {
        let byte = PageSize::new(1).unwrap();
        assert_eq!((byte.pfn_up(7), byte.pfn_down(7)), (7, 7));
    }
}
