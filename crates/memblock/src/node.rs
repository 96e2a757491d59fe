//! NUMA node numbers.

use core::fmt;
use core::num::NonZeroU32;

/// The number of a NUMA node, as in Linux (`nid`): 0 to [`NodeId::MAX`].
///
/// Linux writes "no node" as `NUMA_NO_NODE` (-1) in some places and as `MAX_NUMNODES` in others. Here it is
/// the `None` of an `Option<NodeId>`, which is no larger than the number.
///
/// ```
/// use memblock::NodeId;
/// let node = NodeId::new(1).unwrap();
/// assert_eq!(node.get(), 1);
/// assert_eq!(size_of::<Option<NodeId>>(), 4);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(NonZeroU32);

impl NodeId {
    /// Node 0, the node of every machine without NUMA.
    pub const ZERO: Self = Self(NonZeroU32::MIN);

    /// The largest number. The value above it is Linux's "no node" in C.
    pub const MAX: u32 = i32::MAX as u32 - 1;

    /// The node with this number, or `None` above [`NodeId::MAX`].
    pub const fn new(number: u32) -> Option<Self> {
        if number > Self::MAX {
            return None;
        }
        match NonZeroU32::new(number + 1) {
            Some(stored) => Some(Self(stored)),
            None => None,
        }
    }

    /// An optional node as one number, 0 for none, as a region table stores it.
    pub(crate) const fn pack(node: Option<Self>) -> u32 {
        match node {
            Some(node) => node.0.get(),
            None => 0,
        }
    }

    /// Undoes [`NodeId::pack`].
    pub(crate) const fn unpack(packed: u32) -> Option<Self> {
        match NonZeroU32::new(packed) {
            Some(stored) => Some(Self(stored)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get() - 1
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node{}", self.get())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for NodeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.get())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for NodeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| serde::de::Error::custom("node number out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_up_to_the_largest_comes_back_as_given() {
        for number in [0, 1, 1023, NodeId::MAX] {
            assert_eq!(NodeId::new(number).unwrap().get(), number);
        }
        assert_eq!(NodeId::new(NodeId::MAX + 1), None);
        assert_eq!(NodeId::new(u32::MAX), None);
    }
}
