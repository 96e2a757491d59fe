//! Reading wire structures out of a byte slice.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The structure `T` at `offset`, or `None` if it would run past the end of `bytes`.
pub(crate) fn view<T>(bytes: &[u8], offset: usize) -> Option<&T>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    T::ref_from_prefix(bytes.get(offset..)?).ok().map(|(value, _rest)| value)
}

/// The big-endian `u32` at `offset`.
pub(crate) fn be32(bytes: &[u8], offset: usize) -> Option<u32> {
    view::<zerocopy::big_endian::U32>(bytes, offset).map(|value| value.get())
}

/// A big-endian number of up to 8 bytes.
pub(crate) fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// A little-endian number of up to 8 bytes.
pub(crate) fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
