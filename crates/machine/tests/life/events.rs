//! Random events, as words: most of them could happen, and some are refused.

use machine::life::Event;

use crate::machines::{GIB, MIB};
use crate::model::{Kind, Model, State};
use crate::random::Random;

fn size(random: &mut Random, bytes: u64) -> String {
    match random.below(3) {
        0 => format!("{bytes:#x}"),
        1 if bytes.is_multiple_of(MIB) => format!("{}M", bytes / MIB),
        _ => bytes.to_string(),
    }
}

/// An event that may happen to the machine as it is.
pub(crate) fn event(random: &mut Random, model: &Model) -> String {
    match random.below(40) {
        0..6 => dimm(random, model),
        6..9 => virtio(random, model),
        9..13 => resize(random, model),
        13..16 => {
            // Ranges of one device do not overlap.
            let mut words = kmem(random, model);
            while words.parse::<Event>().is_err() {
                words = kmem(random, model);
            }
            words
        }
        16 | 17 => balloon(random, model),
        18..25 => {
            format!("online {}{}", blocks(random, model, false), random.of(&["", "", " kernel", " movable"]))
        }
        25..30 => format!("offline {}", blocks(random, model, true)),
        30..34 => format!("remove {}", device(random, model)),
        34 => policy(random),
        35 => format!("pin {}", any_blocks(random, model)),
        36 => format!("unpin {}", any_blocks(random, model)),
        37 | 38 => load(random, model),
        _ => format!("unload {}", random.of(&["kexec", "kdump"])),
    }
}

/// Mostly where nothing is and whole blocks fit; sometimes anywhere.
fn place(random: &mut Random, model: &Model, bytes: u64) -> u64 {
    let block = model.size;
    match random.below(12) {
        0 => random.below(1 << 36) / MIB * MIB,
        1 => random.below(64) * block,
        2 => model.kernel.limit - random.below(3) * block,
        3 => {
            let at = random.of(&model.resources).span;
            *random.of(&[at.0 / block * block, at.1.div_ceil(block) * block])
        }
        4 => model.kernel.limit / 2 + random.below(8) * block,
        _ => {
            let mut at = (4 * GIB).next_multiple_of(block) + random.below(80) * block;
            for _ in 0..64 {
                if !model.resources.iter().any(|found| crate::model::overlap(found.span, (at, at + bytes))) {
                    break;
                }
                at += block;
            }
            at
        }
    }
}

fn node(random: &mut Random) -> String {
    match random.below(8) {
        0 => String::new(),
        1 => " node 6".to_owned(),
        _ => format!(" node {}", random.below(4)),
    }
}

fn name(random: &mut Random, kind: &str) -> String {
    match random.below(4) {
        0 => format!(" as {kind}{}", random.below(8)),
        1 => format!(" as '{kind} = {}'", random.below(4)),
        _ => String::new(),
    }
}

fn bytes(random: &mut Random, model: &Model) -> u64 {
    match random.below(16) {
        0 => 0,
        1 => model.size / 2,
        2 => model.size + random.below(16) * MIB,
        _ => random.within(1, 5) * model.size,
    }
}

fn dimm(random: &mut Random, model: &Model) -> String {
    let bytes = bytes(random, model);
    let at =
        if random.once_in(4) { String::new() } else { format!(" at {:#x}", place(random, model, bytes)) };
    format!("add dimm {}{at}{}{}", size(random, bytes), node(random), name(random, "dimm"))
}

fn virtio(random: &mut Random, model: &Model) -> String {
    let unit = MIB << random.below(13);
    let room = random.within(1, 12) * model.size.max(unit);
    let bytes = if random.once_in(16) { random.below(room) } else { random.below(room / unit + 1) * unit };
    let odd = if random.once_in(3) { random.below(64) * 2 * MIB } else { 0 };
    let at = place(random, model, room + odd) + odd;
    let up_to = if random.once_in(4) { String::new() } else { format!(" up to {}", size(random, room)) };
    let unit = if random.once_in(3) { String::new() } else { format!(" in {}", size(random, unit)) };
    let (bytes, node, name) = (size(random, bytes), node(random), name(random, "virtio"));
    format!("add virtio-mem {bytes} at {at:#x}{node}{up_to}{unit}{name}")
}

