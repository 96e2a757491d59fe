//! Which memory regions an iteration includes.

use crate::{NodeId, Region, RegionFlags};

/// The node and attributes that an iteration over memory asks for.
///
/// By default, regions with HOTPLUG (under `movable_node`), NOMAP or `DRIVER_MANAGED` are left out; asking
/// for one of these *adds* the regions that have it. Asking for MIRROR or `KHO_SCRATCH` *restricts* the
/// iteration to regions that have it.
///
/// ```
/// use memblock::{PhysRange, Region, RegionFlags, Selection};
/// let nomap = Region { flags: RegionFlags::NOMAP, ..Region::plain(PhysRange::new(0, 0x1000)?) };
/// assert!(!Selection::ANY.shows(&nomap, false));
/// assert!(Selection { flags: RegionFlags::NOMAP, ..Selection::ANY }.shows(&nomap, false));
/// # Ok::<(), memblock::RangeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Only regions of this node; `None` for all.
    pub node: Option<NodeId>,
    /// The attributes asked for.
    pub flags: RegionFlags,
}

/// Why an iteration leaves a region out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// It has another node than asked for, or none.
    OtherNode,
    /// Hot-pluggable, while `movable_node` keeps the kernel off such memory.
    Hotplug,
    /// Mirrored memory was asked for.
    NotMirrored,
    /// Not in the direct map.
    Nomap,
    /// Driver-managed.
    DriverManaged,
    /// Scratch memory of kexec handover was asked for.
    NotScratch,
}

impl Selection {
    /// Any node, no attributes asked for.
    pub const ANY: Self = Self { node: None, flags: RegionFlags::empty() };

    /// All memory except NOMAP, on any node (`for_each_mem_range`, 6.12).
    pub const MAPPED: Self =
        Self { node: None, flags: RegionFlags::HOTPLUG.union(RegionFlags::DRIVER_MANAGED) };

    /// Why a region of the memory table is left out, `None` when it is shown
    /// (`should_skip_region`, 6.12, and `KHO_SCRATCH` of later releases).
    ///
    /// The first matching row of the table decides. `RSRV_NOINIT` and `RSRV_KERN` do not matter, and reserved
    /// and physmem regions are never left out.
    pub fn skips(&self, region: &Region, movable_node: bool) -> Option<Skipped> {
        let asked = |flag| self.flags.contains(flag);
        let has = |flag| region.flags.contains(flag);
        let other_node = self.node.is_some() && self.node != region.node;

        #[rustfmt::skip]
        let table = [
            (other_node,                                                              Skipped::OtherNode),
            (movable_node && has(RegionFlags::HOTPLUG) && !asked(RegionFlags::HOTPLUG), Skipped::Hotplug),
            (asked(RegionFlags::MIRROR) && !has(RegionFlags::MIRROR),                 Skipped::NotMirrored),
            (has(RegionFlags::NOMAP) && !asked(RegionFlags::NOMAP),                   Skipped::Nomap),
            (has(RegionFlags::DRIVER_MANAGED) && !asked(RegionFlags::DRIVER_MANAGED), Skipped::DriverManaged),
            (asked(RegionFlags::KHO_SCRATCH) && !has(RegionFlags::KHO_SCRATCH),       Skipped::NotScratch),
        ];
        table.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
    }

    /// Whether a region of the memory table is included.
    pub fn shows(&self, region: &Region, movable_node: bool) -> bool {
        self.skips(region, movable_node).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PhysRange;

    const NONE: RegionFlags = RegionFlags::empty();
    const HOTPLUG: RegionFlags = RegionFlags::HOTPLUG;
    const MIRROR: RegionFlags = RegionFlags::MIRROR;
    const NOMAP: RegionFlags = RegionFlags::NOMAP;
    const DRIVER: RegionFlags = RegionFlags::DRIVER_MANAGED;
    const SCRATCH: RegionFlags = RegionFlags::KHO_SCRATCH;

    #[test]
    fn every_row_of_the_table_decides() {
        let (zero, one) = (NodeId::new(0), NodeId::new(1));
        #[rustfmt::skip]
        let rows = [
            // asked node, flags  region's node, flags  movable  left out because
            ((None, NONE),        (None, NONE),         false,   None),
            ((one,  NONE),        (one,  NONE),         false,   None),
            ((one,  NONE),        (zero, NONE),         false,   Some(Skipped::OtherNode)),
            ((one,  NONE),        (None, NONE),         false,   Some(Skipped::OtherNode)),
            ((None, NONE),        (one,  NONE),         false,   None),
            ((None, NONE),        (None, HOTPLUG),      false,   None),
            ((None, NONE),        (None, HOTPLUG),      true,    Some(Skipped::Hotplug)),
            ((None, HOTPLUG),     (None, HOTPLUG),      true,    None),
            ((None, HOTPLUG),     (None, NONE),         true,    None),
            ((None, MIRROR),      (None, NONE),         false,   Some(Skipped::NotMirrored)),
            ((None, MIRROR),      (None, MIRROR),       false,   None),
            ((None, NONE),        (None, MIRROR),       false,   None),
            ((None, NONE),        (None, NOMAP),        false,   Some(Skipped::Nomap)),
            ((None, NOMAP),       (None, NOMAP),        false,   None),
            ((None, NOMAP),       (None, NONE),         false,   None),
            ((None, NONE),        (None, DRIVER),       false,   Some(Skipped::DriverManaged)),
            ((None, DRIVER),      (None, DRIVER),       false,   None),
            ((None, DRIVER),      (None, NONE),         false,   None),
            ((None, SCRATCH),     (None, NONE),         false,   Some(Skipped::NotScratch)),
            ((None, SCRATCH),     (None, SCRATCH),      false,   None),
            ((None, NONE),        (None, SCRATCH),      false,   None),
            ((None, NONE),        (None, RegionFlags::RSRV_NOINIT | RegionFlags::RSRV_KERN), false, None),
        ];
        for ((node, flags), (of_node, has), movable_node, expected) in rows {
            let region = Region { range: PhysRange::new(0, 1).unwrap(), node: of_node, flags: has };
            let selection = Selection { node, flags };
            assert_eq!(selection.skips(&region, movable_node), expected, "{selection:?} {region:?}");
        }
    }

    #[test]
    fn the_first_matching_row_gives_the_reason() {
        let all = HOTPLUG | NOMAP | DRIVER;
        let region = Region { flags: all, ..Region::plain(PhysRange::new(0, 1).unwrap()) };
        let asking = |node, flags| Selection { node, flags }.skips(&region, true);
        assert_eq!(asking(NodeId::new(0), NONE), Some(Skipped::OtherNode));
        assert_eq!(asking(None, NONE), Some(Skipped::Hotplug));
        assert_eq!(asking(None, HOTPLUG | MIRROR), Some(Skipped::NotMirrored));
        assert_eq!(asking(None, HOTPLUG | SCRATCH), Some(Skipped::Nomap));
        assert_eq!(asking(None, HOTPLUG | NOMAP | SCRATCH), Some(Skipped::DriverManaged));
        assert_eq!(asking(None, all | SCRATCH), Some(Skipped::NotScratch));
    }

    #[test]
    fn mapped_memory_is_all_but_nomap() {
        for (flags, shown) in [(NONE, true), (HOTPLUG, true), (MIRROR, true), (DRIVER, true), (NOMAP, false)]
        {
            let region = Region { flags, ..Region::plain(PhysRange::new(0, 1).unwrap()) };
            assert_eq!(Selection::MAPPED.shows(&region, true), shown);
        }
    }
}
