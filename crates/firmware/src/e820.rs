//! The e820 memory map of x86 firmware, as the boot loader passes it to Linux.
//!
//! Up to 128 entries are in the *zero page*, `struct boot_params`, which Linux shows as
//! `/sys/kernel/boot_params/data`. Machines with more entries have the rest in a `setup_data` node of type
//! `SETUP_E820_EXT`, shown as `/sys/kernel/boot_params/setup_data/N/data`.
//!
//! Source: Linux `Documentation/arch/x86/zero-page.rst` and `boot.rst`; ACPI 6.5 section 15.1 (`E820h`).

mod kind;

use core::fmt;

use memblock::{PhysRange, RangeError};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::bytes::view;

pub use kind::E820Type;

/// Entries that the zero page has room for. What does not fit is in setup_data of the type SETUP_E820_EXT
/// (Documentation/arch/x86/zero-page.rst).
pub const ZERO_PAGE_ENTRIES: usize = 128;

/// One entry of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The physical addresses, half-open.
    pub range: PhysRange,
    /// Their type.
    pub kind: E820Type,
}

/// Why bytes are not an e820 map, or why one of its entries is not a range. Offsets are bytes from the start
/// of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum E820Error {
    /// The input is shorter than a zero page.
    #[error("a zero page has 4096 bytes, the input ends at byte {len}")]
    TooShort {
        /// Length of the input.
        len: usize,
    },
    /// The bytes have neither the setup header's magic nor a magic of 0 with a boot loader type: they are not
    /// a zero page.
    #[error(
        "byte {offset:#x}: expected the setup header's magic \"HdrS\", or 0 and a loader type, found {found:02x?}"
    )]
    Magic {
        /// Always `0x202`.
        offset: usize,
        /// The bytes found there.
        found: [u8; 4],
    },
    /// `e820_entries` is larger than the zero page has room for.
    #[error("byte {offset:#x}: {count} entries, but the zero page has room for 128")]
    Count {
        /// Always `0x1e8`.
        offset: usize,
        /// The number found.
        count: u8,
    },
    /// The input ends inside an entry.
    #[error("byte {offset:#x}: {len} bytes are left, an entry has 20")]
    PartialEntry {
        /// Where the entry starts.
        offset: usize,
        /// Bytes left from there.
        len: usize,
    },
    /// The entry is not a range: its size is 0, or it runs past the last address. Linux drops such entries
    /// (`arch/x86/kernel/e820.c:e820__update_table`).
    #[error("byte {offset:#x}: {source}")]
    Range {
        /// Where the entry starts.
        offset: usize,
        /// What is wrong with it.
        source: RangeError,
    },
    /// Two entries claim the same addresses. In Linux the entry with the higher type number wins.
    #[error("byte {offset:#x}: the entry overlaps the one at byte {earlier:#x} in {range}")]
    Overlap {
        /// Where the later entry starts.
        offset: usize,
        /// Where the earlier entry starts.
        earlier: usize,
        /// The addresses that both claim.
        range: PhysRange,
    },
}

impl E820Error {
    /// The byte of the input the error is about; for input that is too short, its end.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::TooShort { len } => len,
            Self::Magic { offset, .. }
            | Self::Count { offset, .. }
            | Self::PartialEntry { offset, .. }
            | Self::Range { offset, .. }
            | Self::Overlap { offset, .. } => offset,
        }
    }
}

/// `struct boot_e820_entry`.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireEntry {
    addr: U64,
    size: U64,
    kind: U32,
}

const ENTRY_SIZE: usize = 20;
const _: () = assert!(size_of::<WireEntry>() == ENTRY_SIZE);

/// The fields of `struct boot_params` that this crate reads.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireBootParams {
    _screen_info: [u8; ACPI_RSDP],
    acpi_rsdp_addr: U64,
    _pad_to_ramdisk_high: [u8; 0xc0 - 0x78],
    ext_ramdisk_image: U32,
    ext_ramdisk_size: U32,
    _pad_to_efi: [u8; EFI_INFO - 0xc8],
    efi_loader_signature: [u8; 4],
    _efi_systab: U32,
    efi_memdesc_size: U32,
    _efi_memdesc_version: U32,
    efi_memmap: U32,
    efi_memmap_size: U32,
    _efi_systab_hi: U32,
    efi_memmap_hi: U32,
    _pad_to_entries: [u8; 0x1e8 - 0x1e0],
    e820_entries: u8,
    _pad_to_header: [u8; 0x202 - 0x1e9],
    header_magic: [u8; 4],
    version: U16,
    _pad_to_loader: [u8; 0x210 - 0x208],
    type_of_loader: u8,
    _pad_to_ramdisk: [u8; 0x218 - 0x211],
    ramdisk_image: U32,
    ramdisk_size: U32,
    _pad_to_setup_data: [u8; 0x250 - 0x220],
    setup_data: U64,
    _pad_to_table: [u8; E820_TABLE - 0x258],
    e820_table: [u8; ENTRY_SIZE * ZERO_PAGE_ENTRIES],
    _pad_to_end: [u8; 4096 - 0xcd0],
}

