//! The online policy: which zone memory joins.

use evidence::settings::AutoOnline;
use memblock::PhysRange;

use super::devices::{Devices, Group, GroupKind};
use super::zones::Zones;
use crate::boot::zones::ZoneKind;
use crate::command_line::hotplug::{MemmapOnMemory, OnlinePolicy};

/// The settings that decide about hot-added memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `auto_online_blocks`: what happens to a block when it is added.
    pub state: AutoOnline,
    /// `online_policy`.
    pub online: OnlinePolicy,
    /// `auto_movable_ratio`, in percent.
    pub ratio: u64,
    /// `auto_movable_numa_aware`.
    pub numa_aware: bool,
    /// Whether `movable_node` was given at boot.
    pub movable_node: bool,
    /// `memmap_on_memory`.
    pub memmap_on_memory: MemmapOnMemory,
}

/// All that decides which zone memory joins, looked at for one range.
pub(in crate::life) struct Judge<'a> {
    pub(in crate::life) policy: &'a Policy,
    pub(in crate::life) zones: &'a Zones,
    pub(in crate::life) devices: &'a Devices,
    /// Bytes per page: the kernel counts in whole pages.
    pub(in crate::life) page: u64,
}

/// The memory that is to go online.
#[derive(Clone, Copy, Debug)]
pub(in crate::life) struct Candidate {
    pub(in crate::life) range: PhysRange,
    pub(in crate::life) node: u32,
    /// The device that brought it.
    pub(in crate::life) device: Option<u32>,
    /// In its unit of a dynamic group: what is online in Movable already, and whether something is in a kernel zone.
    pub(in crate::life) unit: UnitState,
}

/// Why plain `online` leaves memory to a kernel zone under the auto-movable policy. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMovable {
    /// `auto_movable_ratio` is 0.
    NoRatio,
    /// Part of the device is in a kernel zone already, and the device comes and goes as one.
    DeviceHasKernel,
    /// Part of its unit of the device is in a kernel zone already.
    UnitHasKernel,
    /// The ratio would be broken.
    Ratio {
        /// The node whose memory was counted; `None` for all nodes.
        node: Option<u32>,
        /// The bytes that are judged at once: all of a device that comes and goes as one.
        wanted: u64,
        /// The movable memory that there would be, with `wanted`.
        movable: u64,
        /// The kernel memory that counts: of boot, and of the device's own group; what other devices' movable memory
        /// needs is taken off.
        kernel: u64,
        /// `auto_movable_ratio`, in percent.
        ratio: u64,
    },
}

/// What is online in the unit of a dynamic group that memory belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::life) struct UnitState {
    pub(in crate::life) movable: u64,
    pub(in crate::life) has_kernel: bool,
}

impl Judge<'_> {
    /// The zone that plain `online` picks.
    /// Source: mm/memory_hotplug.c:zone_for_pfn_range (6.12).
    pub(in crate::life) fn default_zone(&self, candidate: Candidate) -> ZoneKind {
        match self.policy.online {
            OnlinePolicy::ContigZones => self.contiguous(candidate),
            OnlinePolicy::AutoMovable if self.why_not_movable(candidate).is_none() => ZoneKind::Movable,
            OnlinePolicy::AutoMovable => self.kernel_zone(candidate),
        }
    }

    /// The zone that `online_kernel` picks.
    pub(in crate::life) fn kernel_zone(&self, candidate: Candidate) -> ZoneKind {
        self.zones.kernel_zone(candidate.node, candidate.range)
    }

    /// Memory inside exactly one zone's span joins it. Otherwise `movable_node` decides.
    /// Source: mm/memory_hotplug.c:default_zone_for_pfn (6.12).
    fn contiguous(&self, candidate: Candidate) -> ZoneKind {
        let Candidate { range, node, .. } = candidate;
        let kernel = self.kernel_zone(candidate);
        let in_kernel = self.zones.intersects(node, kernel, range);
        let in_movable = self.zones.intersects(node, ZoneKind::Movable, range);
        match (in_kernel, in_movable) {
            (true, false) => kernel,
            (false, true) => ZoneKind::Movable,
            _ if self.policy.movable_node => ZoneKind::Movable,
            _ => kernel,
        }
    }

    /// Why the auto-movable policy picks a kernel zone; `None` if it picks Movable.
    /// Source: mm/memory_hotplug.c:auto_movable_zone_for_pfn (6.12).
    pub(crate) fn why_not_movable(&self, candidate: Candidate) -> Option<NotMovable> {
        if self.policy.ratio == 0 {
            return Some(NotMovable::NoRatio);
        }
        let group = candidate.device.and_then(|number| self.devices.get(number)?.group);
        let bytes = candidate.range.size();
        // A group that comes and goes as one is judged as one; part of it in a kernel zone spoils the rest.
        let wanted = match group.map(|group| (group, group.kind)) {
            Some((group, GroupKind::Static { .. })) if group.kernel > 0 => {
                return Some(NotMovable::DeviceHasKernel);
            }
            Some((group, GroupKind::Static { most })) => most.saturating_sub(group.movable),
            Some((_, GroupKind::Dynamic { unit })) if unit > bytes => {
                if candidate.unit.has_kernel {
                    return Some(NotMovable::UnitHasKernel);
                }
                unit.saturating_sub(candidate.unit.movable)
            }
            _ => bytes,
        };
        self.broken(None, candidate, group, wanted).or_else(|| {
            let node = Some(candidate.node).filter(|_| self.policy.numa_aware);
            node.and_then(|node| self.broken(Some(node), candidate, group, wanted))
        })
    }

    /// Whether so many more bytes of movable memory break the ratio, on all nodes or on one.
    /// Source: mm/memory_hotplug.c:auto_movable_can_online_movable (6.12).
    fn broken(
        &self,
        node: Option<u32>,
        candidate: Candidate,
        group: Option<Group>,
        wanted: u64,
    ) -> Option<NotMovable> {
        let ratio = self.policy.ratio;
        let pages = self.zones.pages(node);
        // What other dynamic groups have in Movable is paid for by their own kernel memory first, and by boot memory
        // for the rest.
        let (mut spoken_for, mut elsewhere) = (0_u64, 0_u64);
        for (number, device, other) in self.devices.dynamic() {
            if candidate.device == Some(number) || node.is_some_and(|node| node != device.node) {
                continue;
            }
            let pages = (other.movable / self.page.max(1)).saturating_mul(100).checked_div(ratio);
            let needs = pages.unwrap_or_default().saturating_mul(self.page);
            spoken_for = spoken_for.saturating_add(needs.saturating_sub(other.kernel));
            elsewhere = elsewhere.saturating_add(other.movable);
        }
        let movable = pages.movable.saturating_sub(elsewhere).saturating_add(wanted);
        let own = group.filter(Group::is_dynamic).map_or(0, |group| group.kernel);
        let left = pages.kernel_early.saturating_sub(spoken_for);
        let kernel = if left == 0 { 0 } else { left.saturating_add(own) };
        let fits =
            u128::from(movable).saturating_mul(100) <= u128::from(kernel).saturating_mul(u128::from(ratio));
        (left == 0 || !fits).then_some(NotMovable::Ratio { node, wanted, movable, kernel, ratio })
    }
}
