//! The flattened device tree: memory, reservations, and the boot loader's choices.
//!
//! Source: Devicetree Specification 0.4, chapters 3 and 5; Linux `drivers/of/fdt.c` and
//! `Documentation/devicetree/bindings/` for the `linux,…` properties.
//!
//! [`Fdt::new`] walks the blob once, which proves its structure; after that every node can be read. Names may
//! exceed the specification's 31 characters and its character set: Linux does not check them, and boards with
//! longer names boot.

mod cells;
mod chosen;
mod error;
mod memory;
mod memreserve;
mod reserved;
mod tree;

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use self::cells::Cells;
pub use self::cells::Ranges;
pub use self::chosen::{Chosen, UefiMemoryMap};
pub use self::error::FdtError;
pub use self::memory::{Memory, MemoryNodes};
pub use self::memreserve::Memreserve;
pub use self::reserved::{ReservedMemory, ReservedMemoryNodes};
use self::tree::Tree;
pub use self::tree::{Children, Node, Nodes, Property};
use crate::bytes::view;

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

/// A flattened device tree.
///
/// Holding one proves that the header is valid, that nodes are properly nested, and that every name and
/// property lies inside the blob. The value of a property is checked when it is read.
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
    /// The memory reservation block and everything after it.
    reservations: &'a [u8],
    reservations_at: usize,
    strings: &'a [u8],
    structure_size: usize,
    total_size: usize,
    version: u32,
}

impl<'a> Fdt<'a> {
    /// Checks the blob at the start of `bytes` and walks it once. Anything after the blob is ignored. Needs
    /// no alignment. Linear in the size of the blob.
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
        // Version 16 only lacks the size of the structure block. No older version is in use.
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

    /// Total size of the blob in bytes, according to its header.
    pub const fn total_size(&self) -> usize {
        self.total_size
    }

    /// Size of the structure block in bytes, including its end token and, from version 17 on, anything after
    /// that.
    pub const fn structure_size(&self) -> usize {
        self.structure_size
    }

    /// The strings block: the properties' names, each with its NUL. A new name needs to be appended only if
    /// the block does not contain it yet, not even as the end of another name.
    pub const fn strings(&self) -> &'a [u8] {
        self.strings
    }

    /// The memory reservation block (`/memreserve/`). An entry of size 0 with an address is an error and the
    /// last item, since Linux stops there too (`drivers/of/fdt.c:early_init_fdt_scan_reserved_mem`). So is a
    /// missing terminator.
    pub const fn memreserve(&self) -> Memreserve<'a> {
        Memreserve { bytes: self.reservations, at: 0, base: self.reservations_at }
    }

    /// The memory nodes: every child of the root with the `device_type` `memory`, range by range.
    ///
    /// # Errors
    ///
    /// [`FdtError::Value`] or [`FdtError::Length`] if the root's `#address-cells` or `#size-cells` make its
    /// children unreadable.
    pub fn memory(&self) -> Result<MemoryNodes<'a>, FdtError> {
        Ok(MemoryNodes::new(&self.tree, self.root_cells()?))
    }

    /// The children of `/reserved-memory`.
    ///
    /// # Errors
    ///
    /// [`FdtError::Value`] or [`FdtError::Length`] if the node's `#address-cells` or `#size-cells` make its
    /// children unreadable.
    pub fn reserved_memory(&self) -> Result<ReservedMemoryNodes<'a>, FdtError> {
        ReservedMemoryNodes::new(self.tree.root().child(b"reserved-memory"), self.root_cells()?)
    }

    /// `/chosen`, or `None` if the tree has none.
    ///
    /// # Errors
    ///
    /// [`FdtError::Value`] or [`FdtError::Length`] if the root's `#address-cells` or `#size-cells` are
    /// unreadable.
    pub fn chosen(&self) -> Result<Option<Chosen<'a>>, FdtError> {
        let cells = self.root_cells()?;
        Ok(self.tree.root().child(b"chosen").map(|node| Chosen::new(node, cells)))
    }

    /// Linux assumes one cell each if the root does not say (`drivers/of/fdt.c:early_init_dt_scan_root`).
    fn root_cells(&self) -> Result<Cells, FdtError> {
        Cells::of(&self.tree.root(), Cells { address: 1, size: 1 })
    }
}

fn to_usize(field: U32) -> usize {
    // Only a 16-bit usize could be too narrow, and then no input is that long.
    usize::try_from(field.get()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
