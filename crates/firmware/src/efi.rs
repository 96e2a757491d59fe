//! The UEFI memory map, as `GetMemoryMap()` returns it.
//!
//! The map is an array of descriptors with a stride that is *not* the size of the structure: firmware reports
//! the size of its descriptors, and callers must step by that (edk2 uses 48 bytes for a 40-byte structure).
//!
//! Source: UEFI 2.10 section 7.2.3.

use memblock::{PhysRange, RangeError};
pub use uefi_raw::table::boot::{MemoryAttribute, MemoryType};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::bytes::view;

/// Size of an EFI page in bytes, independent of the processor's page size.
pub const PAGE_SIZE: u64 = 4096;

/// One descriptor of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The physical addresses, half-open.
    pub range: PhysRange,
    /// What the memory is used for.
    pub kind: MemoryType,
    /// The memory's capabilities and how it may be used, for instance
    /// [`SPECIAL_PURPOSE`](MemoryAttribute::SPECIAL_PURPOSE) or
    /// [`MORE_RELIABLE`](MemoryAttribute::MORE_RELIABLE).
    pub attributes: MemoryAttribute,
}

/// Why bytes are not an EFI memory map, or why one of its descriptors is not a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EfiError {
    /// The descriptor size is smaller than version 1 defines.
    #[error("descriptors of {desc_size} bytes, expected at least 40")]
    DescriptorSize {
        /// The size as given.
        desc_size: usize,
    },
    /// The descriptors have a version that this reader does not know.
    #[error("descriptors of version {desc_version}, expected 1")]
    DescriptorVersion {
        /// The version as given.
        desc_version: u32,
    },
    /// The map ends inside a descriptor. Its complete descriptors come before this error.
    #[error("byte {offset:#x}: {len} bytes are left, a descriptor has {desc_size}")]
    PartialDescriptor {
        /// Where the descriptor starts.
        offset: usize,
        /// Bytes left from there.
        len: usize,
        /// The stride of the map.
        desc_size: usize,
    },
    /// The descriptor is not a range: it has no pages, or more than the address space.
    #[error("byte {offset:#x}: {source}")]
    Range {
        /// Where the descriptor starts.
        offset: usize,
        /// What is wrong with it.
        source: RangeError,
    },
}

impl EfiError {
    /// The byte of the map the error is about; 0 if it is about the map as a whole.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::DescriptorSize { .. } | Self::DescriptorVersion { .. } => 0,
            Self::PartialDescriptor { offset, .. } | Self::Range { offset, .. } => offset,
        }
    }
}

/// `EFI_MEMORY_DESCRIPTOR`, version 1.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireDescriptor {
    kind: U32,
    _padding: U32,
    physical_start: U64,
    _virtual_start: U64,
    number_of_pages: U64,
    attributes: U64,
}

const DESCRIPTOR_SIZE: usize = 40;
const _: () = assert!(size_of::<WireDescriptor>() == DESCRIPTOR_SIZE);

/// An EFI memory map.
///
/// Holding one proves that the stride and version are supported. Descriptors are checked when they are read.
///
/// ```
/// use firmware::efi::{MemoryMap, MemoryType};
///
/// let mut map = [0; 48];
/// map[0] = 7; // EfiConventionalMemory
/// map[8..16].copy_from_slice(&0x4000_0000_u64.to_le_bytes());
/// map[24] = 16; // pages
/// let entry = MemoryMap::new(&map, 48, 1)?.entries().next().unwrap()?;
/// assert_eq!(entry.kind, MemoryType::CONVENTIONAL);
/// assert_eq!(entry.range.to_string(), "40000000-4000ffff");
/// # Ok::<(), firmware::efi::EfiError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MemoryMap<'a> {
    bytes: &'a [u8],
    desc_size: usize,
}

impl<'a> MemoryMap<'a> {
    /// The map in `bytes`, with descriptors of version `desc_version` that are `desc_size` bytes apart, both
    /// as reported by firmware.
    ///
    /// # Errors
    ///
    /// [`EfiError::DescriptorSize`] below 40 bytes, [`EfiError::DescriptorVersion`] other than 1.
    pub const fn new(bytes: &'a [u8], desc_size: usize, desc_version: u32) -> Result<Self, EfiError> {
        if desc_version != 1 {
            return Err(EfiError::DescriptorVersion { desc_version });
        }
        if desc_size < DESCRIPTOR_SIZE {
            return Err(EfiError::DescriptorSize { desc_size });
        }
        Ok(Self { bytes, desc_size })
    }

    /// The descriptors, in firmware's order.
    pub const fn entries(&self) -> Entries<'a> {
        Entries { bytes: self.bytes, desc_size: self.desc_size, at: 0 }
    }
}

