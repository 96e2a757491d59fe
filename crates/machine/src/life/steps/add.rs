//! A device brings memory.

use evidence::settings::AutoOnline;
use memblock::PhysRange;

use super::plug::{Memmap, Plugged, SYSTEM_RAM};
use super::virtio_mem::check_request;
use crate::life::change::{Change, What};
use crate::life::event::{Added, AddedBy, Bytes};
use crate::life::parts::devices::{Device, DeviceKind, Group, GroupKind, Plugged as Plugs, VirtioMem};
use crate::life::refusal::{Errno, Refusal};
use crate::life::state::Life;

impl Life {
    /// A device brings memory.
    pub(in crate::life) fn add(&mut self, added: &Added) -> Result<Change, Refusal> {
        self.can_hot_add()?;
        let node = added.node.unwrap_or_default();
        match &added.by {
            AddedBy::Dimm { size, at } => self.add_dimm(added, *size, *at, node),
            AddedBy::VirtioMem { size, at, up_to, unit } => {
                let block = self.blocks.size();
                // Without a size the region ends with the last block that the request needs.
                let needed = at.saturating_add(*size).checked_next_multiple_of(block.max(*unit));
                let whole = needed.map_or(*size, |end| end.saturating_sub(*at)).max(block);
                self.add_virtio_mem(added, *size, (*at, up_to.unwrap_or(whole)), *unit, node)
            }
            AddedBy::Kmem { ranges, over, online } => {
                self.add_kmem(added, ranges, over.as_deref(), *online, node)
            }
            AddedBy::HvBalloon(range) | AddedBy::Xen(range) => {
                let driver = if matches!(added.by, AddedBy::Xen(_)) { "xen" } else { "hv-balloon" };
                self.check_add(*range, node, Memmap::default())?;
                let name =
                    self.new_device(added, || format!("{driver} at {:#x}", range.start()), &[*range])?;
                let device = Device {
                    name,
                    kind: DeviceKind::Balloon,
                    node,
                    resource: String::new(),
                    ranges: vec![*range],
                    group: None,
                };
                let mut change = Change::default();
                let device = self.devices.insert(device);
                self.add_memory(&mut change, Plugged { is_mergeable: true, ..plain(*range, node, device) })?;
                Ok(change)
            }
        }
    }

    /// An ACPI memory device.
    /// Source: drivers/acpi/acpi_memhotplug.c:acpi_memory_enable_device (6.12).
    fn add_dimm(&mut self, added: &Added, size: u64, at: Option<u64>, node: u32) -> Result<Change, Refusal> {
        if self.kernel.no_acpi_memory {
            return Err(Refusal {
                errno: Errno::Enodev,
                rule: "no-acpi-memory-driver",
                reason: "ACPI memory devices have no driver: acpi_no_memhotplug is given, or CONFIG_ACPI_HOTPLUG_MEMORY is off".to_owned(),
                remedy: "boot without acpi_no_memhotplug, with a kernel that has the driver".to_owned(),
                source: "drivers/acpi/acpi_memhotplug.c:acpi_memory_hotplug_init (6.12)",
            });
        }
        valid(at.unwrap_or_default(), size)?;
        let start = at.or_else(|| self.free_place(size)).ok_or_else(|| Refusal {
            errno: Errno::Enospc,
            rule: "no-free-place",
            reason: format!("no gap of {} is free where the firmware lets memory be added", Bytes(size)),
            remedy: "say where: `at ADDRESS`".to_owned(),
            source: "ACPI 6.5 section 5.2.16: hot-pluggable entries of the SRAT",
        })?;
        let range = valid(start, size)?;
        self.check_add(range, node, Memmap::own()).map_err(|refusal| {
            if refusal.errno != Errno::Eexist {
                return refusal;
            }
            let reason = format!(
                "{}; the ACPI driver takes this for success: the device is bound, and its memory is not used",
                refusal.reason
            );
            Refusal { reason, ..refusal }
        })?;
        let name = self.new_device(added, || format!("{start:#x}"), &[range])?;
        let device = Device {
            name,
            kind: DeviceKind::Dimm,
            node,
            resource: String::new(),
            ranges: vec![range],
            group: Some(Group::new(GroupKind::Static { most: size })),
        };
        let mut change = Change::default();
        let device = self.devices.insert(device);
        self.add_memory(&mut change, Plugged { may_hold_memmap: true, ..plain(range, node, device) })?;
        Ok(change)
    }

