//! What to do to remove memory, in order.

use crate::hotplug::effects::plugged;
use crate::hotplug::offline::Answer;
use crate::hotplug::removal::{Breaks, By, Owner, Removal, Subject, Todo};
use crate::life::{ImageFor, Life};
use crate::machine::Machine;

/// What to do, in order. Where something refuses for ever, only what is left to do.
pub(super) fn todo(machine: &Machine, life: &Life, removal: &Removal) -> Vec<Todo> {
    let mut list = Vec::new();
    let mut step = |text: &str, commands: &[String]| {
        list.push(Todo { text: text.to_owned(), commands: commands.to_vec() });
    };
    let kexec = removal.effects.iter().find(|effect| effect.subject == Subject::Kexec);
    let is_loaded = |image| life.images().get(image).is_some();
    if is_loaded(ImageFor::Kexec) && kexec.is_some_and(|effect| effect.breaks != Breaks::No) {
        step(
            "unload the image of the next kernel, so that nobody runs it in between",
            &["kexec -u".to_owned()],
        );
    }
    // The highest first: zones shrink from their ends, and what is left stays contiguous.
    let by_driver = removal.owners.iter().all(|owner| matches!(owner.by, By::VirtioMem));
    let mut online = removal
        .blocks
        .iter()
        .filter(|block| matches!(block.answer, Answer::Can | Answer::RunTime))
        .peekable();
    if !by_driver && online.peek().is_some() {
        let words: Vec<String> = online
            .map(|block| {
                if block.first == block.last {
                    format!("memory{}", block.first)
                } else {
                    format!("memory{}-memory{}", block.first, block.last)
                }
            })
            .collect();
        step(
            "take the blocks offline, the highest first, so that what is left of their zones stays in one piece",
            &[format!("physmem offline {}", words.join(" "))],
        );
    }
    let stays = |owner: &Owner| {
        let mut blocks = removal.blocks.iter().filter(|block| block.answer == Answer::Cannot);
        owner.by != By::VirtioMem
            && blocks.any(|block| owner.ranges.iter().any(|range| range.overlaps(block.range)))
    };
    let mut going: Vec<&Owner> = Vec::new();
    for owner in removal.owners.iter().filter(|owner| !stays(owner)) {
        if device(life, owner, &mut step) {
            going.push(owner);
        }
    }
    if going.is_empty() {
        return list;
    }
    let ranges = going.iter().flat_map(|owner| &owner.ranges);
    let starts: Vec<String> = ranges.map(|range| format!("{:08x}", range.start())).collect();
    step(
        "wait until /proc/iomem no longer lists the memory: this is the moment, and not the offline event, at which the \
         resource is still there",
        &[format!("grep -E '^ *({})-.*System RAM' /proc/iomem   # prints nothing then", starts.join("|"))],
    );
    let crash = is_loaded(ImageFor::Kdump) || machine.evidence.kexec.crash_loaded.read().is_none();
    if crash {
        let all = ["kdump-config reload", "kdumpctl reload", "systemctl restart kdump"].map(str::to_owned);
        step("now load the crash kernel again, so that its dump's header lists what is left", &all);
    }
    if is_loaded(ImageFor::Kexec) {
        step("now load the next kernel again, if one is to be run", &["kexec -l ...".to_owned()]);
    }
    list
}

/// What takes an owner's memory away; whether anything does.
fn device(life: &Life, owner: &Owner, step: &mut impl FnMut(&str, &[String])) -> bool {
    let name = owner.name.as_deref().unwrap_or("MEMORY");
    match &owner.by {
        By::Acpi(_) | By::Kmem if !owner.is_whole => return false,
        By::Acpi(acpi) => {
            let path = acpi.clone().unwrap_or_else(|| "PNP0C80:xx".to_owned());
            let text = format!(
                "eject {name}: the kernel takes what is still online offline first, and rolls back if a block refuses"
            );
            let commands = [
                format!("echo 1 > /sys/bus/acpi/devices/{path}/eject"),
                "device_del ID   # in QEMU's monitor, on the host".to_owned(),
            ];
            step(&text, &commands);
        }
        By::Kmem => step(
            "let the kmem driver go of the device, once all of its blocks are offline; if one is online, the memory stays \
             until the next boot",
            &[
                format!("daxctl offline-memory {name} && daxctl reconfigure-device --mode=devdax {name}"),
                format!("echo {name} > /sys/bus/dax/drivers/kmem/unbind"),
            ],
        ),
        By::VirtioMem if owner.is_whole && plugged(life, name) => step(
            "ask the host for less: the driver takes its blocks offline and removes them itself",
            &["qom-set ID requested-size 0   # in QEMU's monitor, on the host".to_owned()],
        ),
        By::VirtioMem | By::Balloon | By::Other(_) | By::Boot => return false,
    }
    true
}
