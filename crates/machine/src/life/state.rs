//! A running machine's memory, as events change it.

use std::collections::BTreeSet;

use evidence::Unknown;
use memblock::PhysRange;

use super::parts::blocks::{Block, Blocks, Online};
use super::parts::devices::{Device, DeviceKind, Devices, GroupKind};
use super::parts::images::Images;
use super::parts::policy::{Candidate, Judge, NotMovable, Policy, UnitState};
use super::parts::regions::Regions;
use super::parts::resources::Resources;
use super::parts::zones::Zones;
use super::steps::plug::SYSTEM_RAM;
use crate::boot::zones::ZoneKind;
use crate::range_set::RangeSet;

/// A running machine's memory: everything that hot-add, onlining, offlining and removal change.
///
/// [`Life::of`] begins with a machine as it was read, and [`Life::apply`] lets an [`Event`](super::Event) happen. All
/// costs are logarithmic in the number of blocks, resources and regions, for each block that an event touches.
///
/// # Invariants
///
/// - Resources nest, siblings do not overlap, and every block that a device brought lies inside one System RAM resource:
///   `System RAM`, or `System RAM (DRIVER)` if a driver manages it.
/// - Every block's number times the block size fits the address space. A block is early or belongs to one device, and a
///   device's blocks are those of its ranges, or those that its virtio-mem device has plugged. Devices do not overlap.
/// - A zone's span encloses its online memory, to a subsection of 2 MiB. What is present in a zone is what the blocks that
///   are online in it hold, and boot memory in blocks that lie in several; what a group counts is what is online of its
///   device's blocks.
/// - memblock's regions are disjoint, neighbors that touch differ, and they are the added blocks, with DRIVER_MANAGED if a
///   driver manages them, beside boot memory.
/// - The firmware's map grows by memory that no driver manages, loses an entry only with its memory, and never lists
///   driver-managed memory. Numbers are not used again.
/// - The first of an offline block's `valid_zones` is the zone that plain `online` puts it in.
/// - An image is stale if, and as long as, the memory that it was told of is other memory than there is: of kexec, what no
///   driver manages; of kdump, all of it.
/// - Nothing has changed after a [`Refusal`](super::Refusal). A device that comes, goes offline and leaves restores all of
///   this but the number of the next firmware entry, and the unaligned end of a zone, which is then a whole subsection.
///
/// `tests/life` holds them against a model that keeps no sums, after each of a million random events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    pub(super) resources: Resources,
    pub(super) blocks: Blocks,
    pub(super) zones: Zones,
    pub(super) devices: Devices,
    /// `/sys/firmware/memmap`; `None` where there is none.
    pub(super) firmware_map: Option<FirmwareEntries>,
    /// memblock's memory; `None` if the kernel does not keep it.
    pub(super) memblock: Option<Regions>,
    pub(super) policy: Policy,
    pub(super) images: Images,
    /// The bytes of struct pages of added memory that lie in kernel zones.
    pub(super) struct_pages: u64,
    pub(super) kernel: KernelFacts,
    /// Nodes that memory may be added to; `None` if nothing shows them.
    pub(super) possible_nodes: Option<BTreeSet<u32>>,
    /// Nodes that have CPUs: they stay when their memory goes.
    pub(super) cpu_nodes: BTreeSet<u32>,
    /// Where the firmware says that memory may be added.
    pub(super) windows: RangeSet,
    /// What is not known, and what is taken instead.
    pub(super) unknown: Vec<Unknown>,
    /// The event that is happening, for reasons.
    pub(super) now: String,
}

/// What an event needs to know of the kernel and its architecture.
// Independent facts, as in `rules::KernelFacts`.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KernelFacts {
    pub(super) page: u64,
    /// What the rules ask about it.
    pub(super) rules: rules::KernelFacts,
    /// Whether boot memory may not go offline.
    pub(super) boot_memory_stays: bool,
    pub(super) lacks_hot_add: bool,
    pub(super) lacks_hot_remove: bool,
    /// Whether the ACPI driver for memory devices is off: `acpi_no_memhotplug`, or not built.
    pub(super) no_acpi_memory: bool,
    /// The first byte that memory may not reach.
    pub(super) limit: u64,
    /// Whether memory that is larger than a block may hold its own struct pages.
    pub(super) memmap_of_many_blocks: bool,
    /// Whether dax/kmem may choose the state of its blocks.
    pub(super) kmem_chooses_state: bool,
    /// Bytes of a struct page.
    pub(super) struct_page: u64,
    /// Bytes of a huge page of the page tables, which the struct pages must fill.
    pub(super) huge_page: u64,
}

/// The entries of `/sys/firmware/memmap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirmwareEntries {
    /// By number.
    pub entries: std::collections::BTreeMap<u32, FirmwareEntry>,
    /// Where entries of System RAM are: start, last byte, number.
    by_range: BTreeSet<(u64, u64, u32)>,
    pub(super) next: u32,
}