    fn add_virtio_mem(
        &mut self,
        added: &Added,
        size: u64,
        (at, room): (u64, u64),
        unit: u64,
        node: u32,
    ) -> Result<Change, Refusal> {
        let region = valid(at, room)?;
        if self.kernel.lacks_hot_remove {
            return Err(Refusal {
                errno: Errno::Enodev,
                rule: "no-virtio-mem-driver",
                reason: "the kernel is built without CONFIG_MEMORY_HOTREMOVE, which virtio_mem needs"
                    .to_owned(),
                remedy: "build it in".to_owned(),
                source: "drivers/virtio/Kconfig (6.12)",
            });
        }
        check_request(size, room, unit)?;
        self.check_node(node)?;
        let shown = added.name.clone().unwrap_or_else(|| "virtio-mem".to_owned());
        // A driver that was loaded before, for a device with nothing plugged yet, has claimed the region.
        let is_claimed = self.resources.has(region, &shown);
        if let Some(found) = self.resources.in_the_way(region).filter(|_| !is_claimed) {
            return Err(Refusal {
                errno: Errno::Ebusy,
                rule: "resource-in-the-way",
                reason: format!("the device's region {region} overlaps {found}"),
                remedy: "place the device where nothing else is".to_owned(),
                source: "drivers/virtio/virtio_mem.c:virtio_mem_create_resource (6.12)",
            });
        }
        let name = self.new_device(added, || format!("virtio-mem at {at:#x}"), &[region])?;
        let mut change = Change::default();
        if !is_claimed && self.resources.request(region, &shown, false, false).is_ok() {
            let why = "the driver claims the device's region";
            change.push(What::Resource, region, None, Some(shown.clone()), why);
        }
        let plugged = Plugs::new(self.blocks.size(), unit);
        let virtio = VirtioMem { region, unit, requested: size, plugged };
        let device = Device {
            name,
            kind: DeviceKind::VirtioMem(virtio),
            node,
            resource: shown,
            ranges: Vec::new(),
            group: Some(Group::new(self.unit(unit))),
        };
        let device = self.devices.insert(device);
        self.adjust_virtio_mem(&mut change, device);
        Ok(change)
    }

