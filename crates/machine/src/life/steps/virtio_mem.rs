//! virtio-mem: memory that grows and shrinks by blocks, and inside them by sub-blocks.

use memblock::PhysRange;

use super::plug::Plugged;
use crate::life::change::{Change, What};
use crate::life::event::Bytes;
use crate::life::parts::devices::{DeviceKind, VirtioMem};
use crate::life::refusal::{Errno, Refusal};
use crate::life::state::Life;

/// A device adds no more blocks while so many of its bytes are offline, so that memory that nobody puts online does not
/// eat the rest up by its struct pages (drivers/virtio/virtio_mem.c, 6.12).
const OFFLINE_AT_MOST: u64 = 1 << 30;

impl Life {
    /// Plugs or unplugs until the device has what is requested, or cannot. O(log n) for each block that it looks at.
    pub(in crate::life) fn adjust_virtio_mem(&mut self, change: &mut Change, device: u32) {
        let Some(before) = self.virtio(device).map(State::of) else { return };
        let mut refused = None;
        if before.plugged < before.requested {
            refused = self.plug_virtio_mem(change, device, before.requested.saturating_sub(before.plugged));
        } else if before.plugged > before.requested {
            self.unplug_virtio_mem(change, device, before.plugged.saturating_sub(before.requested));
        }
        let Some(after) = self.virtio(device).map(State::of) else { return };
        let (now, requested) = (after.plugged, after.requested);
        if now != before.plugged || now != requested {
            let shown = |bytes| Some(format!("{} plugged", Bytes(bytes)));
            let why = if now == requested {
                "as requested".to_owned()
            } else {
                let why =
                    refused.map_or_else(|| self.why_not(device, now < requested), |refusal| refusal.reason);
                format!("{} are requested: {why}", Bytes(requested))
            };
            change.push(What::Device, after.region, shown(before.plugged), shown(now), &why);
        }
    }

