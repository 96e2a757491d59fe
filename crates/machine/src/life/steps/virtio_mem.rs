//! virtio-mem: memory that grows and shrinks by blocks, and inside them by sub-blocks.

use memblock::PhysRange;

use super::plug::Plugged;
use crate::boot::zones::ZoneKind;
use crate::life::change::{Change, What};
use crate::life::event::Bytes;
use crate::life::parts::blocks::Online;
use crate::life::parts::devices::{DeviceKind, VirtioMem};
use crate::life::state::Life;

/// A device adds no more blocks while so many of its bytes are offline, so that memory that nobody puts online does not
/// eat the rest up by its struct pages (drivers/virtio/virtio_mem.c, 6.12).
const OFFLINE_AT_MOST: u64 = 1 << 30;

/// The order in which blocks give memory back: offline first, then movable, then kernel zones; those that are partly
/// plugged before others (drivers/virtio/virtio_mem.c:virtio_mem_sbm_unplug_request, 6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    OfflinePartial,
    Offline,
    MovablePartial,
    KernelPartial,
    Movable,
    Kernel,
}

impl Life {
    /// Plugs or unplugs until the device has what is requested, or cannot. O(blocks of the device).
    pub(in crate::life) fn adjust_virtio_mem(&mut self, change: &mut Change, device: u32) {
        let Some(virtio) = self.virtio(device).cloned() else { return };
        let plugged = virtio.plugged_bytes();
        if plugged < virtio.requested {
            self.plug_virtio_mem(change, device, &virtio, virtio.requested.saturating_sub(plugged));
        } else if plugged > virtio.requested {
            self.unplug_virtio_mem(change, device, &virtio, plugged.saturating_sub(virtio.requested));
        }
        let Some(after) = self.virtio(device) else { return };
        let (now, requested, region) = (after.plugged_bytes(), after.requested, after.region);
        if now != plugged || now != requested {
            let shown = |bytes| Some(format!("{} plugged", Bytes(bytes)));
            let why = if now == requested {
                "as requested".to_owned()
            } else {
                format!("{} are requested: {}", Bytes(requested), self.why_not(device, now < requested))
            };
            change.push(What::Device, region, shown(plugged), shown(now), &why);
        }
    }

    /// Tries again to reach what is requested, after blocks went online or offline.
    pub(in crate::life) fn retry_virtio_mem(&mut self, change: &mut Change) {
        let waiting: Vec<u32> = self
            .devices
            .dynamic()
            .filter(|(_, device, _)| match &device.kind {
                DeviceKind::VirtioMem(virtio) => virtio.plugged_bytes() < virtio.requested,
                _ => false,
            })
            .map(|(number, ..)| number)
            .collect();
        for device in waiting {
            self.adjust_virtio_mem(change, device);
        }
    }

    fn virtio(&self, device: u32) -> Option<&VirtioMem> {
        match &self.devices.get(device)?.kind {
            DeviceKind::VirtioMem(virtio) => Some(virtio),
            _ => None,
        }
    }

    fn set_plugged(&mut self, device: u32, block: u64, bytes: u64) {
        let Some(DeviceKind::VirtioMem(virtio)) = self.devices.get_mut(device).map(|device| &mut device.kind)
        else {
            return;
        };
        if bytes == 0 {
            virtio.plugged.remove(&block);
        } else {
            virtio.plugged.insert(block, bytes);
        }
    }

    /// The bytes of a sub-block: what the device and the page allocator can isolate.
    fn sub_block(&self, unit: u64) -> u64 {
        unit.max(self.kernel.huge_page).min(self.blocks.size().max(unit))
    }

    /// The number of blocks that are added and removed together: several, if a device block is larger than a block.
    fn blocks_of_a_unit(&self, unit: u64) -> u64 {
        (unit / self.blocks.size()).max(1)
    }

