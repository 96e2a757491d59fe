//! From which end memory is allocated.

use crate::PhysRange;

/// From which end of memory allocations are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The highest address that fits, Linux's default.
    #[default]
    TopDown,
    /// The lowest address that fits. x86 uses this with `movable_node`, so that early allocations stay near
    /// the kernel, on its node (`memblock_set_bottom_up`).
    BottomUp,
}

impl Direction {
    /// Where a request for `size` bytes at a multiple of `align` goes in a free `gap`: to its end, or to its
    /// start. `None` if it does not fit or `size` is 0. `align` must be a power of two. O(1).
    ///
    /// ```
    /// use memblock::{Direction, PhysRange};
    /// let gap = PhysRange::new(0x1800, 0x4800)?;
    /// assert_eq!(Direction::TopDown.fit(gap, 0x1000, 0x1000), Some(PhysRange::new(0x3000, 0x4000)?));
    /// assert_eq!(Direction::BottomUp.fit(gap, 0x1000, 0x1000), Some(PhysRange::new(0x2000, 0x3000)?));
    /// assert_eq!(Direction::TopDown.fit(gap, 0x1000, 0x8000), None);
    /// # Ok::<(), memblock::RangeError>(())
    /// ```
    #[inline]
    pub const fn fit(self, gap: PhysRange, size: u64, align: u64) -> Option<PhysRange> {
        let mask = align.wrapping_sub(1);
        let start = match self {
            Self::TopDown => match gap.end().checked_sub(size) {
                Some(highest) => highest & !mask,
                None => return None,
            },
            Self::BottomUp => match gap.start().checked_add(mask) {
                Some(above) => above & !mask,
                None => return None,
            },
        };
        if size == 0 || start < gap.start() || start >= gap.end() || gap.end() - start < size {
            return None;
        }
        Some(PhysRange::trusted(start, start + size))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fit_is_inside_and_aligned_and_none_is_nearer_to_the_end(
            start in 0_u64..200,
            len in 1_u64..100,
            size in 0_u64..60,
            shift in 0_u32..7,
        ) {
            let gap = PhysRange::from_size(start, len).unwrap();
            let align = 1 << shift;
            let fits = |at: &u64| size > 0 && at.is_multiple_of(align) && at + size <= gap.end();
            let mut starts = gap.start()..gap.end();
            let lowest = Direction::BottomUp.fit(gap, size, align).map(|found| (found.start(), found.size()));
            prop_assert_eq!(lowest, starts.clone().find(fits).map(|at| (at, size)));
            let highest = Direction::TopDown.fit(gap, size, align).map(|found| (found.start(), found.size()));
            prop_assert_eq!(highest, starts.rfind(fits).map(|at| (at, size)));
        }
    }

    #[test]
    fn fits_at_the_end_of_the_address_space_do_not_overflow() {
        let top = PhysRange::new(u64::MAX - 0x2000, u64::MAX).unwrap();
        assert_eq!(Direction::BottomUp.fit(top, 0x1000, 1 << 30), None);
        assert_eq!(Direction::TopDown.fit(top, u64::MAX, 1), None);
        assert_eq!(Direction::TopDown.fit(top, 0x1000, 1 << 63), None);
    }
}