fn kmem(random: &mut Random, model: &Model) -> String {
    let name = match random.below(4) {
        0 => String::new(),
        1 => "dax0.0 ".to_owned(),
        _ => format!("dax{}.{} ", random.below(3), random.below(3)),
    };
    let mut text = format!("add kmem {name}");
    let driver = ["Persistent Memory", "Soft Reserved", "dax0.0"];
    let over: Vec<_> = model.resources.iter().filter(|found| driver.contains(&found.name.as_str())).collect();
    let over = (!over.is_empty()).then(|| *random.of(&over));
    for index in 0..random.within(1, 3) {
        let odd = if random.once_in(3) { random.below(64) * 2 * MIB } else { 0 };
        let bytes = bytes(random, model).max(MIB) + odd;
        let (at, bytes) = match over.filter(|_| index == 0 && random.once_in(2)) {
            Some(over) if random.once_in(2) => (over.span.0, over.span.1 - over.span.0),
            Some(over) => (over.span.0.next_multiple_of(model.size), model.size),
            None => (place(random, model, bytes) + odd, bytes),
        };
        text += if index == 0 { "" } else { " and " };
        text += &format!("{} at {at:#x}", size(random, bytes));
    }
    text += &node(random);
    if random.once_in(4) {
        text += " over 'Persistent Memory'";
    }
    if random.once_in(4) {
        text += &format!(" online {}", random.of(&["offline", "online", "online_kernel", "online_movable"]));
    }
    text
}

fn balloon(random: &mut Random, model: &Model) -> String {
    let bytes = bytes(random, model).max(MIB);
    let at = place(random, model, bytes);
    let driver = random.of(&["hv-balloon", "xen"]);
    format!("add {driver} {} at {at:#x}{}{}", size(random, bytes), node(random), name(random, "balloon"))
}

fn device(random: &mut Random, model: &Model) -> String {
    if model.devices.is_empty() || random.once_in(12) {
        return (*random.of(&["dimm0", "0x0", "0x100000000", "dax0.0"])).to_owned();
    }
    let device = random.of(&model.devices);
    if random.once_in(2) {
        return format!("'{}'", device.name);
    }
    let place = *random.of(&device.places());
    format!("{:#x}", place.0 + random.below(place.1 - place.0))
}

fn resize(random: &mut Random, model: &Model) -> String {
    let virtio: Vec<_> =
        model.devices.iter().filter(|device| matches!(device.kind, Kind::Virtio { .. })).collect();
    if virtio.is_empty() || random.once_in(16) {
        return format!("resize {} to {}", device(random, model), size(random, model.size));
    }
    let device = random.of(&virtio);
    let Kind::Virtio { region, unit, .. } = &device.kind else { return String::new() };
    let most = (region.1 - region.0) / unit;
    let bytes = match random.below(6) {
        0 => 0,
        1 => most * unit,
        2 => random.below(most * unit + 1),
        _ => random.below(most + 1) * unit,
    };
    format!("resize '{}' to {}", device.name, size(random, bytes))
}

fn any_blocks(random: &mut Random, model: &Model) -> String {
    let numbers: Vec<u64> = model.blocks.keys().copied().collect();
    let first = *random.of(&numbers);
    match random.below(6) {
        0 => format!("memory{first}-memory{}", first + random.below(6)),
        1 => format!("node{}", random.below(5)),
        2 => format!("memory{}", random.below(200)),
        _ => format!("memory{first}"),
    }
}

/// Blocks that are online, or offline, with a few others between them.
fn blocks(random: &mut Random, model: &Model, online: bool) -> String {
    let is = |state: State| (state != State::Offline) == online;
    let wanted =
        model.blocks.iter().filter(|(_, block)| is(block.state) && (block.owner.is_some() || !online));
    let numbers: Vec<u64> = wanted.map(|(number, _)| *number).collect();
    if numbers.is_empty() || random.once_in(5) {
        return any_blocks(random, model);
    }
    let first = *random.of(&numbers);
    let last = if random.once_in(3) { first + random.below(4) } else { first };
    format!("memory{first}-memory{last}")
}

fn policy(random: &mut Random) -> String {
    let mut text = "policy".to_owned();
    let states = ["offline", "online", "online", "online_kernel", "online_movable"];
    let state = *random.of(&states);
    let ratio = *random.of(&[0, 10, 100, 301, 301, 5000]);
    for (index, word) in [
        format!(" state={state}"),
        format!(" online_policy={}", random.of(&["contig-zones", "auto-movable"])),
        format!(" ratio={ratio}"),
        format!(" numa_aware={}", random.of(&["Y", "N"])),
    ]
    .iter()
    .enumerate()
    {
        if random.once_in(2) || index == 3 && text == "policy" {
            text += word;
        }
    }
    text
}

fn load(random: &mut Random, model: &Model) -> String {
    let mut text = format!("load {} by {}", random.of(&["kexec", "kdump"]), random.of(&["file", "load"]));
    if random.once_in(2) {
        let numbers: Vec<u64> = model.blocks.keys().copied().collect();
        text += " at";
        for _ in 0..random.within(1, 2) {
            let start = random.of(&numbers) * model.size;
            text += &format!(" {start:#x}-{:#x}", start + 0xff_ffff);
        }
    }
    text
}
