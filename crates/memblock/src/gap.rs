//! The size of a gap, small enough to be kept beside every child of a tree.

/// A gap's size in bytes, rounded down to 27 significant bits: exact below 128 MiB, and exact for any gap
/// of whole 4 KiB pages below 512 GiB.
///
/// Rounding keeps the order, so a gap that can hold a request never compares below it: `gap >= size` =>
/// `GapSize::of(gap) >= GapSize::of(size)`. The reverse holds when `size` itself loses no bit. It may fail for
/// gaps that differ only in lost bits, so whoever follows a summary down looks at the real gap at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GapSize(u32);

/// Bits of the size that are kept.
const KEPT: u32 = 27;

impl GapSize {
    /// No gap at all.
    pub(crate) const ZERO: Self = Self(0);
    /// At least as large as any gap.
    pub(crate) const MAX: Self = Self(u32::MAX);

    /// The size of `bytes`.
    pub(crate) const fn of(bytes: u64) -> Self {
        let shift = (u64::BITS - bytes.leading_zeros()).saturating_sub(KEPT);
        // A floating-point number without sign: the exponent above the mantissa, whose leading bit, always
        // set when the exponent is not 0, is carried into the exponent by the addition.
        #[allow(clippy::cast_possible_truncation)]
        let mantissa = (bytes >> shift) as u32;
        Self((shift << (KEPT - 1)) + mantissa)
    }

    /// As the number a slot stores.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// What [`GapSize::bits`] gave.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_below_128_mib_and_whole_pages_below_512_gib_are_told_apart_exactly() {
        for size in [0, 1, 4095, 4096, (1 << 27) - 2] {
            assert!(GapSize::of(size) < GapSize::of(size + 1));
        }
        for size in [4096_u64, 1 << 30, (1 << 39) - 8192] {
            assert!(GapSize::of(size) < GapSize::of(size + 4096));
        }
        assert!(GapSize::of(u64::MAX) < GapSize::MAX);
    }

    proptest! {
        #[test]
        fn a_larger_gap_never_compares_smaller(a: u64, shift in 0_u32..64, b: u64) {
            let (a, b) = (a >> shift, b >> shift);
            let (small, large) = (a.min(b), a.max(b));
            prop_assert!(GapSize::of(small) <= GapSize::of(large));
        }

        #[test]
        fn a_request_of_27_significant_bits_follows_no_summary_in_vain(
            kept in 0_u64..1 << KEPT,
            shift in 0_u32..=u64::BITS - KEPT,
            gap: u64,
            far in 0_u32..64,
        ) {
            let size = kept << shift;
            for gap in [gap >> far, size.saturating_add(gap >> far), size.saturating_sub(gap >> far)] {
                prop_assert_eq!(GapSize::of(gap) >= GapSize::of(size), gap >= size);
            }
        }
    }
}
