//! Memory leaves the machine.

use memblock::PhysRange;

use super::plug::SYSTEM_RAM;
use crate::life::change::{Change, What};
use crate::life::event::{OnlineAs, Target};
use crate::life::parts::blocks::Online;
use crate::life::parts::devices::DeviceKind;
use crate::life::refusal::{Errno, Refusal};
use crate::life::state::Life;

impl Life {
    /// The device that an event names.
    pub(in crate::life) fn device(&self, target: &Target) -> Result<u32, Refusal> {
        let found = match target {
            Target::Name(name) => self.devices.named(name),
            Target::Address(address) => self.devices.at(*address),
        };
        found.ok_or_else(|| {
            let known: Vec<&str> = self.devices.iter().map(|device| device.name.as_str()).collect();
            let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
            let boot = match target {
                Target::Address(address) => {
                    let number = address / self.blocks.size();
                    self.blocks.get(number).is_some_and(|block| block.is_early)
                }
                Target::Name(_) => false,
            };
            let what =
                if boot { "boot memory, which no device brought" } else { "no device that brought memory" };
            Refusal {
                errno: Errno::Enodev,
                rule: "no-such-device",
                reason: format!("{target} is {what}"),
                remedy: format!("name a device that brought memory, or an address in its memory: {known}"),
                source: "drivers/acpi/acpi_memhotplug.c (6.12)",
            }
        })
    }

    /// A device's memory goes away.
    pub(in crate::life) fn remove_device(&mut self, target: &Target) -> Result<Change, Refusal> {
        let number = self.device(target)?;
        let Some(device) = self.devices.get(number).cloned() else { return Ok(Change::default()) };
        if self.kernel.lacks_hot_remove {
            return Err(Refusal {
                errno: Errno::Eopnotsupp,
                rule: "kernel-without-hotremove",
                reason: "the kernel is built without CONFIG_MEMORY_HOTREMOVE".to_owned(),
                remedy: "build it in".to_owned(),
                source: "mm/Kconfig (6.12)",
            });
        }
        let mut change = Change::default();
        match &device.kind {
            DeviceKind::Dimm => {
                if let Some(refused) = self.offline_for_eject(&mut change, &device.ranges) {
                    change.refused = Some(refused);
                    return Ok(change);
                }
            }
            DeviceKind::Kmem | DeviceKind::OtherDriver(_) => {
                self.all_offline(&device.name, &device.ranges)?;
            }
            DeviceKind::Balloon => {
                return Err(Refusal {
                    errno: Errno::Eopnotsupp,
                    rule: "balloons-keep-blocks",
                    reason: "a balloon driver gives pages back, and never removes memory blocks".to_owned(),
                    remedy: "shrink the balloon: its pages go back, and the blocks stay".to_owned(),
                    source: "drivers/hv/hv_balloon.c, drivers/xen/balloon.c (6.12)",
                });
            }
            DeviceKind::VirtioMem(virtio) => {
                if !virtio.plugged.is_empty() {
                    return Err(Refusal {
                        errno: Errno::Ebusy,
                        rule: "virtio-mem-still-plugged",
                        reason: format!(
                            "{} still has {:#x} bytes plugged",
                            device.name,
                            virtio.plugged.bytes()
                        ),
                        remedy: format!("`resize {} to 0` first", device.name),
                        source: "drivers/virtio/virtio_mem.c:virtio_mem_remove (6.12)",
                    });
                }
                self.let_go(&mut change, virtio.region, &device.resource);
            }
        }
        for range in &device.ranges {
            self.remove_memory(&mut change, *range);
            if device.kind == DeviceKind::Kmem {
                self.let_go(&mut change, *range, &device.resource);
            }
        }
        self.devices.remove(number);
        Ok(change)
    }

    /// The driver's own resource goes.
    fn let_go(&mut self, change: &mut Change, range: PhysRange, name: &str) {
        let gone = self.resources.drop_named(range, name);
        change.push(What::Resource, gone, Some(name.to_owned()), None, "the driver lets go of the device");
    }

