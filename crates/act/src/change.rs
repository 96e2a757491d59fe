//! What is asked of a memory block, and the kernel's word for it.

use std::fmt;

/// What is to become of memory blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Out of use: the kernel moves the pages in use elsewhere first.
    Offline,
    /// To use.
    Online(To),
}

/// The zone that a block goes online in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum To {
    /// The one that the kernel's policy picks, which `valid_zones` names first.
    Policy,
    /// A kernel zone, such as Normal.
    Kernel,
    /// Movable.
    Movable,
}

impl Change {
    /// The word that is written to a block's `state`
    /// (Documentation/admin-guide/mm/memory-hotplug.rst, "Onlining and Offlining Memory Blocks").
    pub fn word(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Online(To::Policy) => "online",
            Self::Online(To::Kernel) => "online_kernel",
            Self::Online(To::Movable) => "online_movable",
        }
    }

    /// The state in which a block is afterwards: `online` or `offline`.
    pub fn state(self) -> &'static str {
        if self == Self::Offline { "offline" } else { "online" }
    }
}

impl To {
    /// Whether an online block in this zone, or in one that is not shown, is where it was asked to be.
    pub(crate) fn is(self, zone: Option<&str>) -> bool {
        match (self, zone) {
            (Self::Policy, _) | (_, None) => true,
            (Self::Kernel, Some(zone)) => !is_movable(zone) && zone != SEVERAL,
            (Self::Movable, Some(zone)) => is_movable(zone),
        }
    }
}

/// What `valid_zones` shows of a block that spans several zones or nodes.
pub(crate) const SEVERAL: &str = "none";

/// The zone whose pages can be moved away.
pub(crate) const MOVABLE: &str = "Movable";

/// Whether this is the zone whose pages can be moved away.
pub(crate) fn is_movable(zone: &str) -> bool {
    zone == MOVABLE
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
