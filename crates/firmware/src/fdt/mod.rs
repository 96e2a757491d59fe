//! The flattened device tree: memory, reservations, and what the boot loader chose.
//!
//! Source: Devicetree Specification 0.4, chapters 3 and 5; Linux `drivers/of/fdt.c` and
//! `Documentation/devicetree/bindings/` for the `linux,…` properties.
//!
//! The blob is walked once by [`Fdt::new`], which proves its structure; after that every node can be read.
//! Names are not held to the specification's 31 characters, nor to its letters: Linux does not, and boards
//! with longer names boot.

mod chosen;
mod memory;
mod reserved;
mod tree;

use memblock::{PhysRange, RangeError};
use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub use self::chosen::{Chosen, UefiMemoryMap};
pub use self::memory::{Memory, MemoryNodes};
pub use self::reserved::{ReservedMemory, ReservedMemoryNodes};
use self::tree::Tree;
pub use self::tree::{Children, Node, Nodes, Property};
use crate::bytes::view;

/// Why bytes are not a device tree, or a part of one cannot be read. Offsets are bytes from the start of the
/// blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FdtError {
    /// The input ends before what has to be there.
    #[error("{what} at byte {offset:#x} needs {needed} bytes, {available} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        offset: usize,
        /// Bytes it needs.
        needed: usize,
        /// Bytes left from `offset`.
        available: usize,
    },
    /// The blob does not begin with the magic number.
    #[error("byte 0: expected the magic number 0xd00dfeed, found {found:#x}")]
    Magic {
        /// The number found.
        found: u32,
    },
    /// A field, token or property holds what it must not.
    #[error("{what} at byte {offset:#x} is {value:#x}, expected {expected}")]
    Value {
        /// What was being read.
        what: &'static str,
        /// Where it is.
        offset: usize,
        /// The value found.
        value: u64,
        /// What would have been good.
        expected: &'static str,
    },
    /// A string has no end, or is not UTF-8.
    #[error("{what} at byte {offset:#x}: expected {expected}")]
    Text {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        offset: usize,
        /// What would have been good.
        expected: &'static str,
    },
    /// A property has a length its contents cannot have.
    #[error("{what} at byte {offset:#x} has {len} bytes, expected {expected}")]
    Length {
        /// The property.
        what: &'static str,
        /// Where its value begins.
        offset: usize,
        /// Its length.
        len: usize,
        /// What would have been good.
        expected: &'static str,
    },
    /// An address and a size do not make a range. Linux passes over those of size 0.
    #[error("{what} at byte {offset:#x}: {source}")]
    Range {
        /// What was being read.
        what: &'static str,
        /// Where the pair begins.
        offset: usize,
        /// What is wrong with it.
        source: RangeError,
    },
    /// One of two properties that only mean something together is missing.
    #[error("node at byte {offset:#x} has {present} but no {missing}")]
    Missing {
        /// Where the node begins.
        offset: usize,
        /// The property that is there.
        present: &'static str,
        /// The property that is not.
        missing: &'static str,
    },
}

impl FdtError {
    /// The byte of the blob the error is about.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Magic { .. } => 0,
            Self::Truncated { offset, .. }
            | Self::Value { offset, .. }
            | Self::Text { offset, .. }
            | Self::Length { offset, .. }
            | Self::Range { offset, .. }
            | Self::Missing { offset, .. } => offset,
        }
    }

    /// Whether this only says that an address comes with a size of 0, which Linux passes over.
    pub const fn is_empty_range(&self) -> bool {
        matches!(self, Self::Range { source: RangeError::Empty { .. }, .. })
    }
}

/// How many 32-bit cells an address and a size take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cells {
    address: usize,
    size: usize,
}

impl Cells {
    /// The `#address-cells` and `#size-cells` of `node`, for its children. A node without them gets
    /// `default`.
    fn of(node: &Node<'_>, default: Self) -> Result<Self, FdtError> {
        let read = |name, what, default, least| match node.property(name) {
            None => Ok(default),
            Some(property) => match property.u32(what)? {
                cells @ 0..=2 if cells >= least => Ok(cells as usize),
                cells => Err(FdtError::Value {
                    what,
                    offset: property.offset,
                    value: u64::from(cells),
                    expected: "a number of cells that fit 64 bits",
                }),
            },
        };
        Ok(Self {
            address: read(b"#address-cells", "#address-cells", default.address, 1)?,
            size: read(b"#size-cells", "#size-cells", default.size, 0)?,
        })
    }

    /// Bytes of one address and size.
    const fn pair(self) -> usize {
        (self.address + self.size) * 4
    }
}

