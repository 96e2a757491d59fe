//! Plans a removal on a copy of a machine.

use memblock::PhysRange;

use crate::hotplug::effects::effects;
use crate::hotplug::offline::{Immovable, offline_answers};
use crate::hotplug::removal::{By, Objection, Owner, Removal, RemovalError, RemovalTarget};
use crate::hotplug::todo::todo;
use crate::life::{DeviceKind, Life};
use crate::machine::Machine;

impl Removal {
    /// Plans a removal on a copy of a machine. O(n log n) in the blocks that go.
    ///
    /// # Errors
    ///
    /// [`RemovalError`] if there is no such memory.
    pub fn of(machine: &Machine, life: &Life, target: &RemovalTarget) -> Result<Self, RemovalError> {
        let numbers = numbers(life, target)?;
        let owners = owners(machine, life, &numbers);
        let blocks = offline_answers(life, &Immovable::of(machine), numbers.iter().copied());
        let objections = owners.iter().filter_map(|owner| objection(life, owner)).collect();
        let size = life.block_table().size();
        let mut removal = Self {
            blocks,
            objections,
            effects: Vec::new(),
            todo: Vec::new(),
            bytes: u64::try_from(numbers.len()).unwrap_or(u64::MAX).saturating_mul(size),
            owners,
        };
        removal.effects = effects(machine, life, &removal);
        removal.todo = todo(machine, life, &removal);
        Ok(removal)
    }
}

