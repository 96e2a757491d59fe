//! The devices that brought memory.

use std::collections::BTreeMap;

use memblock::PhysRange;

use super::blocks::Online;
use crate::boot::zones::ZoneKind;

mod plugged;

pub use plugged::Plugged;

/// A device that brought memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name, or its first address.
    pub name: String,
    /// The kind.
    pub kind: DeviceKind,
    /// The node its memory is on.
    pub node: u32,
    /// The name of its own resource in /proc/iomem, if it has one.
    pub(in crate::life) resource: String,
    /// The memory that was added, ascending; empty for a virtio-mem device, which has [`VirtioMem::plugged`].
    pub ranges: Vec<PhysRange>,
    /// Its memory group, by which the auto-movable policy judges.
    pub group: Option<Group>,
}

impl Device {
    /// Where an address belongs to it: its region, or else its memory.
    fn places(&self) -> Vec<PhysRange> {
        match &self.kind {
            DeviceKind::VirtioMem(virtio) => vec![virtio.region],
            _ => self.ranges.clone(),
        }
    }

    /// A block of it goes online in a zone, or offline from one.
    pub(in crate::life) fn block_changed(
        &mut self,
        number: u64,
        bytes: u64,
        zone: ZoneKind,
        is_online: bool,
    ) {
        if let Some(group) = &mut self.group {
            if is_online { group.grow(zone, bytes) } else { group.shrink(zone, bytes) }
        }
        if let DeviceKind::VirtioMem(virtio) = &mut self.kind {
            virtio.plugged.changed(number, if is_online { Online::In(zone) } else { Online::No });
        }
    }
}

/// The kinds of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// An ACPI memory device.
    Dimm,
    /// A dax device under the kmem driver.
    Kmem,
    /// A driver that is not modelled: its memory can go offline, and that is all.
    OtherDriver(String),
    /// Hyper-V's or Xen's balloon driver, which never removes memory.
    Balloon,
    /// A virtio-mem device.
    VirtioMem(VirtioMem),
}

/// A virtio-mem device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtioMem {
    /// The device's region.
    pub region: PhysRange,
    /// Bytes of a device block.
    pub unit: u64,
    /// The bytes the host requests.
    pub requested: u64,
    /// What is plugged.
    pub plugged: Plugged,
}

impl VirtioMem {
    /// All that is plugged, in bytes.
    pub const fn plugged_bytes(&self) -> u64 {
        self.plugged.bytes()
    }
}

/// A memory group: the unit by which memory is likely to be removed again (include/linux/memory_hotplug.h, 6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Whether it grows and shrinks.
    pub kind: GroupKind,
    /// Its bytes online in kernel zones.
    pub kernel: u64,
    /// Its bytes online in Movable.
    pub movable: u64,
}

/// The kinds of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// All of it comes and goes at once.
    Static {
        /// All its bytes.
        most: u64,
    },
    /// It comes and goes in units.
    Dynamic {
        /// The bytes of a unit.
        unit: u64,
    },
}

impl Group {
    pub(in crate::life) const fn new(kind: GroupKind) -> Self {
        Self { kind, kernel: 0, movable: 0 }
    }

    pub(in crate::life) fn is_dynamic(&self) -> bool {
        matches!(self.kind, GroupKind::Dynamic { .. })
    }

    /// Memory of the group goes online.
    fn grow(&mut self, zone: ZoneKind, bytes: u64) {
        let count = if zone == ZoneKind::Movable { &mut self.movable } else { &mut self.kernel };
        *count = count.saturating_add(bytes);
    }

    /// Memory of the group goes offline.
    fn shrink(&mut self, zone: ZoneKind, bytes: u64) {
        let count = if zone == ZoneKind::Movable { &mut self.movable } else { &mut self.kernel };
        *count = count.saturating_sub(bytes);
    }
}

/// All devices, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    all: BTreeMap<u32, Device>,
    next: u32,
    by_name: BTreeMap<String, u32>,
    /// The start of each range, and whose it is.
    by_start: BTreeMap<u64, (u64, u32)>,
    /// Those whose group is dynamic.
    dynamic: std::collections::BTreeSet<u32>,
}

impl Devices {
    /// All devices, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.all.values()
    }

    pub(in crate::life) fn get(&self, number: u32) -> Option<&Device> {
        self.all.get(&number)
    }

    pub(in crate::life) fn get_mut(&mut self, number: u32) -> Option<&mut Device> {
        self.all.get_mut(&number)
    }

    pub(in crate::life) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Device> {
        self.all.values_mut()
    }

    /// The groups that grow and shrink.
    pub(in crate::life) fn dynamic(&self) -> impl Iterator<Item = (u32, &Device, Group)> {
        self.dynamic.iter().filter_map(|number| {
            let device = self.all.get(number)?;
            Some((*number, device, device.group?))
        })
    }

    pub(in crate::life) fn insert(&mut self, device: Device) -> u32 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        for range in device.places() {
            self.by_start.insert(range.start(), (range.end(), number));
        }
        if device.group.is_some_and(|group| group.is_dynamic()) {
            self.dynamic.insert(number);
        }
        self.by_name.insert(device.name.clone(), number);
        self.all.insert(number, device);
        number
    }

    pub(in crate::life) fn remove(&mut self, number: u32) {
        let Some(device) = self.all.remove(&number) else { return };
        for range in device.places() {
            self.by_start.remove(&range.start());
        }
        self.by_name.remove(&device.name);
        self.dynamic.remove(&number);
    }

    pub(in crate::life) fn named(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The device whose memory or region overlaps a range: places of devices are disjoint.
    pub(in crate::life) fn overlapping(&self, range: PhysRange) -> Option<&Device> {
        let (_, (end, number)) = self.by_start.range(..range.end()).next_back()?;
        self.all.get(number).filter(|_| *end > range.start())
    }

    /// The device whose memory or region contains an address.
    pub(in crate::life) fn at(&self, address: u64) -> Option<u32> {
        let (_, &(end, number)) = self.by_start.range(..=address).next_back()?;
        (address < end).then_some(number)
    }
}
