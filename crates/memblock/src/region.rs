//! One entry of a region table.

use crate::{NodeId, PhysRange, RegionFlags};

/// A range of physical addresses with one node and one set of attributes.
///
/// This is one entry of `memblock.memory` or `memblock.reserved` (`struct memblock_region`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Region {
    /// The addresses, half-open, in bytes.
    pub range: PhysRange,
    /// The node of the memory; `None` if not set.
    pub node: Option<NodeId>,
    /// The attributes.
    #[cfg_attr(feature = "serde", serde(with = "crate::region::flag_bits"))]
    pub flags: RegionFlags,
}

const _: () = assert!(size_of::<Region>() == 24, "a region is as large as Linux's");

impl Region {
    /// A region with no node and no attributes.
    pub const fn plain(range: PhysRange) -> Self {
        Self { range, node: None, flags: RegionFlags::empty() }
    }

    /// Whether `self` and `next` merge into one region: they touch, and node and attributes are equal
    /// (`memblock_merge_regions`).
    pub const fn merges_with(&self, next: &Self) -> bool {
        self.range.end() == next.range.start() && self.is_alike(next)
    }

    /// Whether node and attributes are equal.
    pub const fn is_alike(&self, other: &Self) -> bool {
        let same_node = match (self.node, other.node) {
            (None, None) => true,
            (Some(a), Some(b)) => a.get() == b.get(),
            _ => false,
        };
        same_node && self.flags.bits() == other.flags.bits()
    }
}

#[cfg(feature = "serde")]
pub(crate) mod flag_bits {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::RegionFlags;

    // serde's `with` passes the field by reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn serialize<S: Serializer>(flags: &RegionFlags, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(flags.bits())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RegionFlags, D::Error> {
        u32::deserialize(deserializer).map(RegionFlags::from_bits_retain)
    }
}
