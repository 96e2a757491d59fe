//! Linux's `nid` and the library's `Option<NodeId>`.
//!
//! Linux writes "no node" in two ways, `NUMA_NO_NODE` (-1) and `MAX_NUMNODES`, and does not merge regions of
//! one kind with those of the other. To return records unchanged, each has its own counterpart here:
//! `MAX_NUMNODES`, the usual one, is `None`; -1 uses the node number that this leaves free.

use memblock::{NodeId, PhysRange, Region, RegionFlags};

use super::config::MAX_NUMNODES;

/// `NUMA_NO_NODE`.
pub(super) const NO_NODE: i32 = -1;

/// Whether Linux was built with `CONFIG_NUMA`. Without it records have no `nid`: it is ignored, and reads as
/// 0.
const HAS_NUMA: bool = MAX_NUMNODES > 1;

/// Whether a number is a valid node (`numa_valid_node`).
pub(super) const fn is_valid(nid: i32) -> bool {
    0 <= nid && nid < MAX_NUMNODES
}

/// The node of a record, for a table: different numbers give different nodes. Numbers that Linux does not
/// use, below -1 and the very largest, count as -1.
#[inline]
pub(super) fn in_table(nid: i32) -> Option<NodeId> {
    if nid == MAX_NUMNODES || !HAS_NUMA {
        return None;
    }
    NodeId::new(u32::try_from(nid).unwrap_or(u32::MAX)).or(NodeId::new(MAX_NUMNODES.unsigned_abs()))
}

/// The number of a node from [`region`].
#[inline]
pub(super) fn of(node: Option<NodeId>) -> i32 {
    let Some(node) = node else { return if HAS_NUMA { MAX_NUMNODES } else { 0 } };
    i32::try_from(node.get()).ok().filter(|nid| *nid != MAX_NUMNODES).unwrap_or(NO_NODE)
}

/// A region from Linux's numbers, cut at the last address (`cap_size`). `None` if nothing is left.
#[inline]
pub(super) fn region(base: u64, size: u64, nid: i32, flags: u32) -> Option<Region> {
    let range = range(base, size)?;
    Some(Region { range, node: in_table(nid), flags: RegionFlags::from_bits_retain(flags) })
}

/// A range from Linux's numbers, like [`region`].
#[inline]
pub(super) fn range(base: u64, size: u64) -> Option<PhysRange> {
    PhysRange::new(base, base.saturating_add(size)).ok()
}

/// The node a caller asks for, `None` for any.
pub(super) fn wanted(nid: i32) -> Option<NodeId> {
    if is_valid(nid) { in_table(nid) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_linux_writes_is_returned_unchanged() {
        for nid in [NO_NODE, 0, 1, MAX_NUMNODES - 1, MAX_NUMNODES, MAX_NUMNODES + 1, 1023] {
            assert_eq!(of(region(0, 1, nid, 0).unwrap().node), nid);
        }
        assert_eq!(of(region(0, 1, i32::MIN, 0).unwrap().node), NO_NODE);
    }

    #[test]
    fn only_nodes_below_max_numnodes_can_be_requested() {
        assert_eq!(wanted(MAX_NUMNODES), None);
        assert_eq!(wanted(NO_NODE), None);
        assert_eq!(wanted(3), NodeId::new(3));
    }
}
