//! A range of physical addresses.

use core::fmt;

/// A non-empty, half-open range of physical addresses, `start..end`, in bytes.
///
/// Holding one proves that the range is not empty, not inverted and does not wrap. So arithmetic on it cannot
/// overflow, and ranges can be compared, joined and cut without further checks.
///
/// The last byte of the 64-bit space (`0xffff_ffff_ffff_ffff`) cannot be part of a range, because the end
/// would not fit. Linux's memblock cannot hold it either, and drops it silently; `PhysRange` refuses it with
/// [`RangeError::PastLastAddress`]. No processor has more than 57 physical address bits.
///
/// # Invariants
///
/// A `PhysRange` exists <=> `start < end`.
///
/// # Examples
///
/// ```
/// use memblock::PhysRange;
///
/// let ram = PhysRange::new(0x10_0000, 0x8000_0000)?;
/// assert_eq!(ram.size(), 0x7ff0_0000);
/// assert!(ram.contains(0x10_0000) && !ram.contains(0x8000_0000));
/// // Printed as in /proc/iomem: the end is the last byte.
/// assert_eq!(ram.to_string(), "00100000-7fffffff");
/// # Ok::<(), memblock::RangeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysRange {
    start: u64,
    end: u64,
}

/// Why two numbers do not make a [`PhysRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The range would hold no byte.
    #[error("range at {start:#x} is empty")]
    Empty {
        /// Where it would have started.
        start: u64,
    },
    /// The end lies before the start.
    #[error("range is inverted: it starts at {start:#x} and ends before {end:#x}")]
    Inverted {
        /// The start as given.
        start: u64,
        /// The exclusive end as given.
        end: u64,
    },
    /// The end lies past `0xffff_ffff_ffff_ffff`, the largest exclusive end.
    #[error("range at {start:#x} of {size:#x} bytes runs past the last representable address")]
    PastLastAddress {
        /// The start as given.
        start: u64,
        /// The size as given, or as computed from the last byte.
        size: u64,
    },
}

impl PhysRange {
    /// The range `start..end`, `end` exclusive.
    ///
    /// # Errors
    ///
    /// [`RangeError::Empty`] when `start == end`, [`RangeError::Inverted`] when `start > end`.
    pub const fn new(start: u64, end: u64) -> Result<Self, RangeError> {
        if start < end {
            Ok(Self { start, end })
        } else if start == end {
            Err(RangeError::Empty { start })
        } else {
            Err(RangeError::Inverted { start, end })
        }
    }

    /// The range of `size` bytes from `start`.
    ///
    /// # Errors
    ///
    /// [`RangeError::Empty`] when `size` is 0, [`RangeError::PastLastAddress`] when the end does not fit.
    ///
    /// ```
    /// # use memblock::{PhysRange, RangeError};
    /// assert_eq!(PhysRange::from_size(0x1000, 0x1000), PhysRange::new(0x1000, 0x2000));
    /// assert!(matches!(PhysRange::from_size(u64::MAX, 1), Err(RangeError::PastLastAddress { .. })));
    /// ```
    pub const fn from_size(start: u64, size: u64) -> Result<Self, RangeError> {
        match start.checked_add(size) {
            Some(end) if end == start => Err(RangeError::Empty { start }),
            Some(end) => Ok(Self { start, end }),
            None => Err(RangeError::PastLastAddress { start, size }),
        }
    }

    /// The range from `start` to `last`, both included: the way /proc/iomem and kernel logs print ranges.
    ///
    /// # Errors
    ///
    /// [`RangeError::Empty`] when `last` is the byte before `start`, which is how the kernel prints an empty
    /// range; [`RangeError::Inverted`] when it is lower; [`RangeError::PastLastAddress`] when it is the last
    /// byte of the address space.
    pub const fn from_inclusive(start: u64, last: u64) -> Result<Self, RangeError> {
        match last.checked_add(1) {
            Some(end) if start < end => Ok(Self { start, end }),
            Some(end) if start == end => Err(RangeError::Empty { start }),
            Some(end) => Err(RangeError::Inverted { start, end }),
            None => Err(RangeError::PastLastAddress { start, size: last.wrapping_sub(start) }),
        }
    }