const ACPI_RSDP: usize = 0x70;
const EFI_INFO: usize = 0x1c0;
const E820_ENTRIES: usize = 0x1e8;
const HEADER_MAGIC: usize = 0x202;
const E820_TABLE: usize = 0x2d0;
const _: () = assert!(size_of::<WireBootParams>() == 4096);
const _: () = assert!(core::mem::offset_of!(WireBootParams, acpi_rsdp_addr) == ACPI_RSDP);
const _: () = assert!(core::mem::offset_of!(WireBootParams, ext_ramdisk_image) == 0xc0);
const _: () = assert!(core::mem::offset_of!(WireBootParams, efi_loader_signature) == EFI_INFO);
const _: () = assert!(core::mem::offset_of!(WireBootParams, efi_memmap_hi) == 0x1dc);
const _: () = assert!(core::mem::offset_of!(WireBootParams, e820_entries) == E820_ENTRIES);
const _: () = assert!(core::mem::offset_of!(WireBootParams, header_magic) == HEADER_MAGIC);
const _: () = assert!(core::mem::offset_of!(WireBootParams, type_of_loader) == 0x210);
const _: () = assert!(core::mem::offset_of!(WireBootParams, ramdisk_image) == 0x218);
const _: () = assert!(core::mem::offset_of!(WireBootParams, setup_data) == 0x250);
const _: () = assert!(core::mem::offset_of!(WireBootParams, e820_table) == E820_TABLE);

/// The x86 zero page, `struct boot_params`.
///
/// Holding one proves that the input has a zero page's length and magic, and that its entry count fits.
///
/// If a boot loader copied the kernel's setup header, the magic is `HdrS`. The EFI stub and the PVH entry
/// always start from a page of zeros and leave the magic out; such a page is recognized by its loader type,
/// which is never 0.
///
/// ```
/// // bytes: /sys/kernel/boot_params/data
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/x86-plain-2g.boot_params"));
/// let mut seen = Vec::new();
/// for entry in firmware::e820::BootParams::new(bytes)?.entries() {
///     match entry {
///         Ok(entry) => seen.push(format!("{} {}", entry.range, entry.kind)),
///         Err(fault) => eprintln!("boot_params: {fault}"),
///     }
/// }
/// assert_eq!(seen[0], "00000000-0009fbff usable");
/// # Ok::<(), firmware::e820::E820Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct BootParams<'a> {
    wire: &'a WireBootParams,
}

impl<'a> BootParams<'a> {
    /// Checks the zero page at the start of `bytes`. Anything after its 4096 bytes is ignored.
    ///
    /// # Errors
    ///
    /// [`E820Error::TooShort`], [`E820Error::Magic`] or [`E820Error::Count`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, E820Error> {
        let wire: &WireBootParams = view(bytes, 0).ok_or(E820Error::TooShort { len: bytes.len() })?;
        let has_header = wire.header_magic == *b"HdrS";
        let filled_by_kernel = wire.header_magic == [0; 4] && wire.type_of_loader != 0;
        if !has_header && !filled_by_kernel {
            return Err(E820Error::Magic { offset: HEADER_MAGIC, found: wire.header_magic });
        }
        if usize::from(wire.e820_entries) > ZERO_PAGE_ENTRIES {
            return Err(E820Error::Count { offset: E820_ENTRIES, count: wire.e820_entries });
        }
        Ok(Self { wire })
    }

    /// The e820 entries in the zero page, in firmware's order.
    pub fn entries(&self) -> Entries<'a> {
        let len = usize::from(self.wire.e820_entries) * ENTRY_SIZE;
        let table = self.wire.e820_table.get(..len).unwrap_or(&[]);
        Entries { table, base: E820_TABLE, at: 0 }
    }

    /// The boot protocol's version, with the major number in the high byte; 0 if the EFI stub filled the
    /// page.
    pub fn protocol_version(&self) -> u16 {
        self.wire.version.get()
    }

    /// Where the boot loader put the initial ramdisk, or `None` if its size is 0.
    ///
    /// # Errors
    ///
    /// [`E820Error::Range`] if address and size do not form a range.
    pub fn ramdisk(&self) -> Result<Option<PhysRange>, E820Error> {
        let wide = |high: U32, low: U32| u64::from(high.get()) << 32 | u64::from(low.get());
        let start = wide(self.wire.ext_ramdisk_image, self.wire.ramdisk_image);
        match wide(self.wire.ext_ramdisk_size, self.wire.ramdisk_size) {
            0 => Ok(None),
            size => PhysRange::from_size(start, size)
                .map(Some)
                .map_err(|source| E820Error::Range { offset: 0x218, source }),
        }
    }

    /// Where the boot loader left the EFI memory map; `None` on a machine that did not boot with 64-bit EFI,
    /// or if address and size do not form a range.
    pub fn efi_memory_map(&self) -> Option<PhysRange> {
        let wire = self.wire;
        let start = u64::from(wire.efi_memmap_hi.get()) << 32 | u64::from(wire.efi_memmap.get());
        let map = PhysRange::from_size(start, u64::from(wire.efi_memmap_size.get())).ok();
        map.filter(|_| wire.efi_loader_signature == *b"EL64")
    }

    /// Size of a descriptor of the EFI memory map in bytes; `None` on a machine that did not boot with 64-bit
    /// EFI.
    pub fn efi_descriptor_size(&self) -> Option<u32> {
        let wire = self.wire;
        Some(wire.efi_memdesc_size.get()).filter(|&size| size > 0 && wire.efi_loader_signature == *b"EL64")
    }

    /// Physical address of ACPI's root pointer (RSDP), or `None` if neither the boot loader nor the kernel's
    /// decompressor filled it in, as on a machine that booted with EFI.
    pub fn acpi_rsdp(&self) -> Option<u64> {
        Some(self.wire.acpi_rsdp_addr.get()).filter(|address| *address != 0)
    }

    /// Physical address of the first `setup_data` node, or `None` if there is none.
    pub fn setup_data(&self) -> Option<u64> {
        Some(self.wire.setup_data.get()).filter(|address| *address != 0)
    }
}

