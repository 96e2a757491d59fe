//! The facts of a machine's state that a capture and a simulation both show.

use std::collections::BTreeMap;

use evidence::resources::{ResourceFlags, ResourceTree};
use evidence::snapshot::BlockState;
use evidence::{Evidence, Snapshot};
use machine::life::{Life, Regions};
use memblock::{NodeId, RegionFlags};

/// The kinds of facts, in the order of the table.
pub(crate) const KINDS: [&str; 5] = ["iomem", "blocks", "firmware", "memblock", "zones"];

/// Facts by kind and name, e.g. `blocks` and `memory40 zones`.
pub(crate) type Facts = BTreeMap<(&'static str, String), String>;

/// What a capture shows.
pub(crate) fn of_capture(snapshot: &Snapshot) -> Facts {
    let evidence = Evidence::from(snapshot);
    let mut facts = Facts::new();
    add_iomem(&mut facts, snapshot.iomem.read().unwrap());
    for block in evidence.blocks.read().into_iter().flat_map(|blocks| &blocks.blocks) {
        let state = match block.state {
            BlockState::Online => "online",
            BlockState::Offline => "offline",
            BlockState::GoingOffline => "going-offline",
            BlockState::Unknown => "unknown",
        };
        add_block(&mut facts, block.number, state, block.nodes.first().copied(), &block.valid_zones);
    }
    for entry in evidence.firmware_memmap.read().into_iter().flatten() {
        add_firmware(&mut facts, entry.start, entry.last, &entry.kind);
    }
    let table = evidence.memblock_memory.read();
    for region in table.into_iter().flat_map(|table| table.whole().unwrap()) {
        let node = region.node.map(NodeId::get);
        add_region(&mut facts, region.range.start(), region.range.last(), node, region.flags);
    }
    // Of a zone without pages, such as that of a device's own pages, the start is not shown.
    for zone in evidence.zones.read().into_iter().flatten().filter(|zone| zone.present > 0) {
        add_zone(&mut facts, zone.node, &zone.name, zone.start_pfn, zone.spanned, zone.present);
    }
    facts
}

/// Lines of System RAM with what they lie in, in order.
fn add_iomem(facts: &mut Facts, text: &str) {
    let tree = ResourceTree::parse(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), tree.resources().len());
    let mut kept = vec![false; lines.len()];
    for (index, resource) in tree.resources().iter().enumerate() {
        if resource.flags.contains(ResourceFlags::SYSTEM_RAM) {
            let mut at = Some(index);
            while let Some(index) = at {
                kept[index] = true;
                at = tree.resources()[index].parent;
            }
        }
    }
    let kept = lines.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(line, _)| *line);
    let mut whole = String::new();
    for line in kept {
        whole.push_str(line);
        whole.push('\n');
        facts.insert(("iomem", line.to_owned()), "there".to_owned());
    }
    facts.insert(("iomem", "the whole, byte for byte".to_owned()), whole);
}

fn add_block(facts: &mut Facts, number: u64, state: &str, node: Option<u32>, zones: &[impl AsRef<str>]) {
    let zones: Vec<&str> = zones.iter().map(AsRef::as_ref).collect();
    let node = node.map_or_else(|| "not shown".to_owned(), |node| node.to_string());
    facts.insert(("blocks", format!("memory{number} state")), state.to_owned());
    facts.insert(("blocks", format!("memory{number} node")), node);
    facts.insert(("blocks", format!("memory{number} valid_zones")), zones.join(" "));
}

/// An entry's number is the order in which entries came: a machine that adds memory again counts on.
fn add_firmware(facts: &mut Facts, start: u64, last: u64, kind: &str) {
    facts.insert(("firmware", format!("{start:#x}-{last:#x}")), kind.to_owned());
}

fn add_region(facts: &mut Facts, start: u64, last: u64, node: Option<u32>, flags: RegionFlags) {
    let node = node.map_or_else(|| "no node".to_owned(), |node| format!("node {node}"));
    // The file shows only the lowest flag.
    let lowest = flags.bits() & flags.bits().wrapping_neg();
    facts.insert(("memblock", format!("{start:#x}-{last:#x}")), format!("{node} flag {lowest:#x}"));
}

fn add_zone(facts: &mut Facts, node: u32, name: &str, start: u64, spanned: u64, present: u64) {
    let name = format!("node {node} {name}");
    facts.insert(("zones", format!("{name} start")), format!("{start:#x}"));
    facts.insert(("zones", format!("{name} end")), format!("{:#x}", start + spanned));
    facts.insert(("zones", format!("{name} present")), present.to_string());
}

/// What a simulation shows.
pub(crate) fn of_life(life: &Life, page: u64) -> Facts {
    let mut facts = Facts::new();
    add_iomem(&mut facts, &life.iomem());
    for block in life.blocks() {
        let state = if block.is_online { "online" } else { "offline" };
        add_block(&mut facts, block.index, state, Some(block.node), &block.valid_zones);
    }
    for entry in life.firmware_map().into_iter().flat_map(|map| map.entries.values()) {
        add_firmware(&mut facts, entry.start, entry.last, &entry.kind);
    }
    for region in life.memblock().into_iter().flat_map(Regions::iter) {
        let node = region.node.map(NodeId::get);
        add_region(&mut facts, region.range.start(), region.range.last(), node, region.flags);
    }
    for (node, kind, zone) in life.zones().iter() {
        let span = zone.span().unwrap();
        add_zone(
            &mut facts,
            node,
            kind.as_str(),
            span.start() / page,
            span.size() / page,
            zone.present() / page,
        );
    }
    facts
}