    /// The range `start..end`, for a caller who knows that the ends are in order.
    pub(crate) const fn trusted(start: u64, end: u64) -> Self {
        debug_assert!(start < end);
        Self { start, end }
    }

    /// First byte of the range.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// First byte after the range.
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Last byte of the range.
    pub const fn last(self) -> u64 {
        self.end - 1
    }

    /// Number of bytes; never 0.
    pub const fn size(self) -> u64 {
        self.end - self.start
    }

    /// Whether `address` lies in the range.
    pub const fn contains(self, address: u64) -> bool {
        self.start <= address && address < self.end
    }

    /// Whether every byte of `other` lies in this range.
    pub const fn encloses(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two ranges share at least one byte.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether one range ends exactly where the other begins.
    pub const fn touches(self, other: Self) -> bool {
        self.end == other.start || other.end == self.start
    }

    /// The bytes in both ranges, or `None` if they share none.
    ///
    /// ```
    /// # use memblock::PhysRange;
    /// # fn r(start: u64, end: u64) -> PhysRange { PhysRange::new(start, end).unwrap() }
    /// assert_eq!(r(0, 8).intersect(r(4, 12)), Some(r(4, 8)));
    /// assert_eq!(r(0, 8).intersect(r(8, 12)), None);
    /// ```
    pub const fn intersect(self, other: Self) -> Option<Self> {
        let start = if self.start > other.start { self.start } else { other.start };
        let end = if self.end < other.end { self.end } else { other.end };
        if start < end { Some(Self { start, end }) } else { None }
    }

    /// The smallest range that contains both.
    #[must_use]
    pub const fn hull(self, other: Self) -> Self {
        let start = if self.start < other.start { self.start } else { other.start };
        let end = if self.end > other.end { self.end } else { other.end };
        Self { start, end }
    }

    /// The parts of this range before and after `cut`: `self − cut`.
    ///
    /// ```
    /// # use memblock::PhysRange;
    /// # fn r(start: u64, end: u64) -> PhysRange { PhysRange::new(start, end).unwrap() }
    /// assert_eq!(r(0, 8).subtract(r(2, 4)), (Some(r(0, 2)), Some(r(4, 8))));
    /// assert_eq!(r(0, 8).subtract(r(9, 12)), (Some(r(0, 8)), None));
    /// ```
    pub const fn subtract(self, cut: Self) -> (Option<Self>, Option<Self>) {
        if self.end <= cut.start {
            return (Some(self), None);
        }
        if cut.end <= self.start {
            return (None, Some(self));
        }
        let below =
            if self.start < cut.start { Some(Self { start: self.start, end: cut.start }) } else { None };
        let above = if cut.end < self.end { Some(Self { start: cut.end, end: self.end }) } else { None };
        (below, above)
    }

    /// The largest range inside this one whose start and end are multiples of `align`, or `None` if there is
    /// none. `align` need not be a power of two; 0 counts as 1.
    pub const fn shrink_to_multiples(self, align: u64) -> Option<Self> {
        let align = if align == 0 { 1 } else { align };
        let end = self.end - self.end % align;
        match self.start.checked_next_multiple_of(align) {
            Some(start) if start < end => Some(Self { start, end }),
            _ => None,
        }
    }

    /// The smallest range around this one whose start and end are multiples of `align`, or `None` if its end
    /// does not fit the address space. `align` need not be a power of two; 0 counts as 1.
    ///
    /// ```
    /// use memblock::PhysRange;
    /// let touched = PhysRange::new(0x1800, 0x4001)?.widen_to_multiples(0x1000);
    /// assert_eq!(touched, PhysRange::new(0x1000, 0x5000).ok());
    /// assert_eq!(PhysRange::new(0, u64::MAX)?.widen_to_multiples(0x1000), None);
    /// # Ok::<(), memblock::RangeError>(())
    /// ```
    pub const fn widen_to_multiples(self, align: u64) -> Option<Self> {
        let align = if align == 0 { 1 } else { align };
        let start = self.start - self.start % align;
        match self.end.checked_next_multiple_of(align) {
            Some(end) => Some(Self { start, end }),
            None => None,
        }
    }
}

/// Inclusive and zero-padded to eight digits, as in /proc/iomem.
impl fmt::Display for PhysRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:08x}", self.start, self.last())
    }
}

