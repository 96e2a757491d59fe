//! What gaps between regions can hold, in a form small enough to keep for every child of a tree.

/// Significant bits kept of a size.
const KEPT: u32 = 21;
/// Bits for the exponent of an alignment.
const ALIGN_BITS: u32 = 6;
const ALIGN_MASK: u32 = (1 << ALIGN_BITS) - 1;

/// The largest size and the largest alignment that a set of gaps offers, in 32 bits.
///
/// - Size: bytes, rounded down to 21 significant bits. Exact below 2 MiB, and for whole 4 KiB pages below 8
///   GiB.
/// - Alignment: the exponent of the largest power of two that divides an address in a gap. It is an upper
///   bound: it stays when the gap that had it goes, until the size is recounted. Keeping it exact would cost
///   a recount on every third addition, for the sake of few requests.
///
/// Both are maxima, possibly of different gaps, so `gaps.may_hold(wanted)` is necessary but not sufficient: a
/// search that follows it down has to check the real gap. It never says no to a gap that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity(u32);

impl Capacity {
    /// No gap at all.
    pub(crate) const NONE: Self = Self(0);

    /// Of a root, which no directory summarizes: at least that of any gap.
    pub(crate) const ALL: Self = Self(u32::MAX);

    /// The capacity of the gap `start..end`; that of no gap if it is empty. `end` must not be below `start`.
    #[inline]
    pub(crate) const fn of_gap(start: u64, end: u64) -> Self {
        Self::of_widest(end - start, start.wrapping_sub(1) ^ end.wrapping_sub(1))
    }

    /// The capacity of gaps of which the largest has `size` bytes, and `reach` is the largest of
    /// `(start - 1) ^ (end - 1)`.
    ///
    /// The alignment's exponent is the highest bit in which `start - 1` and `end - 1` differ: counting from
    /// one to the other carries into that bit once, at a multiple of it, and into no bit above.
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

    /// Whether one of the gaps may satisfy `wanted`.
    #[inline]
    pub(crate) const fn may_hold(self, wanted: Self) -> bool {
        self.covers(wanted)
    }

    /// Whether the largest gap of `other` is larger.
    #[inline]
    pub(crate) const fn is_smaller_than(self, other: Self) -> bool {
        self.size() < other.size()
    }

    /// Whether `other` offers no more, in either respect.
    #[inline]
    pub(crate) const fn covers(self, other: Self) -> bool {
        self.size() >= other.size() && self.align() >= other.align()
    }

    /// Whether both have the same size, and `self` offers at least the alignment of `other`.
    pub(crate) const fn is_bound_of(self, other: Self) -> bool {
        self.size() == other.size() && self.align() >= other.align()
    }

    /// The same size, with the alignment of another.
    #[inline]
    pub(crate) const fn with_align_of(self, other: Self) -> Self {
        Self(self.size() << ALIGN_BITS | other.align())
    }

    /// The capacity of both sets of gaps.
    #[inline]
    pub(crate) const fn and(self, other: Self) -> Self {
        let size = if self.size() > other.size() { self.size() } else { other.size() };
        let align = if self.align() > other.align() { self.align() } else { other.align() };
        Self(size << ALIGN_BITS | align)
    }

    /// The capacity after gaps of capacity `lost` went and gaps of capacity `gained` came. `Err` with an
    /// upper bound if a largest gap went: only a recount can tell whether another one is as large.
    #[inline]
    pub(crate) const fn exchange(self, lost: Self, gained: Self) -> Result<Self, Self> {
        let at_most = self.and(gained);
        if lost.size() >= self.size() && gained.size() < self.size() { Err(at_most) } else { Ok(at_most) }
    }

    /// The number a slot stores.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Undoes [`Capacity::bits`].
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A size as an unsigned floating-point number, the exponent above the mantissa. The mantissa's leading bit
/// is set unless the exponent is 0; the addition carries it into the exponent. Preserves order.
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
    fn sizes_below_2_mib_and_whole_pages_below_8_gib_are_exact() {
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
        fn a_size_of_21_significant_bits_is_never_misled_by_a_summary(
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
                Ok(counted) => prop_assert!(counted.covers(all(&after)) && counted.size() == all(&after).size()),
                Err(at_most) => prop_assert!(at_most.covers(all(&after)) && lost.size() == old.size()),
            }
        }
    }
}
