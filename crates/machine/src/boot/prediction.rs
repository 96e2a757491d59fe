//! What a boot is predicted to end with.

use std::collections::BTreeMap;

use memblock::{PhysRange, Region};

use super::crashkernel::Crashkernel;
use super::early::Dump;
use super::trace::TraceLine;
use super::zones::{ZoneKind, ZoneSpan};
use crate::unknown::Unknown;

/// The state a kernel has reached when its memory is sorted into zones, and how it got there.
///
/// Memory carries HOTPLUG as memblock does at that time; Linux takes it away when it hands memory to the page
/// allocator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Memory regions with node and attributes.
    pub memory: Vec<Region>,
    /// Reserved regions.
    pub reserved: Vec<Region>,
    /// The tables when the kernel dumps them last with `memblock=debug`: on x86 before the crash kernel's
    /// reservation.
    pub dump: Option<Dump>,
    /// The zones of each node that have pages, nodes ascending, zones ascending.
    pub zones: Vec<ZoneSpan>,
    /// The limits of the zones that all nodes share, zones ascending; zones without a page are not there, and
    /// Movable has no limits of its own.
    pub zone_limits: Vec<(ZoneKind, PhysRange)>,
    /// The first movable address of each node that has movable memory.
    pub movable_start: BTreeMap<u32, u64>,
    /// Whole pages of memory by node, ascending, as the kernel lists them.
    pub early_node_ranges: Vec<(u32, PhysRange)>,
    /// The nodes that each node asks for pages, in order.
    pub fallback_order: Vec<(u32, Vec<u32>)>,
    /// The crash kernel's reservation.
    pub crashkernel: Crashkernel,
    /// What was done, in order, and why.
    pub trace: Vec<TraceLine>,
    /// Why the kernel does not get further than this: it panics.
    pub panic: Option<String>,
    /// How the kernel treats parameters that it does not take as they stand.
    pub remarks: Vec<crate::command_line::Remark>,
    /// What nothing told, and what was taken in its place.
    pub assumed: Vec<Unknown>,
}