/// Iterator over the address and size pairs of one property.
///
/// A pair that is no range comes as [`FdtError::Range`] in its place. Bytes left over at the end come as
/// [`FdtError::Length`].
#[derive(Clone, Debug)]
pub struct Ranges<'a> {
    rest: &'a [u8],
    offset: usize,
    cells: Cells,
    what: &'static str,
}

impl<'a> Ranges<'a> {
    fn new(property: Option<Property<'a>>, cells: Cells, what: &'static str) -> Self {
        let (rest, offset) = property.map_or((&[][..], 0), |property| (property.value, property.offset));
        Self { rest, offset, cells, what }
    }
}

impl Iterator for Ranges<'_> {
    type Item = Result<PhysRange, FdtError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let offset = self.offset;
        let Some((pair, rest)) = self.rest.split_at_checked(self.cells.pair()) else {
            let len = self.rest.len();
            self.rest = &[];
            let expected = "a whole number of addresses and sizes";
            return Some(Err(FdtError::Length { what: self.what, offset, len, expected }));
        };
        self.rest = rest;
        self.offset = offset.saturating_add(pair.len());
        let (address, size) = pair.split_at_checked(self.cells.address * 4).unwrap_or((pair, &[]));
        Some(PhysRange::from_size(big_endian(address), big_endian(size)).map_err(|source| FdtError::Range {
            what: self.what,
            offset,
            source,
        }))
    }
}

impl core::iter::FusedIterator for Ranges<'_> {}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The blob's header.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHeader {
    magic: U32,
    totalsize: U32,
    off_dt_struct: U32,
    off_dt_strings: U32,
    off_mem_rsvmap: U32,
    version: U32,
    last_comp_version: U32,
    _boot_cpuid_phys: U32,
    size_dt_strings: U32,
    size_dt_struct: U32,
}
const _: () = assert!(size_of::<WireHeader>() == 40);

/// An entry of the memory reservation block.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireReservation {
    address: U64,
    size: U64,
}
const RESERVATION_SIZE: usize = 16;
const _: () = assert!(size_of::<WireReservation>() == RESERVATION_SIZE);

/// A flattened device tree.
///
/// Holding one proves that the header is sound, that nodes nest and end, and that every name and property
/// lies inside the blob. What a property holds is checked when it is read.
///
/// ```
/// // bytes: /sys/firmware/fdt
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/arm64-dts-hotplug.fdt"));
/// let fdt = firmware::fdt::Fdt::new(bytes)?;
/// let mut hotpluggable = Vec::new();
/// for memory in fdt.memory()? {
///     match memory {
///         Ok(memory) if memory.enabled && memory.hotpluggable => hotpluggable.push(memory.range.to_string()),
///         Ok(_) => {}
///         Err(fault) => eprintln!("device tree: {fault}"),
///     }
/// }
/// assert_eq!(hotpluggable, ["80000000-bfffffff"]);
/// # Ok::<(), firmware::fdt::FdtError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fdt<'a> {
    tree: Tree<'a>,
    /// The memory reservation block and everything behind it.
    reservations: &'a [u8],
    reservations_at: usize,
    strings: &'a [u8],
    structure_size: usize,
    total_size: usize,
    version: u32,
}

impl<'a> Fdt<'a> {
    /// Checks the blob at the start of `bytes` and walks it once. Anything behind its own size is ignored.
    /// Needs no alignment. Linear in the size of the blob.
    ///
    /// # Errors
    ///
    /// [`FdtError::Truncated`], [`FdtError::Magic`], [`FdtError::Value`] or [`FdtError::Text`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, FdtError> {
        let truncated = |needed| FdtError::Truncated {
            what: "device tree blob",
            offset: 0,
            needed,
            available: bytes.len(),
        };
        let header: &WireHeader = view(bytes, 0).ok_or_else(|| truncated(size_of::<WireHeader>()))?;
        if header.magic.get() != 0xd00d_feed {
            return Err(FdtError::Magic { found: header.magic.get() });
        }
        let value = |what, offset, field: U32, expected| FdtError::Value {
            what,
            offset,
            value: u64::from(field.get()),
            expected,
        };
        // Version 16 differs only in lacking the size of the structure block; none older is in use.
        if header.version.get() < 16 || header.last_comp_version.get() > 17 {
            return Err(value("version", 20, header.version, "16 or 17, or compatible with 17"));
        }
        let totalsize = to_usize(header.totalsize);
        if totalsize < size_of::<WireHeader>() {
            return Err(value("totalsize", 4, header.totalsize, "at least the header's 40 bytes"));
        }
        let blob = bytes.get(..totalsize).ok_or_else(|| truncated(totalsize))?;

