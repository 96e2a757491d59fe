//! The children of `/reserved-memory`.
//!
//! Source: dt-schema `reserved-memory/reserved-memory.yaml`; Linux `drivers/of/of_reserved_mem.c`.

use super::cells::{Cells, Ranges};
use super::error::FdtError;
use super::tree::{Children, Node};

/// One child of `/reserved-memory`.
///
/// With `reg` it is *static*: it specifies its addresses. Without, it is *dynamic*: it requests
/// [`size`](Self::size) bytes, and the system chooses the place.
#[derive(Clone, Copy, Debug)]
pub struct ReservedMemory<'a> {
    node: Node<'a>,
    cells: Cells,
}

impl<'a> ReservedMemory<'a> {
    /// Name with unit address, for instance `cma@60000000`.
    pub fn name(&self) -> &'a str {
        self.node.name()
    }

    /// Offset of the node in the blob, in bytes.
    pub fn offset(&self) -> usize {
        self.node.offset
    }

    /// Whether the node specifies its addresses.
    pub fn is_static(&self) -> bool {
        self.node.property(b"reg").is_some()
    }

    /// All addresses of a static node; empty for a dynamic one. Linux reserves every range, but drivers get
    /// only the first.
    pub fn ranges(&self) -> Ranges<'a> {
        Ranges::new(self.node.property(b"reg"), self.cells, "reserved-memory reg")
    }

    /// Size in bytes that a dynamic node requests, or `None` if it does not say.
    ///
    /// # Errors
    ///
    /// [`FdtError::Length`] if the property is neither one nor two cells.
    pub fn size(&self) -> Result<Option<u64>, FdtError> {
        self.number(b"size", "reserved-memory size")
    }

    /// The alignment that a dynamic node requests, in bytes.
    ///
    /// # Errors
    ///
    /// [`FdtError::Length`] if the property is neither one nor two cells.
    pub fn alignment(&self) -> Result<Option<u64>, FdtError> {
        self.number(b"alignment", "reserved-memory alignment")
    }

    /// Where a dynamic node may be placed; empty for anywhere.
    pub fn alloc_ranges(&self) -> Ranges<'a> {
        Ranges::new(self.node.property(b"alloc-ranges"), self.cells, "reserved-memory alloc-ranges")
    }

    /// Whether the memory must stay out of the kernel's direct map.
    pub fn no_map(&self) -> bool {
        self.node.property(b"no-map").is_some()
    }

    /// Whether the system may use the memory until its driver claims it (CMA).
    pub fn reusable(&self) -> bool {
        self.node.property(b"reusable").is_some()
    }

    /// Whether `status` is absent, `okay` or `ok`. Otherwise Linux ignores the node.
    pub fn enabled(&self) -> bool {
        self.node.is_available()
    }

    /// The first string of `compatible`, for instance `shared-dma-pool`, or `None` if the node has none.
    pub fn compatible(&self) -> Option<&'a [u8]> {
        self.node.property(b"compatible").map(|property| property.text())
    }

    /// Whether this is the default CMA area (`linux,cma-default`).
    pub fn cma_default(&self) -> bool {
        self.node.property(b"linux,cma-default").is_some()
    }

    fn number(&self, name: &[u8], what: &'static str) -> Result<Option<u64>, FdtError> {
        self.node.property(name).map(|property| property.number(what)).transpose()
    }
}

impl<'a> ReservedMemory<'a> {
    /// The node itself, for its other properties.
    pub const fn node(&self) -> Node<'a> {
        self.node
    }
}

/// Iterator over the children of `/reserved-memory`, from
/// [`Fdt::reserved_memory`](super::Fdt::reserved_memory). Empty if the tree has no such node.
#[derive(Clone, Debug)]
pub struct ReservedMemoryNodes<'a> {
    nodes: Option<Children<'a>>,
    cells: Cells,
    is_like_root: bool,
}

impl<'a> ReservedMemoryNodes<'a> {
    pub(super) fn new(parent: Option<Node<'a>>, root_cells: Cells) -> Result<Self, FdtError> {
        Ok(match parent {
            None => Self { nodes: None, cells: root_cells, is_like_root: true },
            Some(parent) => {
                let cells = Cells::of(&parent, root_cells)?;
                let has = |name| parent.property(name).is_some();
                let says_all = has(b"#address-cells") && has(b"#size-cells") && has(b"ranges");
                let is_like_root = says_all && cells == root_cells;
                Self { nodes: Some(parent.children()), cells, is_like_root }
            }
        })
    }

    /// Whether the node has `ranges` and the root's `#address-cells` and `#size-cells`: otherwise Linux
    /// ignores all its children (`drivers/of/of_reserved_mem.c:__reserved_mem_check_root`, 6.12).
    pub const fn is_like_root(&self) -> bool {
        self.is_like_root
    }

    /// Whether the tree has this node.
    pub const fn is_present(&self) -> bool {
        self.nodes.is_some()
    }
}

impl<'a> Iterator for ReservedMemoryNodes<'a> {
    type Item = ReservedMemory<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.nodes.as_mut()?.next()?;
        Some(ReservedMemory { node, cells: self.cells })
    }
}

impl core::iter::FusedIterator for ReservedMemoryNodes<'_> {}
