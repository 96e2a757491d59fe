//! Allocation requests.

use core::fmt;

use crate::NodeId;

/// A request for memory. Start from [`Request::new`] and set what differs.
///
/// ```
/// use memblock::{NodeId, Request};
///
/// let page_table = Request { align: 4096, tag: Some("page tables"), ..Request::new(4096) };
/// let node_data = Request { node: NodeId::new(1), exact_node: true, ..Request::new(0x2_ad00) };
/// let below_4_gib = Request { max: Some(1 << 32), ..page_table };
/// assert_eq!(below_4_gib.to_string(), "4096 bytes at a multiple of 4096 below 0x100000000 for page tables");
/// assert_eq!(node_data.to_string(), "175360 bytes at a multiple of 64 on node 1 and no other");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Size in bytes, at least 1.
    pub size: u64,
    /// The first byte's address is a multiple of this, a power of two.
    pub align: u64,
    /// Lowest address allowed. Page 0 is never handed out, whatever this says.
    pub min: u64,
    /// First address not allowed. `None` means the current limit (`MEMBLOCK_ALLOC_ACCESSIBLE`); `Some`
    /// applies as given, even above the current limit.
    pub max: Option<u64>,
    /// The preferred node, `None` for any.
    pub node: Option<NodeId>,
    /// Fail rather than use memory of another node.
    pub exact_node: bool,
    /// Use memory below `min` rather than fail, like Linux's calls that return virtual addresses.
    pub min_is_optional: bool,
    /// The owner, stored with the reservation and listed by
    /// [`Memblock::reserved_owners`](crate::Memblock::reserved_owners).
    pub tag: Option<&'static str>,
}

impl Request {
    /// The default alignment: a cache line on most machines (`SMP_CACHE_BYTES`).
    pub const CACHE_LINE: u64 = 64;

    /// `size` bytes anywhere below the current limit, aligned to [`Request::CACHE_LINE`].
    pub const fn new(size: u64) -> Self {
        Self {
            size,
            align: Self::CACHE_LINE,
            min: 0,
            max: None,
            node: None,
            exact_node: false,
            min_is_optional: false,
            tag: None,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at a multiple of {}", self.size, self.align)?;
        if self.min > 0 {
            write!(f, " from {:#x}{}", self.min, if self.min_is_optional { ", or lower," } else { "" })?;
        }
        if let Some(max) = self.max {
            write!(f, " below {max:#x}")?;
        }
        if let Some(node) = self.node {
            write!(f, " on node {node}{}", if self.exact_node { " and no other" } else { " or another" })?;
        }
        self.tag.map_or(Ok(()), |tag| write!(f, " for {tag}"))
    }
}