    /// What the ACPI core does before it ejects: all blocks offline; if one refuses twice, those that this took offline
    /// go online again, wherever the policy puts them now. Returns the refusal.
    /// Source: drivers/acpi/scan.c:acpi_scan_try_to_offline (6.12).
    fn offline_for_eject(&mut self, change: &mut Change, ranges: &[PhysRange]) -> Option<Refusal> {
        let numbers: Vec<u64> =
            ranges.iter().flat_map(|range| self.blocks.inside(*range)).map(|(number, _)| *number).collect();
        let mut refused = None;
        let mut done = Vec::new();
        for number in numbers {
            let Some(Online::In(_) | Online::InSeveral) = self.blocks.get(number).map(|block| block.online)
            else {
                continue;
            };
            let before = self.blocks.get(number).map(|block| block.online);
            match self.take_offline(change, number) {
                Ok(zone) => done.push((number, before, zone)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        for (number, _, zone) in done {
            let range = self.blocks.range(number);
            let was = Some(format!("online {zone}"));
            if refused.is_none() {
                change.push(
                    What::Block,
                    range,
                    was,
                    Some("offline".to_owned()),
                    "the eject takes it offline first",
                );
            } else if let Ok(now) = self.put_online(change, number, OnlineAs::Policy)
                && now != zone
            {
                let after = Some(format!("online {now}"));
                change.push(
                    What::Block,
                    range,
                    was,
                    after,
                    "the eject failed after this block was offline; it is online again where the policy puts it",
                );
            }
        }
        refused.map(|refused| Refusal {
            reason: format!("the eject is rolled back: {}", refused.reason),
            ..refused
        })
    }

    /// Drivers remove memory only if all of it is offline.
    /// Source: mm/memory_hotplug.c:check_memblock_offlined_cb (6.12).
    fn all_offline(&self, name: &str, ranges: &[PhysRange]) -> Result<(), Refusal> {
        let mut blocks = ranges.iter().flat_map(|range| self.blocks.inside(*range));
        let Some((number, _)) = blocks.find(|(_, block)| block.online.is()) else { return Ok(()) };
        Err(Refusal {
            errno: Errno::Ebusy,
            rule: "blocks-still-online",
            reason: format!("memory{number} of {name} is online"),
            remedy: format!(
                "take all of its blocks offline first (`daxctl offline-memory {name}`); a driver that is unbound before \
                 leaves its memory behind until the next boot"
            ),
            source: "mm/memory_hotplug.c:try_remove_memory, drivers/dax/kmem.c:dev_dax_kmem_remove (6.12)",
        })
    }

    /// What remove_memory() does with memory whose blocks are all offline.
    /// Source: mm/memory_hotplug.c:try_remove_memory (6.12).
    pub(in crate::life) fn remove_memory(&mut self, change: &mut Change, range: PhysRange) {
        let numbers: Vec<u64> = self.blocks.inside(range).map(|(number, _)| *number).collect();
        let node = numbers.first().and_then(|number| self.blocks.get(*number)).map(|block| block.node);
        let size = self.struct_pages_of(self.blocks.size());
        for number in &numbers {
            if self.blocks.get(*number).is_some_and(|block| !block.is_early && block.memmap == 0) {
                self.struct_pages = self.struct_pages.saturating_sub(size);
            }
            self.blocks.remove(*number);
        }
        if !numbers.is_empty() {
            change.push(What::Block, range, Some("offline".to_owned()), None, "its memory is removed");
        }
        if let Some(map) = &mut self.firmware_map
            && let Some(entry) = map.remove(range)
        {
            change.push(What::FirmwareMap, range, Some(entry.kind), None, "its memory is removed");
        }
        if let Some(regions) = &mut self.memblock {
            regions.remove(range);
            change.push(What::Memblock, range, Some("memory".to_owned()), None, "its memory is removed");
        }
        let name = self.resources.release(range);
        let is_driver_managed = name.as_deref().is_some_and(|name| name != SYSTEM_RAM);
        change.push(
            What::Resource,
            range,
            name,
            None,
            "the last step: only now is the memory gone, and kexec and kdump can be armed for what is left",
        );
        if let Some(node) = node
            && !self.blocks.has_node(node)
            && !self.cpu_nodes.contains(&node)
        {
            change.push(
                What::Node,
                range,
                Some(format!("node{node}")),
                None,
                "the node has no memory and no CPU left",
            );
        }
        let now = self.now.clone();
        self.images.memory_went(range, is_driver_managed, &now);
    }
}