/// Iterator over the descriptors of an EFI memory map, from [`MemoryMap::entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    desc_size: usize,
    /// Bytes of the map already read.
    at: usize,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, EfiError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let rest = self.bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        if rest.len() < self.desc_size {
            self.at = self.bytes.len();
            return Some(Err(EfiError::PartialDescriptor {
                offset,
                len: rest.len(),
                desc_size: self.desc_size,
            }));
        }
        let wire: &WireDescriptor = view(rest, 0)?;
        self.at = offset.saturating_add(self.desc_size);
        let start = wire.physical_start.get();
        let range = match wire.number_of_pages.get().checked_mul(PAGE_SIZE) {
            Some(size) => PhysRange::from_size(start, size),
            None => Err(RangeError::PastLastAddress { start, size: u64::MAX }),
        };
        Some(
            range
                .map(|range| Entry {
                    range,
                    kind: MemoryType(wire.kind.get()),
                    attributes: MemoryAttribute::from_bits_retain(wire.attributes.get()),
                })
                .map_err(|source| EfiError::Range { offset, source }),
        )
    }
}

impl core::iter::FusedIterator for Entries<'_> {}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn descriptor(kind: u32, start: u64, pages: u64, attributes: u64, stride: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(kind.to_le_bytes());
        bytes.extend([0xaa; 4]);
        bytes.extend(start.to_le_bytes());
        bytes.extend([0xbb; 8]);
        bytes.extend(pages.to_le_bytes());
        bytes.extend(attributes.to_le_bytes());
        bytes.resize(stride, 0xcc);
        bytes
    }

    #[test]
    fn any_stride_of_the_map_is_respected() {
        for stride in [40, 48, 56, 41] {
            let mut map = descriptor(7, 0x1000, 2, 0xf, stride);
            map.extend(descriptor(11, 0xffc0_0000, 0x400, 1 << 63, stride));
            let entries: Vec<_> =
                MemoryMap::new(&map, stride, 1).unwrap().entries().map(Result::unwrap).collect();
            assert_eq!(entries.len(), 2, "stride {stride}");
            assert_eq!(entries[0].range, PhysRange::new(0x1000, 0x3000).unwrap());
            assert_eq!(entries[1].range.end(), 0x1_0000_0000);
            assert!(entries[1].attributes.contains(MemoryAttribute::RUNTIME));
        }
    }

    #[test]
    fn a_stride_shorter_than_the_structure_is_refused() {
        assert_eq!(MemoryMap::new(&[0; 400], 39, 1).unwrap_err(), EfiError::DescriptorSize { desc_size: 39 });
        assert_eq!(
            MemoryMap::new(&[0; 400], 48, 2).unwrap_err(),
            EfiError::DescriptorVersion { desc_version: 2 }
        );
    }

    #[test]
    fn descriptors_without_a_range_are_reported_in_place_and_the_rest_follows() {
        let mut map = descriptor(7, 0x1000, 0, 0, 48);
        map.extend(descriptor(7, 0x1000, 1 << 52, 0, 48));
        map.extend(descriptor(7, u64::MAX - 0xfff, 1, 0, 48));
        map.extend(descriptor(7, 0x1000, 1, 0, 48));
        let seen: Vec<_> = MemoryMap::new(&map, 48, 1).unwrap().entries().collect();
        assert_eq!(seen[0], Err(EfiError::Range { offset: 0, source: RangeError::Empty { start: 0x1000 } }));
        assert_eq!(seen[1].unwrap_err().offset(), 48);
        assert_eq!(seen[2].unwrap_err().offset(), 96);
        assert_eq!(seen[3].unwrap().range.size(), 4096);
    }

    #[test]
    fn a_map_cut_anywhere_yields_its_complete_descriptors_and_then_an_error_at_the_cut() {
        let mut map = descriptor(7, 0x1000, 1, 8, 48);
        map.extend(descriptor(3, 0x2000, 1, 8, 48));
        for len in 0..=map.len() {
            let seen: Vec<_> = MemoryMap::new(&map[..len], 48, 1).unwrap().entries().collect();
            assert_eq!(seen.iter().filter(|entry| entry.is_ok()).count(), len / 48);
            if len % 48 != 0 {
                let expected =
                    EfiError::PartialDescriptor { offset: len / 48 * 48, len: len % 48, desc_size: 48 };
                assert_eq!(seen.last(), Some(&Err(expected)));
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_yield_one_item_per_started_stride(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            stride in 40usize..100,
        ) {
            let count = MemoryMap::new(&bytes, stride, 1).unwrap().entries().count();
            prop_assert_eq!(count, bytes.len().div_ceil(stride));
        }
    }
}
