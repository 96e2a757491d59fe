//! What is different once memory is gone.

use memblock::PhysRange;

use crate::boot::zones::ZoneKind;
use crate::hotplug::removal::{Breaks, By, Effect, Removal, Subject};
use crate::life::{DeviceKind, Event, ImageFor, Life, Selected, Target, What};
use crate::machine::Machine;

/// What is different once the memory is gone: it goes on a copy of the machine, as if nothing refused.
pub(super) fn effects(machine: &Machine, life: &Life, removal: &Removal) -> Vec<Effect> {
    let (after, changes) = gone(life, removal);
    let ranges: Vec<PhysRange> =
        removal.owners.iter().flat_map(|owner| owner.ranges.iter().copied()).collect();
    let mut found = vec![kexec(machine, life, &after, &ranges), kdump(machine, life, &after)];
    found.extend(changes);
    found
}

/// The machine without the memory, and what changed in its map, zones and nodes.
fn gone(life: &Life, removal: &Removal) -> (Life, Vec<Effect>) {
    let mut after = life.clone();
    let mut found = Vec::new();
    let is_fine = |subject, text| Effect { subject, breaks: Breaks::No, text };
    let mut apply = |event: &Event| {
        let Ok(change) = after.apply(event) else { return };
        for item in change.items.into_iter().filter(|item| item.after.is_none()) {
            match (item.what, item.before, item.range) {
                (What::FirmwareMap, Some(_), Some(range)) => found.push(is_fine(
                    Subject::Map,
                    format!(
                        "/sys/firmware/memmap no longer lists {range}, and kexec_load no longer tells the next kernel of it"
                    ),
                )),
                (What::Node, Some(node), _) => {
                    found.push(is_fine(Subject::Node, format!("{node} goes: {}", item.reason)));
                }
                _ => {}
            }
        }
    };
    for block in &removal.blocks {
        apply(&Event::Offline(Selected::Blocks { first: block.first, last: block.last }));
    }
    for owner in removal.owners.iter().filter(|owner| owner.is_whole) {
        let Some(name) = &owner.name else { continue };
        let target = Target::Name(name.clone());
        apply(&match owner.by {
            By::VirtioMem => Event::Resize(target, 0),
            _ => Event::Remove(target),
        });
    }
    let span = |life: &Life, of: (u32, ZoneKind)| {
        life.zones().iter().find(|(node, kind, _)| (*node, *kind) == of).and_then(|(.., zone)| zone.span())
    };
    for (node, kind, zone) in life.zones().iter() {
        match (zone.span(), span(&after, (node, kind))) {
            (before, now) if before == now => {}
            (Some(before), Some(now)) => {
                found.push(is_fine(
                    Subject::Zone,
                    format!("node {node} {kind} shrinks from {before} to {now}"),
                ));
            }
            _ => found.push(is_fine(Subject::Zone, format!("node {node} {kind} is empty then"))),
        }
    }
    (after, found)
}

fn kexec(machine: &Machine, life: &Life, after: &Life, ranges: &[PhysRange]) -> Effect {
    let effect = |breaks, text: String| Effect { subject: Subject::Kexec, breaks, text };
    let Some(image) = life.images().get(ImageFor::Kexec) else {
        return match machine.evidence.kexec.loaded.read() {
            Some(_) => effect(Breaks::No, "no image is loaded for the next kernel".to_owned()),
            None => effect(
                Breaks::CannotTell,
                "cannot be told: /sys/kernel/kexec_loaded was not read, so an image may be loaded there"
                    .to_owned(),
            ),
        };
    };
    let inside = image.at.iter().find(|segment| ranges.iter().any(|range| range.overlaps(**segment)));
    if let Some(segment) = inside {
        return effect(
            Breaks::Yes,
            format!(
                "a segment of the loaded image lies there, {segment}: kexec would jump into memory that is gone"
            ),
        );
    }
    if image.at.is_empty() {
        return effect(
            Breaks::CannotTell,
            "an image is loaded, and nothing shows whether it lies there: only the log of a load with KEXEC_FILE_DEBUG \
             lists its segments"
                .to_owned(),
        );
    }
    match after.images().stale_kexec() {
        Some(why) => effect(Breaks::Yes, why),
        None => effect(
            Breaks::No,
            "the loaded image lies elsewhere, and its map does not list the memory".to_owned(),
        ),
    }
}

fn kdump(machine: &Machine, life: &Life, after: &Life) -> Effect {
    let effect = |breaks, text: String| Effect { subject: Subject::Kdump, breaks, text };
    let Some(image) = life.images().get(ImageFor::Kdump) else {
        return match machine.evidence.kexec.crash_loaded.read() {
            Some(_) => effect(Breaks::No, "no crash kernel is loaded".to_owned()),
            None => effect(
                Breaks::CannotTell,
                "cannot be told: /sys/kernel/kexec_crash_loaded was not read, so a crash kernel may be loaded".to_owned(),
            ),
        };
    };
    match after.images().stale_kdump() {
        Some(why) => effect(Breaks::Yes, why),
        None if image.follows => effect(Breaks::No, "the kernel keeps the dump's header current".to_owned()),
        None => effect(Breaks::No, "the dump's header does not list the memory".to_owned()),
    }
}

/// Whether a virtio-mem device still has memory plugged.
pub(super) fn plugged(life: &Life, name: &str) -> bool {
    life.devices().iter().any(|device| {
        device.name == name
            && matches!(&device.kind, DeviceKind::VirtioMem(virtio) if virtio.plugged_bytes() > 0)
    })
}
