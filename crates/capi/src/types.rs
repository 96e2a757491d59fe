//! The types that C passes and receives.

use memblock::{NodeId, PfnRange, PhysRange, Region, RegionFlags, Request, Selection, TableKind};

use crate::failure::Failure;

/// One of the tables of a memblock: PHYSMEM_TABLE_MEMORY, PHYSMEM_TABLE_RESERVED or PHYSMEM_TABLE_PHYSMEM.
pub type Table = u32;
/// The memory there is.
pub const PHYSMEM_TABLE_MEMORY: Table = 0;
/// Memory that must not be handed out. It need not lie in the memory table.
pub const PHYSMEM_TABLE_RESERVED: Table = 1;
/// The memory that is really there, even if a limit cut PHYSMEM_TABLE_MEMORY down.
pub const PHYSMEM_TABLE_PHYSMEM: Table = 2;

/// No node, or any node. Nodes are numbered from 0 to INT32_MAX - 1.
pub const PHYSMEM_NO_NODE: i32 = -1;

/// Attributes of a region, joined by `|`: PHYSMEM_HOTPLUG and the ones below, with the values of Linux's
/// `enum memblock_flags`. Other bits below bit 16 are kept; higher ones are dropped.
pub type Flags = u32;
/// According to firmware, this memory may be unplugged.
pub const PHYSMEM_HOTPLUG: Flags = 0x01;
/// Mirrored memory.
pub const PHYSMEM_MIRROR: Flags = 0x02;
/// Not in the kernel's direct map; never allocated.
pub const PHYSMEM_NOMAP: Flags = 0x04;
/// Added by a driver, never in the firmware's map; never allocated.
pub const PHYSMEM_DRIVER_MANAGED: Flags = 0x08;
/// On a reservation: its page structures are not to be initialized.
pub const PHYSMEM_RSRV_NOINIT: Flags = 0x10;
/// On a reservation: the kernel's own, not the firmware's.
pub const PHYSMEM_RSRV_KERN: Flags = 0x20;
/// Kexec handover scratch memory.
pub const PHYSMEM_KHO_SCRATCH: Flags = 0x40;

const _: () = {
    assert!(PHYSMEM_HOTPLUG == RegionFlags::HOTPLUG.bits());
    assert!(PHYSMEM_MIRROR == RegionFlags::MIRROR.bits());
    assert!(PHYSMEM_NOMAP == RegionFlags::NOMAP.bits());
    assert!(PHYSMEM_DRIVER_MANAGED == RegionFlags::DRIVER_MANAGED.bits());
    assert!(PHYSMEM_RSRV_NOINIT == RegionFlags::RSRV_NOINIT.bits());
    assert!(PHYSMEM_RSRV_KERN == RegionFlags::RSRV_KERN.bits());
    assert!(PHYSMEM_KHO_SCRATCH == RegionFlags::KHO_SCRATCH.bits());
};

/// Physical addresses, in bytes: `start` is the first, `end` the first one after the range. `start` is less
/// than `end`. The last byte of the address space, 2^64 - 1, is in no range.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
}

/// A range of addresses with one node and one set of attributes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CRegion {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// The node, or PHYSMEM_NO_NODE.
    pub node: i32,
    /// The attributes.
    pub flags: Flags,
}

/// Page frames of one node: `start` is the number of the first, `end` that of the first one after them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// First page frame number.
    pub start: u64,
    /// First page frame number after them.
    pub end: u64,
    /// The node, or PHYSMEM_NO_NODE.
    pub node: i32,
}

/// Which memory a walk includes.
///
/// { PHYSMEM_NO_NODE, 0 } includes the memory that may be allocated: all except PHYSMEM_NOMAP,
/// PHYSMEM_DRIVER_MANAGED and, with movable_node, PHYSMEM_HOTPLUG. Setting one of these three in `flags` adds
/// such memory. Setting PHYSMEM_MIRROR or PHYSMEM_KHO_SCRATCH includes only such memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSelection {
    /// Only memory of this node; PHYSMEM_NO_NODE for all.
    pub node: i32,
    /// The attributes asked for.
    pub flags: Flags,
}

/// A request for memory. Start from physmem_request() and set what differs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CRequest {
    /// Size in bytes, at least 1.
    pub size: u64,
    /// The first address is a multiple of this, a power of two. 0 means 64, a cache line.
    pub align: u64,
    /// Lowest address allowed. Page 0 is never handed out.
    pub min: u64,
    /// First address not allowed. 0 means the current limit; anything else applies even above that limit.
    pub max: u64,
    /// The preferred node, PHYSMEM_NO_NODE for any.
    pub node: i32,
    /// Fail rather than use memory of another node.
    pub exact_node: bool,
    /// Use memory below `min` rather than fail.
    pub min_is_optional: bool,
    /// The owner, in UTF-8, stored with the reservation and named in messages. May be null. The string must
    /// stay unchanged for as long as the memblock is used.
    pub owner: *const core::ffi::c_char,
}

impl From<PhysRange> for Range {
    fn from(range: PhysRange) -> Self {
        Self { start: range.start(), end: range.end() }
    }
}

impl From<PfnRange> for Pages {
    fn from(pages: PfnRange) -> Self {
        Self { start: pages.start, end: pages.end, node: from_node(pages.node) }
    }
}

impl From<Region> for CRegion {
    fn from(region: Region) -> Self {
        let Region { range, node, flags } = region;
        Self { start: range.start(), end: range.end(), node: from_node(node), flags: flags.bits() }
    }
}

impl CRegion {
    pub(crate) fn region(&self) -> Result<Region, Failure> {
        let Self { start, end, node, flags } = *self;
        let range = PhysRange::new(start, end)?;
        Ok(Region { range, node: to_node(node)?, flags: RegionFlags::from_bits_retain(flags) })
    }
}

impl CSelection {
    pub(crate) fn selection(self) -> Result<Selection, Failure> {
        Ok(Selection { node: to_node(self.node)?, flags: RegionFlags::from_bits_retain(self.flags) })
    }
}

impl CRequest {
    /// The request, with an owner string that was read already.
    pub(crate) fn request(&self, tag: Option<&'static str>) -> Result<Request, Failure> {
        let Self { size, align, min, max, node, exact_node, min_is_optional, owner: _ } = *self;
        Ok(Request {
            size,
            align: if align == 0 { Request::CACHE_LINE } else { align },
            min,
            max: (max != 0).then_some(max),
            node: to_node(node)?,
            exact_node,
            min_is_optional,
            tag,
        })
    }
}

/// Converts a node to C.
pub(crate) fn from_node(node: Option<NodeId>) -> i32 {
    node.and_then(|node| i32::try_from(node.get()).ok()).unwrap_or(PHYSMEM_NO_NODE)
}

/// Converts a node from C.
pub(crate) fn to_node(node: i32) -> Result<Option<NodeId>, Failure> {
    if node == PHYSMEM_NO_NODE {
        return Ok(None);
    }
    let number = u32::try_from(node).ok().and_then(NodeId::new);
    number.map(Some).ok_or(Failure::Node(node))
}

/// Converts a table from C.
pub(crate) const fn to_table(table: Table) -> Result<TableKind, Failure> {
    match table {
        PHYSMEM_TABLE_MEMORY => Ok(TableKind::Memory),
        PHYSMEM_TABLE_RESERVED => Ok(TableKind::Reserved),
        PHYSMEM_TABLE_PHYSMEM => Ok(TableKind::Physmem),
        _ => Err(Failure::Table(table)),
    }
}
