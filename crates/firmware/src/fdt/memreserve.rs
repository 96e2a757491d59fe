//! The memory reservation block.

use memblock::PhysRange;
use zerocopy::big_endian::U64;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::error::FdtError;
use crate::bytes::view;

/// An entry of the memory reservation block.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireReservation {
    address: U64,
    size: U64,
}
const RESERVATION_SIZE: usize = 16;
const _: () = assert!(size_of::<WireReservation>() == RESERVATION_SIZE);

/// Iterator over the memory reservation block, from [`Fdt::memreserve`](super::Fdt::memreserve).
#[derive(Clone, Debug)]
pub struct Memreserve<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) base: usize,
}

impl Iterator for Memreserve<'_> {
    type Item = Result<PhysRange, FdtError>;

    fn next(&mut self) -> Option<Self::Item> {
        const WHAT: &str = "memory reservation";
        if self.at > self.bytes.len() {
            return None;
        }
        let offset = self.base.saturating_add(self.at);
        let Some(entry) = view::<WireReservation>(self.bytes, self.at) else {
            let available = self.bytes.len().saturating_sub(self.at);
            self.at = usize::MAX;
            return Some(Err(FdtError::Truncated {
                what: WHAT,
                offset,
                needed: RESERVATION_SIZE,
                available,
            }));
        };
        let (address, size) = (entry.address.get(), entry.size.get());
        self.at = if size == 0 { usize::MAX } else { self.at.saturating_add(RESERVATION_SIZE) };
        if (address, size) == (0, 0) {
            return None;
        }
        Some(PhysRange::from_size(address, size).map_err(|source| FdtError::Range {
            what: WHAT,
            offset,
            source,
        }))
    }
}

impl core::iter::FusedIterator for Memreserve<'_> {}
