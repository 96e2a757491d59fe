//! What gaps between regions can hold, small enough to be kept beside every child of a tree.

/// Bits of a size that are kept.
const KEPT: u32 = 21;
/// Bits for the exponent of an alignment.
const ALIGN_BITS: u32 = 6;
const ALIGN_MASK: u32 = (1 << ALIGN_BITS) - 1;

/// The largest size, and the largest alignment, that any of some gaps has to offer, in 32 bits.
///
/// - Size: bytes, rounded down to 21 significant bits. It is exact below 2 MiB, and for whole 4 KiB pages
///   below 8 GiB.
/// - Alignment: the exponent of the largest power of two that divides an address in a gap; or more, after the
///   gap went that had it. It is counted again only together with the size: an exact one would cost every
///   third addition a count, for the sake of few requests.
///
/// Both are maxima, perhaps of different gaps, so `gaps.may_hold(wanted)` is necessary and not sufficient:
/// whoever follows it down looks at the real gap at the end. It never says no for a gap that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity(u32);

impl Capacity {
    /// No gap at all.
    pub(crate) const NONE: Self = Self(0);

    /// Of a root, whose gaps no directory knows: at least that of any gap.
    pub(crate) const ALL: Self = Self(u32::MAX);

    /// The capacity of the gap `start..end`; of none if that is empty. `end` must not be below `start`.
    #[inline]
    pub(crate) const fn of_gap(start: u64, end: u64) -> Self {
        Self::of_widest(end - start, start.wrapping_sub(1) ^ end.wrapping_sub(1))
    }

    /// The capacity of gaps of which the largest has `size` bytes, and `reach` is the largest of
    /// `(start - 1) ^ (end - 1)`.
    ///
    /// The highest bit in which `start - 1` and `end - 1` differ is the exponent of the alignment: counting
    /// from one to the other carries into that bit once, at its multiple, and into none above.
    #[inline]
    pub(crate) const fn of_widest(size: u64, reach: u64) -> Self {
        Self(size_code(size) << ALIGN_BITS | (reach | 1).ilog2())
    }

    /// What a gap needs for `size` bytes at a multiple of `align`, a power of two.
    #[inline]
    pub(crate) const fn wanted(size: u64, align: u64) -> Self {
        Self(size_code(size) << ALIGN_BITS | (align | 1).ilog2())
    }

    #[inline]
    const fn size(self) -> u32 {
        self.0 >> ALIGN_BITS
    }

    #[inline]
    const fn align(self) -> u32 {
        self.0 & ALIGN_MASK
    }

    /// Whether one of the gaps may hold what is `wanted`.
    #[inline]
    pub(crate) const fn may_hold(self, wanted: Self) -> bool {
        self.covers(wanted)
    }

    /// Whether the largest gap of `other` is larger.
    #[inline]
    pub(crate) const fn is_smaller_than(self, other: Self) -> bool {
        self.size() < other.size()
    }

    /// Whether `other` has not more to offer in any respect.
    #[inline]
    pub(crate) const fn covers(self, other: Self) -> bool {
        self.size() >= other.size() && self.align() >= other.align()
    }

    /// Whether both have gaps as large, and `self` has no smaller alignments to offer.
    pub(crate) const fn is_bound_of(self, other: Self) -> bool {
        self.size() == other.size() && self.align() >= other.align()
    }

    /// The same size, with the alignment of another.
    #[inline]
    pub(crate) const fn with_align_of(self, other: Self) -> Self {
        Self(self.size() << ALIGN_BITS | other.align())
    }

    /// The capacity of both.
    #[inline]
    pub(crate) const fn and(self, other: Self) -> Self {
        let size = if self.size() > other.size() { self.size() } else { other.size() };
        let align = if self.align() > other.align() { self.align() } else { other.align() };
        Self(size << ALIGN_BITS | align)
    }

    /// The capacity after gaps of capacity `lost` went and gaps of capacity `gained` came. `Err` with an upper
    /// bound where a largest gap went: whether there is another like it can only be told by counting again.
    #[inline]
    pub(crate) const fn exchange(self, lost: Self, gained: Self) -> Result<Self, Self> {
        let at_most = self.and(gained);
        if lost.size() >= self.size() && gained.size() < self.size() { Err(at_most) } else { Ok(at_most) }
    }

    /// As the number a slot stores.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// What [`Capacity::bits`] gave.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A size as a floating-point number without sign: the exponent above the mantissa, whose leading bit,
/// always set when the exponent is not 0, is carried into the exponent by the addition. Keeps the order.
#[inline]
const fn size_code(bytes: u64) -> u32 {
    let shift = (u64::BITS - bytes.leading_zeros()).saturating_sub(KEPT);
    #[allow(clippy::cast_possible_truncation)]
    let mantissa = (bytes >> shift) as u32;
    (shift << (KEPT - 1)) + mantissa
}

const _: () = assert!(size_code(u64::MAX) < 1 << (u32::BITS - ALIGN_BITS));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_below_2_mib_and_whole_pages_below_8_gib_are_told_apart_exactly() {
        for size in [0, 1, 4095, 4096, (1 << KEPT) - 2] {
            assert!(size_code(size) < size_code(size + 1));
        }
        for size in [4096_u64, 1 << 30, (1 << 33) - 8192] {
            assert!(size_code(size) < size_code(size + 4096));
        }
    }

    proptest! {
        #[test]
        fn a_larger_gap_never_compares_smaller(a: u64, shift in 0_u32..64, b: u64) {
            let (a, b) = (a >> shift, b >> shift);
            prop_assert!(size_code(a.min(b)) <= size_code(a.max(b)));
        }

        #[test]
        fn a_size_of_21_significant_bits_follows_no_summary_in_vain(
            kept in 0_u64..1 << KEPT,
            shift in 0_u32..=u64::BITS - KEPT,
            gap: u64,
            far in 0_u32..64,
        ) {
            let size = kept << shift;
            for gap in [gap >> far, size.saturating_add(gap >> far), size.saturating_sub(gap >> far)] {
                prop_assert_eq!(size_code(gap) >= size_code(size), gap >= size);
            }
        }

        #[test]
        fn a_gap_offers_exactly_the_alignments_of_its_addresses(start in 0_u64..300, size in 1_u64..300) {
            let gap = Capacity::of_gap(start, start + size);
            for shift in 0..9 {
                let offers = (start..start + size).any(|address| address % (1 << shift) == 0);
                prop_assert_eq!(gap.may_hold(Capacity::wanted(1, 1 << shift)), offers, "{}", shift);
            }
        }

        #[test]
        fn an_exchange_has_the_exact_size_and_enough_alignment(
            gaps in proptest::collection::vec((0_u64..1 << 22, 1_u64..1 << 22), 1..6),
            new in (0_u64..1 << 22, 1_u64..1 << 22),
        ) {
            let of = |gap: &(u64, u64)| Capacity::of_gap(gap.0, gap.0 + gap.1);
            let all = |gaps: &[(u64, u64)]| gaps.iter().map(of).fold(Capacity::NONE, Capacity::and);
            let (old, lost) = (all(&gaps), of(&gaps[0]));
            let mut after = gaps.clone();
            after[0] = new;
            match old.exchange(lost, of(&new)) {
                Ok(told) => prop_assert!(told.covers(all(&after)) && told.size() == all(&after).size()),
                Err(at_most) => prop_assert!(at_most.covers(all(&after)) && lost.size() == old.size()),
            }
        }
    }
}