impl FirmwareEntries {
    /// Adds an entry under a number.
    pub(super) fn insert(&mut self, index: u32, entry: FirmwareEntry) {
        if entry.kind == SYSTEM_RAM {
            self.by_range.insert((entry.start, entry.last, index));
        }
        self.entries.insert(index, entry);
    }

    /// Removes the first entry of System RAM that is exactly a range.
    /// Source: drivers/firmware/memmap.c:firmware_map_remove (6.12). O(log n).
    pub(super) fn remove(&mut self, range: PhysRange) -> Option<FirmwareEntry> {
        let (start, last) = (range.start(), range.last());
        let found = *self.by_range.range((start, last, 0)..=(start, last, u32::MAX)).next()?;
        self.by_range.remove(&found);
        self.entries.remove(&found.2)
    }
}

/// One entry of `/sys/firmware/memmap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareEntry {
    /// First byte.
    pub start: u64,
    /// Last byte, inclusive.
    pub last: u64,
    /// The type, as printed.
    pub kind: String,
}

/// A memory block as sysfs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockView {
    /// Its number.
    pub index: u64,
    /// Whether it is online.
    pub is_online: bool,
    /// The node; the first if it lies on several.
    pub node: u32,
    /// For an online block its zone, or `none`; for an offline block the zones it may join, the default first.
    pub valid_zones: Vec<&'static str>,
}

impl Life {
    /// /proc/iomem, as root reads it.
    pub fn iomem(&self) -> String {
        self.resources.to_string()
    }