impl fmt::Debug for BootParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootParams").field("e820_entries", &self.wire.e820_entries).finish_non_exhaustive()
    }
}

/// A bare e820 table: the payload of a `setup_data` node of type `SETUP_E820_EXT` (1).
///
/// Holding one proves that the input is a whole number of entries.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    bytes: &'a [u8],
}

impl<'a> Table<'a> {
    /// Checks that `bytes` is a whole number of 20-byte entries.
    ///
    /// # Errors
    ///
    /// [`E820Error::PartialEntry`] if bytes are left over.
    pub fn new(bytes: &'a [u8]) -> Result<Self, E820Error> {
        match bytes.len() % ENTRY_SIZE {
            0 => Ok(Self { bytes }),
            len => Err(E820Error::PartialEntry { offset: bytes.len() - len, len }),
        }
    }

    /// The entries, in firmware's order.
    pub fn entries(&self) -> Entries<'a> {
        Entries { table: self.bytes, base: 0, at: 0 }
    }
}

/// Iterator over e820 entries, from [`BootParams::entries`] or [`Table::entries`].
///
/// An entry that is not a range yields [`E820Error::Range`] in its place; the next entries follow.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    table: &'a [u8],
    /// Offset of the table in the input, for errors.
    base: usize,
    /// Bytes of the table already read.
    at: usize,
}

impl<'a> Entries<'a> {
    /// Pairs of entries that claim the same addresses, as [`E820Error::Overlap`], in the order of the later
    /// entry.
    ///
    /// Linux accepts and resolves overlaps, but firmware that has them deserves a look. Compares every pair:
    /// quadratic in the number of entries. Entries that are not ranges are left out.
    pub fn overlaps(&self) -> impl Iterator<Item = E820Error> + 'a {
        let all = Self { at: 0, ..self.clone() };
        let later_entries = all.clone();
        later_entries.placed().flat_map(move |(offset, later)| {
            all.clone().placed().take_while(move |(earlier, _)| *earlier < offset).filter_map(
                move |(earlier, entry)| {
                    let range = later.range.intersect(entry.range)?;
                    Some(E820Error::Overlap { offset, earlier, range })
                },
            )
        })
    }

    /// The valid entries, each with its offset.
    fn placed(mut self) -> impl Iterator<Item = (usize, Entry)> + 'a {
        core::iter::from_fn(move || {
            loop {
                let offset = self.base.saturating_add(self.at);
                if let Ok(entry) = self.next()? {
                    return Some((offset, entry));
                }
            }
        })
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, E820Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let wire: &WireEntry = view(self.table, self.at)?;
        let offset = self.base.saturating_add(self.at);
        self.at = self.at.saturating_add(ENTRY_SIZE);
        Some(
            PhysRange::from_size(wire.addr.get(), wire.size.get())
                .map(|range| Entry { range, kind: E820Type::from(wire.kind.get()) })
                .map_err(|source| E820Error::Range { offset, source }),
        )
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.table.len().saturating_sub(self.at) / ENTRY_SIZE;
        (left, Some(left))
    }
}

impl core::iter::FusedIterator for Entries<'_> {}

#[cfg(test)]
mod tests;
