//! The devices that a machine shows behind its memory.

use std::collections::BTreeMap;

use rules::Class;

use crate::life::event::VIRTIO_MEM_UNIT;
use crate::life::parts::devices::{Device, DeviceKind, Devices, Group, GroupKind, Plugged, VirtioMem};
use crate::machine::Machine;
use crate::now::memory_range::Provider;

/// The devices behind hot-added and driver-managed memory.
pub(super) fn of(machine: &Machine) -> Devices {
    let block_size = machine.evidence.blocks.read().map_or(1, |blocks| blocks.block_size);
    let mut found: BTreeMap<(String, u64), Device> = BTreeMap::new();
    for range in &machine.ranges {
        let Some(resource) = &range.resource else { continue };
        let start = resource.range.start();
        let hexadecimal = format!("{start:#x}");
        let (name, kind, key) = match (&range.class, &range.provider) {
            (Some(Class::HotAdded), Provider::AcpiHotAdd(Some(device))) => {
                (device.clone(), DeviceKind::Dimm, 0)
            }
            (Some(Class::HotAdded), _) => (hexadecimal, DeviceKind::Dimm, start),
            (Some(Class::DriverManaged), Provider::Driver { driver, over }) => {
                let on = over.first();
                match (driver.as_str(), on) {
                    ("virtio_mem", Some(on)) => {
                        let region = machine.resources().and_then(|tree| {
                            let path = tree.path_to(start).find(|resource| resource.name == *on)?;
                            path.range().ok()
                        });
                        let region = region.unwrap_or(resource.range);
                        let plugged = Plugged::new(block_size, VIRTIO_MEM_UNIT);
                        let virtio = VirtioMem { region, unit: VIRTIO_MEM_UNIT, requested: 0, plugged };
                        (on.clone(), DeviceKind::VirtioMem(virtio), region.start())
                    }
                    ("kmem", Some(on)) => (on.clone(), DeviceKind::Kmem, 0),
                    (other, _) => (
                        format!("{other} at {hexadecimal}"),
                        DeviceKind::OtherDriver(other.to_owned()),
                        start,
                    ),
                }
            }
            _ => continue,
        };
        let device = found.entry((name.clone(), key)).or_insert_with(|| Device {
            resource: name.clone(),
            name,
            kind,
            node: range.node.unwrap_or_default(),
            ranges: Vec::new(),
            group: None,
        });
        // A resource that its node or state cuts is one range of the device.
        if device.ranges.last() != Some(&resource.range) {
            device.ranges.push(resource.range);
        }
    }
    let mut devices = Devices::default();
    let mut by_address: Vec<Device> = found.into_values().collect();
    by_address.sort_by_key(|device| device.ranges.first().copied());
    for mut device in by_address {
        if devices.named(&device.name).is_some() {
            let start = device.ranges.first().map_or(0, |range| range.start());
            device.name = format!("{} at {start:#x}", device.name);
        }
        let most = device.ranges.iter().fold(0_u64, |sum, range| sum.saturating_add(range.size()));
        device.group = match &device.kind {
            DeviceKind::Dimm | DeviceKind::Kmem => Some(Group::new(GroupKind::Static { most })),
            DeviceKind::VirtioMem(virtio) => {
                Some(Group::new(GroupKind::Dynamic { unit: virtio.unit.max(block_size) }))
            }
            DeviceKind::OtherDriver(_) | DeviceKind::Balloon => None,
        };
        devices.insert(device);
    }
    devices
}
