//! Structures from the loader and the firmware, with their locations.

use memblock::PhysRange;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::physical::Untouched;

/// A pointer is null, or points outside mapped memory or into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at {address:#x}: {size:#x} bytes there are not for the kernel to read")]
pub(crate) struct Unreachable {
    /// What should be there.
    pub(crate) what: &'static str,
    /// The pointer's target.
    pub(crate) address: u64,
    /// How many bytes should be there.
    pub(crate) size: u64,
}

/// A value and its location.
pub(crate) struct Found<'a, T: ?Sized> {
    pub(crate) range: PhysRange,
    pub(crate) value: &'a T,
}

// Implemented by hand, because a derive would require the same of `T`.
impl<T: ?Sized> Clone for Found<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Found<'_, T> {}

impl Untouched {
    /// The structure `T` at `address`.
    pub(crate) fn one<T>(&self, what: &'static str, address: u64) -> Result<Found<'_, T>, Unreachable>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let unreachable = Unreachable { what, address, size: size_of::<T>() as u64 };
        let Found { range, value } = self.many(what, address, unreachable.size)?;
        T::ref_from_bytes(value).map(|value| Found { range, value }).map_err(|_| unreachable)
    }

    /// `count` structures `T` starting at `address`; at least one.
    pub(crate) fn many<T>(
        &self,
        what: &'static str,
        address: u64,
        count: u64,
    ) -> Result<Found<'_, [T]>, Unreachable>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        // A size that does not fit is larger than memory anyway.
        let size = count.saturating_mul(size_of::<T>() as u64);
        let found = PhysRange::from_size(address, size).ok().and_then(|range| {
            let value = <[T]>::ref_from_bytes(self.bytes(range)?).ok()?;
            Some(Found { range, value })
        });
        found.ok_or(Unreachable { what, address, size })
    }
}