/// The blocks that are meant, ascending.
fn numbers(life: &Life, target: &RemovalTarget) -> Result<Vec<u64>, RemovalError> {
    let table = life.block_table();
    let size = table.size().max(1);
    let of_ranges = |ranges: &[PhysRange]| -> Vec<u64> {
        let numbers = ranges.iter().flat_map(|range| range.start() / size..=range.last() / size);
        let mut numbers: Vec<u64> = numbers.filter(|number| table.get(*number).is_some()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    let blocks_known = || {
        let first = table.iter().next().map_or(0, |(number, _)| number);
        let last = table.iter().last().map_or(0, |(number, _)| number);
        format!("it has {} memory blocks of {size:#x} bytes, memory{first} to memory{last}", table.len())
    };
    let (found, name, known) = match target {
        RemovalTarget::Blocks(first, last) => {
            let name =
                if first == last { format!("memory{first}") } else { format!("memory{first}-memory{last}") };
            let found =
                table.iter().map(|(number, _)| number).filter(|number| (*first..=*last).contains(number));
            (found.collect(), name, blocks_known())
        }
        RemovalTarget::Node(node) => {
            let of_node = table.iter().filter(|(_, block)| block.node == *node);
            (of_node.map(|(number, _)| number).collect(), format!("node{node}"), blocks_known())
        }
        RemovalTarget::Range(range) => (of_ranges(&[*range]), range.to_string(), blocks_known()),
        RemovalTarget::Address(address) => {
            let holds = |memory: &Vec<PhysRange>| memory.iter().any(|range| range.contains(*address));
            let at = life.devices().iter().map(|device| life.memory_of(device)).find(holds);
            let byte = PhysRange::from_size(*address, 1);
            let ranges = at.or_else(|| Some(vec![byte.ok()?]));
            (of_ranges(&ranges.unwrap_or_default()), format!("{address:#x}"), blocks_known())
        }
        RemovalTarget::Name(name) => {
            let device = life.devices().iter().find(|device| device.name == *name);
            let names: Vec<&str> = life.devices().iter().map(|device| device.name.as_str()).collect();
            let known = match names.as_slice() {
                [] => "no device brought memory to it".to_owned(),
                names => format!("these brought memory to it: {}", names.join(", ")),
            };
            (device.map_or_else(Vec::new, |device| of_ranges(&life.memory_of(device))), name.clone(), known)
        }
    };
    if found.is_empty() { Err(RemovalError::NoTarget { target: name, known }) } else { Ok(found) }
}

/// Whose memory the blocks are.
fn owners(machine: &Machine, life: &Life, numbers: &[u64]) -> Vec<Owner> {
    let table = life.block_table();
    let size = table.size().max(1);
    let is_meant = |number: u64| numbers.binary_search(&number).is_ok();
    let mut owners: Vec<Owner> = Vec::new();
    for device in life.devices().iter() {
        let memory = life.memory_of(device);
        let blocks = || memory.iter().flat_map(|range| range.start() / size..=range.last() / size);
        if !blocks().any(is_meant) {
            continue;
        }
        let by = match &device.kind {
            DeviceKind::Dimm => By::Acpi(Some(device.name.clone()).filter(|name| name.starts_with("PNP"))),
            DeviceKind::Kmem => By::Kmem,
            DeviceKind::VirtioMem(_) => By::VirtioMem,
            DeviceKind::Balloon => By::Balloon,
            DeviceKind::OtherDriver(driver) => By::Other(driver.clone()),
        };
        owners.push(Owner {
            name: Some(device.name.clone()),
            by,
            is_whole: blocks().filter(|number| table.get(*number).is_some()).all(is_meant),
            ranges: memory,
        });
    }
    for &number in numbers {
        let Some((block, range)) = table.get(number).zip(table.range(number)) else { continue };
        if owners.iter().any(|owner| owner.name.is_some() && owner.ranges.iter().any(|of| of.overlaps(range)))
        {
            continue;
        }
        let announced = announced(machine, range).filter(|_| block.is_early);
        let by = announced.map_or(By::Boot, |device| By::Acpi(Some(device)));
        match owners.iter_mut().find(|owner| owner.name.is_none() && owner.by == by) {
            Some(owner) => match owner.ranges.last_mut().filter(|last| last.end() == range.start()) {
                Some(last) => *last = last.hull(range),
                None => owner.ranges.push(range),
            },
            None => owners.push(Owner { name: None, by, ranges: vec![range], is_whole: true }),
        }
    }
    owners
}

/// The firmware device that announces boot memory. Only the first block of a resource shows it.
fn announced(machine: &Machine, range: PhysRange) -> Option<String> {
    let resource = machine.range_at(range.start()).and_then(|memory| memory.resource.as_ref());
    let blocks = machine.evidence.blocks.read()?;
    let around = resource.map_or(range, |resource| resource.range.hull(range));
    blocks.overlapping(around).find_map(|block| block.firmware_node.clone())
}

/// What an owner's kind refuses.
fn objection(life: &Life, owner: &Owner) -> Option<Objection> {
    let name = owner.name.as_deref().unwrap_or("the memory");
    let refuse = |rule, reason, remedy: &str, source| {
        Some(Objection { rule, reason, remedy: remedy.to_owned(), source })
    };
    if life.lacks_hot_remove() {
        return refuse(
            "kernel-without-hotremove",
            "the kernel is built without CONFIG_MEMORY_HOTREMOVE".to_owned(),
            "build it in",
            "mm/Kconfig (6.12)",
        );
    }
    match &owner.by {
        By::Boot => refuse(
            "boot-memory-without-device",
            "no device of the firmware announces this boot memory: nobody can be asked to take it away"
                .to_owned(),
            "take its blocks offline; they stay in the machine, and the next boot uses them again",
            "drivers/acpi/acpi_memhotplug.c: only memory devices are ejected (6.12)",
        ),
        By::Balloon => refuse(
            "balloons-keep-blocks",
            format!(
                "{name} came by a balloon driver, which gives pages back and never removes memory blocks"
            ),
            "shrink the balloon: its pages go back, and the blocks stay",
            "drivers/hv/hv_balloon.c, drivers/xen/balloon.c (6.12)",
        ),
        By::Other(driver) => refuse(
            "driver-not-known",
            format!(
                "the driver {driver} decides whether its memory can be removed, and its rules are not known here"
            ),
            "ask the driver's documentation; its blocks can go offline",
            "mm/memory_hotplug.c:offline_and_remove_memory (6.12)",
        ),
        By::Acpi(_) | By::Kmem if !owner.is_whole => refuse(
            "part-of-a-device",
            format!(
                "only a part of {name} is meant, and the device goes as a whole: {}",
                listed(&owner.ranges)
            ),
            "name the device, or take only the blocks offline",
            "drivers/acpi/acpi_memhotplug.c:acpi_memory_remove_memory, drivers/dax/kmem.c:dev_dax_kmem_remove (6.12)",
        ),
        By::VirtioMem if !owner.is_whole => refuse(
            "virtio-mem-picks-blocks",
            format!(
                "only a part of {name} is meant: the driver picks the blocks itself when the host asks for less, and no \
                 command in the guest removes a given one"
            ),
            "ask the host for less (in QEMU's monitor: qom-set ID requested-size SIZE)",
            "drivers/virtio/virtio_mem.c:virtio_mem_sbm_unplug_request (6.12)",
        ),
        By::Acpi(_) | By::Kmem | By::VirtioMem => None,
    }
}

/// Ranges, as a list.
pub(crate) fn listed(ranges: &[PhysRange]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