    /// Tries again to reach what is requested, after blocks went online or offline.
    pub(in crate::life) fn retry_virtio_mem(&mut self, change: &mut Change) {
        let waiting: Vec<u32> = self
            .devices
            .dynamic()
            .filter(|(_, device, _)| match &device.kind {
                DeviceKind::VirtioMem(virtio) => virtio.plugged.bytes() < virtio.requested,
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

    /// Sets how many bytes of each block of a unit are plugged.
    fn set_plugged(&mut self, device: u32, unit: u64, bytes: u64) {
        if let Some(DeviceKind::VirtioMem(virtio)) =
            self.devices.get_mut(device).map(|device| &mut device.kind)
        {
            virtio.plugged.set(unit, bytes);
        }
    }

    /// The bytes that the device and the page allocator can isolate: a sub-block, or a whole unit of several blocks.
    fn step(&self, unit: u64) -> u64 {
        unit.max(self.kernel.huge_page).min(self.blocks.size().max(unit))
    }

    /// Returns why the kernel did not take more, if it refused.
    fn plug_virtio_mem(&mut self, change: &mut Change, device: u32, mut missing: u64) -> Option<Refusal> {
        let State { region, unit, together, .. } = self.virtio(device).map(State::of)?;
        let size = self.blocks.size();
        let step = self.step(unit);
        // Blocks that are partly plugged are filled first.
        let mut from = 0;
        while missing >= step
            && let Some((number, bytes)) =
                self.virtio(device).and_then(|virtio| virtio.plugged.partial_from(from))
        {
            from = number.saturating_add(1);
            let more = missing.min(size.saturating_sub(bytes)) / step * step;
            if more > 0 {
                self.set_plugged(device, number, bytes.saturating_add(more));
                missing = missing.saturating_sub(more);
            }
        }
        let room = together.saturating_mul(size);
        let region = region.shrink_to_multiples(room)?;
        let node = self.devices.get(device).map_or(0, |device| device.node);
        let mut from = region.start() / room;
        while missing >= step {
            let number = self.virtio(device).map(|virtio| virtio.plugged.free_from(from))?;
            let range = number.checked_mul(room).and_then(|start| PhysRange::from_size(start, room).ok());
            let range = range.filter(|range| region.encloses(*range))?;
            from = number.saturating_add(1);
            // Boot memory that the kernel keeps to itself may lie in the region.
            if self.blocks.inside(range).next().is_some() {
                continue;
            }
            if self.waits_for_online(device, room) {
                return None;
            }
            let bytes = missing.min(room) / step * step;
            // The device plugs before the kernel is told.
            self.set_plugged(device, number, bytes.min(size));
            let memory = Plugged {
                range,
                node,
                name: "System RAM (virtio_mem)",
                is_mergeable: true,
                may_hold_memmap: false,
                device,
                state: None,
            };
            if let Err(refusal) = self.add_memory(change, memory) {
                self.set_plugged(device, number, 0);
                return Some(refusal);
            }
            missing = missing.saturating_sub(bytes);
        }
        None
    }

    /// Whether the driver adds no more memory until some of what it added goes online.
    fn waits_for_online(&self, device: u32, room: u64) -> bool {
        let Some((device, virtio)) = self.devices.get(device).zip(self.virtio(device)) else { return false };
        let blocks = u64::try_from(virtio.plugged.len()).unwrap_or(u64::MAX);
        let online = device.group.map_or(0, |group| group.kernel.saturating_add(group.movable));
        let offline = blocks.saturating_mul(self.blocks.size()).saturating_sub(online);
        offline.saturating_add(room) > OFFLINE_AT_MOST.max(room.saturating_mul(2))
    }

    fn unplug_virtio_mem(&mut self, change: &mut Change, device: u32, mut surplus: u64) {
        let Some(State { unit, together, .. }) = self.virtio(device).map(State::of) else { return };
        let step = self.step(unit);
        let mut last = None;
        while surplus >= step {
            let next = self.virtio(device).and_then(|virtio| {
                let (turn, number) = virtio.plugged.turn_after(last)?;
                Some((turn, number, virtio.plugged.unit_bytes(number), virtio.plugged.of_unit(number)))
            });
            let Some((turn, number, bytes, blocks)) = next else { return };
            last = Some((turn, number));
            let less = surplus.min(bytes) / step * step;
            if less == 0 || (together > 1 && less < bytes) {
                continue;
            }
            let is_online = |number: &u64| self.blocks.get(*number).is_some_and(|block| block.online.is());
            let online: Vec<u64> = blocks.clone().filter(is_online).collect();
            let is_pinned = |number: &u64| self.blocks.get(*number).is_some_and(|block| block.is_pinned);
            if online.iter().any(is_pinned) {
                continue;
            }
            if less < bytes {
                surplus = surplus.saturating_sub(less);
                self.set_plugged(device, number, bytes.saturating_sub(less));
                continue;
            }
            if online.iter().any(|number| self.check_offline(*number).is_err()) {
                continue;
            }
            surplus = surplus.saturating_sub(less);
            for number in online {
                let range = self.blocks.range(number);
                if let Ok(zone) = self.take_offline(change, number) {
                    let why = "the driver takes it offline once nothing in it is plugged";
                    let was = Some(format!("online {zone}"));
                    change.push(What::Block, range, was, Some("offline".to_owned()), why);
                }
            }
            self.set_plugged(device, number, 0);
            for number in blocks {
                if let Some(range) = self.blocks.range(number) {
                    self.remove_memory(change, range);
                }
            }
        }
    }

    /// Why a device has not reached what is requested.
    fn why_not(&self, device: u32, is_less: bool) -> String {
        let Some(State { together, .. }) = self.virtio(device).map(State::of) else { return String::new() };
        if !is_less {
            return "the rest holds pages that cannot move, or cannot go offline".to_owned();
        }
        if self.waits_for_online(device, together.saturating_mul(self.blocks.size())) {
            return "the driver waits until blocks that it added go online".to_owned();
        }
        "the device's region has no more room for whole blocks, or it is not a multiple of the device block"
            .to_owned()
    }
}

/// A device cannot have what is requested of it.
pub(in crate::life) fn check_request(size: u64, of: u64, unit: u64) -> Result<(), Refusal> {
    if size <= of && size.is_multiple_of(unit) {
        return Ok(());
    }
    Err(Refusal {
        errno: Errno::Einval,
        rule: "requested-size",
        reason: format!(
            "{} are requested of a device of {} in blocks of {}",
            Bytes(size),
            Bytes(of),
            Bytes(unit)
        ),
        remedy: "request a multiple of the device block, and no more than the device has".to_owned(),
        source: "Virtio 1.2 section 5.15: Memory Device",
    })
}

/// What decides about plugging.
#[derive(Clone, Copy, Debug)]
struct State {
    region: PhysRange,
    unit: u64,
    /// The number of blocks that are added and removed together: several, if a device block is larger than a block.
    together: u64,
    requested: u64,
    plugged: u64,
}

impl State {
    const fn of(virtio: &VirtioMem) -> Self {
        Self {
            region: virtio.region,
            unit: virtio.unit,
            together: virtio.plugged.together(),
            requested: virtio.requested,
            plugged: virtio.plugged.bytes(),
        }
    }
}