    /// The memory blocks, ascending, as sysfs shows them.
    pub fn blocks(&self) -> impl Iterator<Item = BlockView> + '_ {
        self.blocks.iter().map(|(index, block)| BlockView {
            index,
            is_online: block.online.is(),
            node: block.node,
            valid_zones: self.valid_zones(index, block),
        })
    }

    /// The table of blocks.
    pub const fn block_table(&self) -> &Blocks {
        &self.blocks
    }

    /// The zones.
    pub const fn zones(&self) -> &Zones {
        &self.zones
    }

    /// The devices that brought memory.
    pub const fn devices(&self) -> &Devices {
        &self.devices
    }

    /// `/sys/firmware/memmap`; `None` where there is none.
    pub const fn firmware_map(&self) -> Option<&FirmwareEntries> {
        self.firmware_map.as_ref()
    }

    /// memblock's memory; `None` if the kernel does not keep it.
    pub const fn memblock(&self) -> Option<&Regions> {
        self.memblock.as_ref()
    }

    /// The settings.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The same machine, as if it had other settings: also those that only a boot changes.
    #[must_use]
    pub const fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Why plain `online` would leave a block to a kernel zone under the auto-movable policy; `None` if it would go to
    /// Movable, or if there is no such block.
    pub fn why_not_movable(&self, number: u64) -> Option<NotMovable> {
        let candidate = self.candidate(number, self.blocks.get(number)?)?;
        self.judge().why_not_movable(candidate)
    }

    /// The zones in the file `valid_zones` of a block; empty if there is no such block.
    pub fn valid_zones_of(&self, number: u64) -> Vec<&'static str> {
        self.blocks.get(number).map_or_else(Vec::new, |block| self.valid_zones(number, block))
    }

    /// Whether the kernel never removes memory: CONFIG_MEMORY_HOTREMOVE is off.
    pub const fn lacks_hot_remove(&self) -> bool {
        self.kernel.lacks_hot_remove
    }

    /// The memory that a device has now: its ranges, or the blocks of a virtio-mem device. O(n) in its blocks.
    pub fn memory_of(&self, device: &Device) -> Vec<PhysRange> {
        let DeviceKind::VirtioMem(virtio) = &device.kind else { return device.ranges.clone() };
        let inside = self.blocks.inside(virtio.region);
        let of_it = inside.filter(|(_, block)| !block.is_early && block.device.is_some());
        let mut found: Vec<PhysRange> = Vec::new();
        for range in of_it.filter_map(|(number, _)| self.blocks.range(*number)) {
            match found.last_mut().filter(|last| last.end() == range.start()) {
                Some(last) => *last = last.hull(range),
                None => found.push(range),
            }
        }
        found
    }

    /// Bytes per page.
    pub const fn page_size(&self) -> u64 {
        self.kernel.page
    }

    /// The bytes of struct pages that describe so much memory.
    pub fn struct_pages(&self, bytes: u64) -> u64 {
        (bytes / self.kernel.page.max(1)).saturating_mul(self.kernel.struct_page)
    }

    /// The first byte that added memory may not reach.
    pub const fn hot_add_limit(&self) -> u64 {
        self.kernel.limit
    }

    /// The loaded images.
    pub const fn images(&self) -> &Images {
        &self.images
    }

    /// What is not known, and what is taken instead.
    pub fn unknown(&self) -> &[Unknown] {
        &self.unknown
    }

    /// The zones in the file `valid_zones` of a block.
    /// Source: drivers/base/memory.c:valid_zones_show (6.12).
    pub(super) fn valid_zones(&self, number: u64, block: &Block) -> Vec<&'static str> {
        match block.online {
            Online::In(zone) => return vec![zone.as_str()],
            Online::InSeveral => return vec!["none"],
            Online::No => {}
        }
        let Some(candidate) = self.candidate(number, block) else { return vec!["none"] };
        let default = self.judge().default_zone(candidate);
        let others = [self.judge().kernel_zone(candidate), ZoneKind::Movable];
        let rest = others.into_iter().filter(|zone| *zone != default);
        std::iter::once(default).chain(rest).map(ZoneKind::as_str).collect()
    }

    pub(super) const fn judge(&self) -> Judge<'_> {
        Judge { policy: &self.policy, zones: &self.zones, devices: &self.devices, page: self.kernel.page }
    }

    /// A block that is to go online.
    pub(super) fn candidate(&self, number: u64, block: &Block) -> Option<Candidate> {
        let range = self.blocks.range(number)?;
        let group = block.device.and_then(|device| self.devices.get(device)?.group);
        let unit = match group.map(|group| group.kind) {
            Some(GroupKind::Dynamic { unit }) if unit > range.size() => self.unit_state(range, unit),
            _ => UnitState::default(),
        };
        Some(Candidate { range, node: block.node, device: block.device, unit })
    }

    /// What is online in the unit of a dynamic group around a range.
    fn unit_state(&self, range: PhysRange, unit: u64) -> UnitState {
        let start = range.start() / unit.max(1) * unit;
        let mut state = UnitState::default();
        let Ok(around) = PhysRange::from_size(start, unit) else { return state };
        for (_, block) in self.blocks.inside(around) {
            match block.online {
                Online::In(ZoneKind::Movable) => {
                    state.movable = state.movable.saturating_add(self.blocks.size());
                }
                Online::No => {}
                _ => state.has_kernel = true,
            }
        }
        state
    }

    /// Whether the parts agree with each other: the invariants above.
    pub fn is_consistent(&self) -> bool {
        self.disagreement().is_none()
    }

    /// The first invariant that does not hold, in words; `None` if all hold. O(n log n): for tests.
    pub fn disagreement(&self) -> Option<String> {
        if !self.resources.is_consistent() {
            return Some("resources overlap or stick out".to_owned());
        }
        if !self.zones.is_consistent() {
            return Some("a zone's span does not enclose its memory".to_owned());
        }
        if self.memblock.as_ref().is_some_and(|regions| !regions.is_consistent()) {
            return Some("memblock's regions overlap".to_owned());
        }
        let ram = self.resources.system_ram();
        let holds = |range: PhysRange| {
            let index = ram.partition_point(|(found, _)| found.end() <= range.start());
            ram.get(index).is_some_and(|(found, _)| found.encloses(range))
        };
        for (number, block) in self.blocks.iter() {
            let Some(range) = self.blocks.range(number) else {
                return Some(format!("memory{number} has no address"));
            };
            if !block.is_early && !holds(range) {
                return Some(format!("memory{number} is outside every System RAM resource"));
            }
            let in_zone = |zone| self.zones.span(block.node, zone).is_some_and(|span| span.overlaps(range));
            if let Online::In(zone) = block.online
                && !in_zone(zone)
            {
                return Some(format!("memory{number} is online outside of zone {zone}'s span"));
            }
        }
        for device in self.devices.iter() {
            let blocks: Vec<&Block> = match &device.kind {
                DeviceKind::VirtioMem(virtio) => {
                    virtio.plugged.blocks().filter_map(|(number, _)| self.blocks.get(number)).collect()
                }
                _ => device
                    .ranges
                    .iter()
                    .flat_map(|range| self.blocks.inside(*range))
                    .map(|(_, b)| b)
                    .collect(),
            };
            let count = |zone: fn(Online) -> bool| {
                let found = blocks.iter().filter(|block| zone(block.online)).count();
                u64::try_from(found).unwrap_or(u64::MAX).saturating_mul(self.blocks.size())
            };
            let movable = count(|online| online == Online::In(ZoneKind::Movable));
            let online = (count(Online::is).saturating_sub(movable), movable);
            if device.group.is_some_and(|group| (group.kernel, group.movable) != online) {
                return Some(format!("the group of {} counts other memory than its blocks", device.name));
            }
            if let DeviceKind::VirtioMem(virtio) = &device.kind
                && virtio.plugged.blocks().any(|(number, _)| self.blocks.get(number).is_none())
            {
                return Some(format!("{} has memory plugged without a block", device.name));
            }
        }
        None
    }
}