/// Half-open, as in the code.
impl fmt::Debug for PhysRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

#[cfg(feature = "serde")]
mod as_json {
    use core::fmt;

    use serde::de::{Deserialize, Deserializer, Error, Visitor};
    use serde::ser::{Serialize, SerializeStruct, Serializer};

    use super::PhysRange;

    /// An address as the string `"0x.."`: JSON numbers lose precision above 2^53.
    struct Hex(u64);

    impl Serialize for Hex {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("{:#x}", self.0))
        }
    }

    impl<'de> Deserialize<'de> for Hex {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct HexString;
            impl Visitor<'_> for HexString {
                type Value = Hex;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an address such as \"0x1000\"")
                }
                fn visit_str<E: Error>(self, text: &str) -> Result<Hex, E> {
                    text.strip_prefix("0x")
                        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                        .map(Hex)
                        .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }
            deserializer.deserialize_str(HexString)
        }
    }

    impl Serialize for PhysRange {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut record = serializer.serialize_struct("PhysRange", 2)?;
            record.serialize_field("start", &Hex(self.start))?;
            record.serialize_field("end", &Hex(self.end))?;
            record.end()
        }
    }

    impl<'de> Deserialize<'de> for PhysRange {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(serde::Deserialize)]
            #[serde(rename = "PhysRange")]
            struct Ends {
                start: Hex,
                end: Hex,
            }
            let Ends { start, end } = Ends::deserialize(deserializer)?;
            PhysRange::new(start.0, end.0).map_err(D::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_constructor_accepts_an_empty_inverted_or_wrapping_range() {
        assert_eq!(PhysRange::new(7, 7), Err(RangeError::Empty { start: 7 }));
        assert_eq!(PhysRange::new(8, 7), Err(RangeError::Inverted { start: 8, end: 7 }));
        assert_eq!(PhysRange::from_size(7, 0), Err(RangeError::Empty { start: 7 }));
        assert!(matches!(PhysRange::from_size(2, u64::MAX), Err(RangeError::PastLastAddress { .. })));
        assert!(matches!(PhysRange::from_inclusive(0, u64::MAX), Err(RangeError::PastLastAddress { .. })));
        assert_eq!(PhysRange::from_inclusive(9, 8), Err(RangeError::Empty { start: 9 }));
        assert_eq!(PhysRange::from_inclusive(9, 3), Err(RangeError::Inverted { start: 9, end: 4 }));
    }

    #[test]
    fn the_largest_range_leaves_out_only_the_last_byte() {
        let all = PhysRange::from_size(0, u64::MAX).unwrap();
        assert_eq!((all.size(), all.last()), (u64::MAX, u64::MAX - 1));
    }

    #[test]
    fn subtracting_leaves_the_parts_outside_the_cut() {
        let r = |start, end| PhysRange::new(start, end).unwrap();
        assert_eq!(r(2, 8).subtract(r(0, 9)), (None, None));
        assert_eq!(r(2, 8).subtract(r(0, 4)), (None, Some(r(4, 8))));
        assert_eq!(r(2, 8).subtract(r(4, 9)), (Some(r(2, 4)), None));
        assert_eq!(r(2, 8).subtract(r(0, 2)), (None, Some(r(2, 8))));
    }

    #[test]
    fn shrinking_to_pages_never_grows_the_range() {
        let r = |start, end| PhysRange::new(start, end).unwrap();
        assert_eq!(r(1, 0x3fff).shrink_to_multiples(0x1000), Some(r(0x1000, 0x3000)));
        assert_eq!(r(1, 0xfff).shrink_to_multiples(0x1000), None);
        assert_eq!(r(u64::MAX - 5, u64::MAX).shrink_to_multiples(0x1000), None);
        assert_eq!(r(3, 9).shrink_to_multiples(0), Some(r(3, 9)));
    }
}