    /// Whole blocks of a dax device's ranges.
    /// Source: drivers/dax/kmem.c:dev_dax_kmem_probe, dax_kmem_range (6.12).
    fn add_kmem(
        &mut self,
        added: &Added,
        ranges: &[PhysRange],
        over: Option<&str>,
        state: Option<AutoOnline>,
        node: u32,
    ) -> Result<Change, Refusal> {
        if state.is_some() && !self.kernel.kmem_chooses_state {
            return Err(Refusal {
                errno: Errno::Eopnotsupp,
                rule: "driver-cannot-choose",
                reason: "in this release the kmem driver leaves the state of its blocks to the policy"
                    .to_owned(),
                remedy: "leave `online STATE` out, and set the policy: `policy state=online_movable`"
                    .to_owned(),
                source: "drivers/dax/kmem.c:dev_dax_kmem_probe (6.12)",
            });
        }
        let size = self.blocks.size();
        let inside = |range: &PhysRange| Some((range.shrink_to_multiples(size)?, *range));
        let (whole, of): (Vec<PhysRange>, Vec<PhysRange>) = ranges.iter().filter_map(inside).unzip();
        if whole.is_empty() {
            return Err(Refusal {
                errno: Errno::Einval,
                rule: "no-whole-block",
                reason: format!("no range of the device holds a whole memory block of {}", Bytes(size)),
                remedy: format!("give the device ranges that hold multiples of {size:#x}"),
                source: "drivers/dax/kmem.c:dev_dax_kmem_probe (6.12)",
            });
        }
        // The driver gives up if the first range fails, and leaves out later ones that do.
        whole.first().map_or(Ok(()), |range| self.check_add(*range, node, Memmap::own()))?;
        let first = whole.first().map_or(0, |range| range.start());
        let name = self.new_device(added, || format!("kmem at {first:#x}"), &whole)?;
        let shown = added.name.clone().unwrap_or_else(|| "dax".to_owned());
        let mut change = Change::default();
        let lost = ranges.iter().map(|range| range.size()).sum::<u64>();
        let used = whole.iter().map(|range| range.size()).sum::<u64>();
        if used < lost {
            change.push(
                What::Device,
                ranges.first().copied(),
                Some(format!("{} in the device", Bytes(lost))),
                Some(format!("{} used", Bytes(used))),
                &format!(
                    "only whole memory blocks of {} can be used: {} are lost",
                    Bytes(size),
                    Bytes(lost.saturating_sub(used))
                ),
            );
        }
        let mut beside = 0_u64;
        let mut added = Vec::new();
        for range in &whole {
            let checked = self.check_add(*range, node, Memmap { may_hold: true, beside });
            if checked.is_ok() {
                beside = beside.saturating_add(range.size());
            }
            added.push(checked.err());
        }
        let ranges =
            whole.iter().zip(&added).filter(|(_, left_out)| left_out.is_none()).map(|(range, _)| *range);
        let device = Device {
            name,
            kind: DeviceKind::Kmem,
            node,
            resource: shown.clone(),
            ranges: ranges.collect(),
            group: Some(Group::new(GroupKind::Static { most: used })),
        };
        let device = self.devices.insert(device);
        for ((range, of), left_out) in whole.into_iter().zip(of).zip(added) {
            if let Some(over) = over.filter(|over| !self.resources.is_below(of, over))
                && self.resources.request(of, over, false, false).is_ok()
            {
                change.push(What::Resource, of, None, Some(over.to_owned()), "what the device lies on");
            }
            // The driver that had the device before has let go of it.
            self.resources.drop_named(of, &shown);
            if let Some(refusal) = left_out {
                let why = format!("the driver leaves the range out: {}", refusal.reason);
                change.push(
                    What::Device,
                    range,
                    Some("in the device".to_owned()),
                    Some("not used".to_owned()),
                    &why,
                );
                continue;
            }
            if self.resources.request(range, &shown, false, false).is_ok() {
                let why = over.map_or_else(
                    || "the driver claims the device's whole blocks".to_owned(),
                    |over| format!("the driver claims the device's whole blocks, in {over}"),
                );
                change.push(What::Resource, range, None, Some(shown.clone()), &why);
            }
            let memory = Plugged {
                name: "System RAM (kmem)",
                may_hold_memmap: true,
                state,
                ..plain(range, node, device)
            };
            self.add_memory(&mut change, memory)?;
        }
        Ok(change)
    }

    /// The name of a new device at some places.
    fn new_device(
        &self,
        added: &Added,
        otherwise: impl FnOnce() -> String,
        places: &[PhysRange],
    ) -> Result<String, Refusal> {
        let taken = places.iter().find_map(|place| Some((place, self.devices.overlapping(*place)?)));
        if let Some((place, device)) = taken {
            return Err(Refusal {
                errno: Errno::Ebusy,
                rule: "device-in-the-way",
                reason: format!("{place} overlaps the device {}", device.name),
                remedy: "place the device where no other one is".to_owned(),
                source: "the machine: an address belongs to one device",
            });
        }
        let name = added.name.clone().unwrap_or_else(otherwise);
        if self.devices.named(&name).is_some() {
            return Err(Refusal {
                errno: Errno::Eexist,
                rule: "device-exists",
                reason: format!("there is a device called {name} already"),
                remedy: "give it another name, or resize or remove the one that is there".to_owned(),
                source: "Documentation/admin-guide/mm/memory-hotplug.rst (6.12)",
            });
        }
        Ok(name)
    }

