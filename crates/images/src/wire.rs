//! Reads wire structures from a file's bytes.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::ImageError;

/// The structure `T` at `offset`.
pub(super) fn view<'a, T>(bytes: &'a [u8], offset: usize, what: &'static str) -> Result<&'a T, ImageError>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    bytes.get(offset..).and_then(|rest| T::ref_from_prefix(rest).ok()).map(|(value, _rest)| value).ok_or(
        ImageError::TooShort { what, start: offset as u64, size: size_of::<T>() as u64, len: bytes.len() },
    )
}

/// `bytes[start..start + size]`, with numbers from a file. An end that would overflow is past the end of the
/// file, too.
pub(super) fn slice<'a>(
    bytes: &'a [u8],
    start: u64,
    size: u64,
    what: &'static str,
) -> Result<&'a [u8], ImageError> {
    let part = || {
        let first = usize::try_from(start).ok()?;
        let end = usize::try_from(start.checked_add(size)?).ok()?;
        bytes.get(first..end)
    };
    part().ok_or(ImageError::TooShort { what, start, size, len: bytes.len() })
}
