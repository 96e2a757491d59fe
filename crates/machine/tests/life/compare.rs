//! Whether the library and the model show the same machine.

use std::collections::BTreeMap;

use evidence::settings::AutoOnline;
use machine::command_line::hotplug::OnlinePolicy;
use machine::life::{BlockView, DeviceKind, Life};

use memblock::RegionFlags;

use crate::model::{Kind, MOVABLE, Model, Region, Span, State};

fn same<T: PartialEq + std::fmt::Debug>(what: &str, life: T, model: T) -> Result<(), String> {
    if life == model { Ok(()) } else { Err(format!("{what}:\n library {life:?}\n model   {model:?}")) }
}

/// The first difference, in words.
pub(crate) fn compare(life: &Life, model: &Model) -> Result<(), String> {
    if let Some(disagreement) = life.disagreement() {
        return Err(format!("the library disagrees with itself: {disagreement}"));
    }
    let (ours, theirs) = (life.iomem(), model.iomem());
    if ours != theirs {
        return Err(format!("/proc/iomem:\n library\n{ours} model\n{theirs}"));
    }
    let view = |(&index, block): (&u64, &crate::model::Block)| BlockView {
        index,
        is_online: block.state != State::Offline,
        node: block.node,
        valid_zones: model.valid_zones(index),
    };
    let mut blocks = life.blocks();
    for expected in model.blocks.iter().map(view) {
        same("a block", blocks.next(), Some(expected))?;
    }
    same("a block", blocks.next(), None)?;
    let pinned: Vec<u64> =
        life.block_table().iter().filter(|(_, block)| block.is_pinned).map(|(number, _)| number).collect();
    let expected: Vec<u64> =
        model.blocks.iter().filter(|(_, block)| block.pinned).map(|(number, _)| *number).collect();
    same("pinned blocks", pinned, expected)?;

    let zones: Vec<(u32, &str, Option<Span>, u64)> = life
        .zones()
        .iter()
        .map(|(node, kind, zone)| {
            (node, kind.as_str(), zone.span().map(|span| (span.start(), span.end())), zone.present())
        })
        .collect();
    let mut expected: Vec<(u32, &str, Option<Span>, u64)> = model
        .spans
        .iter()
        .map(|(&(node, zone), span)| (node, zone, Some(*span), model.present(node, zone)))
        .collect();
    let order = |zone: &str| ["DMA", "DMA32", "Normal", MOVABLE].iter().position(|name| *name == zone);
    expected.sort_by_key(|zone| (zone.0, order(zone.1)));
    same("zones", zones, expected)?;

    let entries = life.firmware_map().map(|map| {
        let entry = |(index, entry): (&u32, &machine::life::FirmwareEntry)| {
            (*index, ((entry.start, entry.last + 1), entry.kind.clone()))
        };
        map.entries.iter().map(entry).collect::<BTreeMap<_, _>>()
    });
    same("/sys/firmware/memmap", entries, model.firmware.clone())?;
    same("memblock", memblock(life), model.regions())?;
    policy(life, model)?;
    devices(life, model)?;
    same("a stale kexec", life.images().stale_kexec().is_some(), model.is_kexec_stale())?;
    same("a stale kdump", life.images().stale_kdump().is_some(), model.is_kdump_stale())
}

fn memblock(life: &Life) -> Option<Vec<Region>> {
    let region = |region: memblock::Region| {
        let flag = match region.flags {
            RegionFlags::NOMAP => "NOMAP",
            RegionFlags::DRIVER_MANAGED => "DRV_MNG",
            flags if flags.is_empty() => "NONE",
            _ => "another flag",
        };
        (
            (region.range.start(), region.range.end()),
            region.node.map_or(u32::MAX, memblock::NodeId::get),
            flag,
        )
    };
    life.memblock().map(|regions| regions.iter().map(region).collect())
}

fn policy(life: &Life, model: &Model) -> Result<(), String> {
    let (ours, theirs) = (life.policy(), &model.policy);
    let state = match ours.state {
        AutoOnline::Offline => "offline",
        AutoOnline::Online => "online",
        AutoOnline::OnlineKernel => "online_kernel",
        AutoOnline::OnlineMovable => "online_movable",
    };
    let found =
        (state, ours.online == OnlinePolicy::AutoMovable, ours.ratio, ours.numa_aware, ours.movable_node);
    let expected = (theirs.state, theirs.auto_movable, theirs.ratio, theirs.numa_aware, theirs.movable_node);
    same("settings", found, expected)
}

fn devices(life: &Life, model: &Model) -> Result<(), String> {
    let names: Vec<&str> = life.devices().iter().map(|device| device.name.as_str()).collect();
    let expected: Vec<&str> = model.devices.iter().map(|device| device.name.as_str()).collect();
    same("devices", names, expected)?;
    for (ours, theirs) in life.devices().iter().zip(&model.devices) {
        let name = &theirs.name;
        let ranges: Vec<Span> = ours.ranges.iter().map(|range| (range.start(), range.end())).collect();
        same(&format!("{name}'s ranges"), &ranges, &theirs.ranges)?;
        if let Some(group) = ours.group {
            let expected = model.online_of(name);
            same(&format!("{name}'s group"), (group.movable, group.kernel), expected)?;
        }
        match (&ours.kind, &theirs.kind) {
            (DeviceKind::VirtioMem(ours), Kind::Virtio { region, unit, requested, plugged }) => {
                let place = (ours.region.start(), ours.region.end());
                same(name, (place, ours.unit, ours.requested), (*region, *unit, *requested))?;
                let blocks: BTreeMap<u64, u64> = ours.plugged.blocks().collect();
                same(&format!("what {name} has plugged"), &blocks, plugged)?;
                let sum = plugged.values().sum::<u64>();
                same(&format!("the sum of {name}"), ours.plugged.bytes(), sum)?;
            }
            (DeviceKind::Dimm, Kind::Dimm)
            | (DeviceKind::Kmem, Kind::Kmem)
            | (DeviceKind::Balloon, Kind::Balloon) => {}
            (ours, theirs) => return Err(format!("{name}: {ours:?} is no {theirs:?}")),
        }
    }
    Ok(())
}