        let block = |what, field_at, start: U32, size: Option<U32>| {
            let at = to_usize(start);
            let rest = blob.get(at..);
            let block = match size {
                None => rest,
                Some(size) => rest.and_then(|rest| rest.get(..to_usize(size))),
            };
            block
                .map(|block| (at, block))
                .ok_or_else(|| value(what, field_at, start, "a block inside the blob"))
        };
        let struct_size = (header.version.get() >= 17).then_some(header.size_dt_struct);
        let (struct_at, structure) = block("off_dt_struct", 8, header.off_dt_struct, struct_size)?;
        if struct_at % 4 != 0 {
            return Err(value("off_dt_struct", 8, header.off_dt_struct, "a multiple of 4"));
        }
        let (_, strings) = block("off_dt_strings", 12, header.off_dt_strings, Some(header.size_dt_strings))?;
        let (reservations_at, reservations) = block("off_mem_rsvmap", 16, header.off_mem_rsvmap, None)?;
        let tree = Tree::new(structure, struct_at, strings)?;
        Ok(Self {
            structure_size: struct_size.map_or(tree.end(), to_usize),
            tree,
            reservations,
            reservations_at,
            strings,
            total_size: totalsize,
            version: header.version.get(),
        })
    }

    /// The version of the blob's layout.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The root.
    pub fn root(&self) -> Node<'a> {
        self.tree.root()
    }

    /// Every node with its depth, parents before their children. O(bytes) for all.
    ///
    /// ```
    /// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/arm64-dts-hotplug.fdt"));
    /// let fdt = firmware::fdt::Fdt::new(bytes)?;
    /// let cpus = fdt.nodes().filter(|(depth, node)| *depth == 2 && node.name().starts_with("cpu@"));
    /// assert_eq!(cpus.count(), 2);
    /// # Ok::<(), firmware::fdt::FdtError>(())
    /// ```
    pub const fn nodes(&self) -> Nodes<'a> {
        Nodes::new(self.tree)
    }

    /// Bytes that the blob says it has.
    pub const fn total_size(&self) -> usize {
        self.total_size
    }

    /// Bytes of the structure block, with its end token and what a blob of version 17 has behind that.
    pub const fn structure_size(&self) -> usize {
        self.structure_size
    }

    /// The strings block: the properties' names, each with its NUL. One that is added is written here unless it is
    /// there already, be it as the end of another.
    pub const fn strings(&self) -> &'a [u8] {
        self.strings
    }

    /// The memory reservation block (`/memreserve/`). An entry of size 0 with an address is an error and the
    /// last item, for Linux stops there too (`drivers/of/fdt.c:early_init_fdt_scan_reserved_mem`); so is a
    /// block without its terminator.
    pub const fn memreserve(&self) -> Memreserve<'a> {
        Memreserve { bytes: self.reservations, at: 0, base: self.reservations_at }
    }

    /// The memory nodes: every child of the root whose `device_type` is `memory`, range by range.
    ///
    /// # Errors
    ///
    /// [`FdtError::Value`] or [`FdtError::Length`] when the root's `#address-cells` or `#size-cells` make its
    /// children unreadable.
    pub fn memory(&self) -> Result<MemoryNodes<'a>, FdtError> {
        Ok(MemoryNodes::new(&self.tree, self.root_cells()?))
    }

    /// The children of `/reserved-memory`.
    ///
    /// # Errors
    ///
    /// [`FdtError::Value`] or [`FdtError::Length`] when the node's `#address-cells` or `#size-cells` make its
    /// children unreadable.
    pub fn reserved_memory(&self) -> Result<ReservedMemoryNodes<'a>, FdtError> {
        ReservedMemoryNodes::new(self.tree.root().child(b"reserved-memory"), self.root_cells()?)
    }

    /// `/chosen`, or `None` when the tree has none.
    ///
    /// # Errors
    ///
    /// [`FdtError::Value`] or [`FdtError::Length`] when the root's `#address-cells` or `#size-cells` are
    /// unreadable.
    pub fn chosen(&self) -> Result<Option<Chosen<'a>>, FdtError> {
        let cells = self.root_cells()?;
        Ok(self.tree.root().child(b"chosen").map(|node| Chosen::new(node, cells)))
    }

    /// Linux takes one cell each when the root does not say (`drivers/of/fdt.c:early_init_dt_scan_root`).
    fn root_cells(&self) -> Result<Cells, FdtError> {
        Cells::of(&self.tree.root(), Cells { address: 1, size: 1 })
    }
}

fn to_usize(field: U32) -> usize {
    // Only a 16-bit usize could be too narrow, and then no input is that long either.
    usize::try_from(field.get()).unwrap_or(usize::MAX)
}

/// Iterator over the memory reservation block, from [`Fdt::memreserve`].
#[derive(Clone, Debug)]
pub struct Memreserve<'a> {
    bytes: &'a [u8],
    at: usize,
    base: usize,
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

#[cfg(test)]
mod tests;