    /// The first gap where the firmware lets memory be added; without such places, above everything and above 4 GiB.
    pub(crate) fn free_place(&self, size: u64) -> Option<u64> {
        self.free_place_from(size, 0)
    }

    /// The same, not below `from`: who adds one device after the other need not pass by all of them each time.
    pub(crate) fn free_place_from(&self, size: u64, from: u64) -> Option<u64> {
        let block = self.blocks.size();
        let windows: Vec<PhysRange> = self.windows.iter().collect();
        let above = PhysRange::new(4 << 30, self.kernel.limit).ok();
        for window in windows.into_iter().chain(above) {
            let mut start = window.start().max(from).checked_next_multiple_of(block)?;
            while let Ok(range) = PhysRange::from_size(start, size) {
                if range.end() > window.end() {
                    break;
                }
                match self.resources.last_overlap(range) {
                    None => return Some(start),
                    Some(last) => start = last.checked_add(1)?.checked_next_multiple_of(block)?,
                }
            }
        }
        None
    }
}

/// Memory as a driver without wishes adds it.
const fn plain(range: PhysRange, node: u32, device: u32) -> Plugged<'static> {
    Plugged {
        range,
        node,
        name: SYSTEM_RAM,
        is_mergeable: false,
        may_hold_memmap: false,
        device,
        state: None,
    }
}

fn valid(start: u64, size: u64) -> Result<PhysRange, Refusal> {
    PhysRange::from_size(start, size).map_err(|error| Refusal {
        errno: Errno::Einval,
        rule: "no-such-range",
        reason: format!("{size:#x} bytes at {start:#x}: {error}"),
        remedy: "give a size above 0 and an address below the end of the address space".to_owned(),
        source: "mm/memory_hotplug.c:check_hotplug_memory_range (6.12)",
    })
}

#[cfg(test)]
mod tests {
    use evidence::snapshot::{BlockState, MemoryBlock, MemoryBlocks};
    use evidence::{Snapshot, Source};

    use crate::Machine;
    use crate::life::{Event, Life};

    fn life(iomem: &str) -> Life {
        let block = |number| MemoryBlock {
            number,
            state: BlockState::Online,
            nodes: vec![0],
            valid_zones: vec!["DMA32".into()],
            firmware_node: None,
        };
        let blocks = MemoryBlocks {
            block_size: 128 << 20,
            blocks: (0..8).map(block).collect(),
            ..MemoryBlocks::default()
        };
        let snapshot = Snapshot {
            iomem: Source::Read(iomem.to_owned()),
            memory_blocks: Source::Read(blocks),
            ..Snapshot::default()
        };
        Life::of(&Machine::of(&snapshot).unwrap()).unwrap()
    }

    #[test]
    fn a_virtio_mem_device_whose_region_is_claimed_already_keeps_its_resource() {
        let mut life = life("00000000-3fffffff : System RAM\n100000000-17fffffff : virtio2\n");
        let event: Event = "add virtio-mem 256M at 0x100000000 up to 2G as virtio2".parse().unwrap();
        life.apply(&event).unwrap();
        let expected = "00000000-3fffffff : System RAM\n100000000-17fffffff : virtio2\n  \
                        100000000-10fffffff : System RAM (virtio_mem)\n";
        assert_eq!(life.iomem(), expected);
    }

    #[test]
    fn a_virtio_mem_device_does_not_take_a_resource_of_another_size() {
        let mut life = life("00000000-3fffffff : System RAM\n100000000-13fffffff : virtio2\n");
        let event: Event = "add virtio-mem 256M at 0x100000000 up to 2G as virtio2".parse().unwrap();
        assert_eq!(life.apply(&event).unwrap_err().rule, "resource-in-the-way");
        assert!(life.iomem().ends_with("100000000-13fffffff : virtio2\n"));
    }
}