    fn plug_virtio_mem(&mut self, change: &mut Change, device: u32, virtio: &VirtioMem, mut missing: u64) {
        let size = self.blocks.size();
        let step = self.sub_block(virtio.unit);
        // Blocks that are partly plugged are filled first.
        for (&number, &bytes) in &virtio.plugged {
            let more = missing.min(size.saturating_sub(bytes)) / step.min(size) * step.min(size);
            if more > 0 {
                self.set_plugged(device, number, bytes.saturating_add(more));
                missing = missing.saturating_sub(more);
            }
        }
        let together = self.blocks_of_a_unit(virtio.unit);
        let unit = together.saturating_mul(size);
        let Some(region) = virtio.region.shrink_to_multiples(unit) else { return };
        let node = self.devices.get(device).map_or(0, |device| device.node);
        let mut start = region.start();
        while missing >= step.min(unit) && start < region.end() {
            let Ok(range) = PhysRange::from_size(start, unit) else { break };
            start = range.end();
            if self.blocks.get(range.start() / size).is_some() {
                continue;
            }
            if self.offline_bytes(device).saturating_add(unit) > OFFLINE_AT_MOST.max(unit.saturating_mul(2)) {
                break;
            }
            let bytes = missing.min(unit) / step * step;
            // The device plugs before the kernel is told.
            for number in range.start() / size..=range.last() / size {
                self.set_plugged(device, number, bytes.min(size));
            }
            let memory = Plugged {
                range,
                node,
                name: "System RAM (virtio_mem)",
                is_mergeable: true,
                may_hold_memmap: false,
                device,
                state: None,
            };
            if self.add_memory(change, memory).is_err() {
                for number in range.start() / size..=range.last() / size {
                    self.set_plugged(device, number, 0);
                }
                break;
            }
            missing = missing.saturating_sub(bytes);
        }
    }

    fn offline_bytes(&self, device: u32) -> u64 {
        let Some(virtio) = self.virtio(device) else { return 0 };
        let is_offline =
            |number: &&u64| self.blocks.get(**number).is_some_and(|block| block.online == Online::No);
        let count = virtio.plugged.keys().filter(is_offline).count();
        u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(self.blocks.size())
    }

    fn unplug_virtio_mem(&mut self, change: &mut Change, device: u32, virtio: &VirtioMem, mut surplus: u64) {
        let size = self.blocks.size();
        let step = self.sub_block(virtio.unit);
        let together = self.blocks_of_a_unit(virtio.unit);
        let turn = |number: u64, bytes: u64| {
            let block = self.blocks.get(number)?;
            let is_part = bytes < size;
            Some(match (block.online, is_part) {
                (Online::No, true) => Turn::OfflinePartial,
                (Online::No, false) => Turn::Offline,
                (Online::In(ZoneKind::Movable), true) => Turn::MovablePartial,
                (Online::In(ZoneKind::Movable), false) => Turn::Movable,
                (_, true) => Turn::KernelPartial,
                (_, false) => Turn::Kernel,
            })
        };
        // One entry for each unit: its first block, and the bytes that are plugged in it.
        let mut units: Vec<(Turn, std::cmp::Reverse<u64>, u64)> = Vec::new();
        for (&number, &bytes) in &virtio.plugged {
            if number.is_multiple_of(together)
                && let Some(turn) = turn(number, bytes)
            {
                units.push((turn, std::cmp::Reverse(number), bytes.saturating_mul(together)));
            }
        }
        units.sort_unstable();
        for (turn, std::cmp::Reverse(first), bytes) in units {
            let less = surplus.min(bytes) / step * step;
            let numbers = first..first.saturating_add(together);
            if less == 0 || (together > 1 && less < bytes) {
                continue;
            }
            let mut blocks = numbers.clone().filter_map(|number| self.blocks.get(number));
            if blocks.any(|block| block.online.is() && block.is_pinned) {
                continue;
            }
            surplus = surplus.saturating_sub(less);
            if less < bytes {
                self.set_plugged(device, first, bytes.saturating_sub(less));
                continue;
            }
            for number in numbers {
                let was = match self.blocks.get(number).map(|block| block.online) {
                    Some(Online::In(zone)) => Some(format!("online {zone}")),
                    _ => None,
                };
                if turn > Turn::Offline && self.take_offline(change, number).is_err() {
                    continue;
                }
                self.set_plugged(device, number, 0);
                let Some(range) = self.blocks.range(number) else { continue };
                if was.is_some() {
                    let why = "the driver takes it offline once nothing in it is plugged";
                    change.push(What::Block, range, was, Some("offline".to_owned()), why);
                }
                self.remove_memory(change, range);
            }
        }
    }

    /// Why a device has not reached what is requested.
    fn why_not(&self, device: u32, is_less: bool) -> &'static str {
        let Some(virtio) = self.virtio(device) else { return "" };
        if !is_less {
            return "the rest holds pages that cannot move, or cannot go offline";
        }
        let unit = self.blocks_of_a_unit(virtio.unit).saturating_mul(self.blocks.size());
        if self.offline_bytes(device).saturating_add(unit) > OFFLINE_AT_MOST.max(unit.saturating_mul(2)) {
            return "the driver waits until blocks that it added go online";
        }
        "the device's region has no more room for whole blocks, or it is not a multiple of the device block"
    }
}
