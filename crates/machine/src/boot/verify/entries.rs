//! Boot facts as entries that can be compared and printed.

use std::collections::{BTreeMap, BTreeSet};

use memblock::{NodeId, PhysRange, Region};

use crate::boot::crashkernel::Crashkernel;
use crate::boot::kho::ScratchAreas;
use crate::boot::zones::{ZoneKind, ZoneSpan};

/// The entries of one fact, ordered by key. Two facts are equal if their entries are: each text fully describes its
/// entry.
pub(crate) type Entries = BTreeMap<Key, Entry>;

/// What identifies an entry on both sides: its addresses, or node and zone.
type Key = (u64, u64);

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it describes.
    pub(crate) what: String,
    /// Its addresses, if any.
    pub(crate) range: Option<PhysRange>,
    /// Its value.
    pub(crate) text: String,
}

/// An entry that differs between the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unlike {
    pub(crate) what: String,
    pub(crate) range: Option<PhysRange>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// The entries that differ or exist on only one side.
pub(crate) fn differences(before: &Entries, after: &Entries) -> Vec<Unlike> {
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    let unlike = keys.into_iter().filter_map(|key| {
        let (old, new) = (before.get(key), after.get(key));
        let any = new.or(old).filter(|_| old.map(|entry| &entry.text) != new.map(|entry| &entry.text))?;
        Some(Unlike {
            what: any.what.clone(),
            range: any.range,
            before: old.map(|entry| entry.text.clone()),
            after: new.map(|entry| entry.text.clone()),
        })
    });
    unlike.collect()
}

/// Entries with addresses.
fn at(all: impl Iterator<Item = (PhysRange, String)>) -> Entries {
    all.map(|(range, text)| {
        ((range.start(), range.end()), Entry { what: range.to_string(), range: Some(range), text })
    })
    .collect()
}

/// Entries without addresses of their own.
fn named(all: impl Iterator<Item = (Key, String, String)>) -> Entries {
    all.map(|(key, what, text)| (key, Entry { what, range: None, text })).collect()
}

/// A region's node and flags.
pub(crate) fn describe(region: &Region) -> String {
    let flags: Vec<&str> = region.flags.iter_names().map(|(name, _)| name).collect();
    let flags = if flags.is_empty() { "NONE".to_owned() } else { flags.join("|") };
    match region.node.map(NodeId::get) {
        Some(node) => format!("node {node}, {flags}"),
        None => format!("no node, {flags}"),
    }
}

pub(crate) fn panic(why: Option<&str>) -> Entries {
    named(why.into_iter().map(|why| ((0, 0), "the boot".to_owned(), format!("ends in a panic: {why}"))))
}

pub(crate) fn regions(regions: &[Region]) -> Entries {
    at(regions.iter().map(|region| (region.range, describe(region))))
}

pub(crate) fn early_node_ranges(ranges: &[(u32, PhysRange)]) -> Entries {
    at(ranges.iter().map(|(node, range)| (*range, format!("node {node}"))))
}

pub(crate) fn zone_limits(limits: &[(ZoneKind, PhysRange)]) -> Entries {
    let limits = limits.iter().map(|(kind, range)| ((*kind as u64, 0), kind.to_string(), range.to_string()));
    named(limits)
}

pub(crate) fn movable_start(starts: &BTreeMap<u32, u64>) -> Entries {
    let starts = starts
        .iter()
        .map(|(node, start)| ((u64::from(*node), 0), format!("node {node}"), format!("{start:#x}")));
    named(starts)
}

pub(crate) fn crashkernel(crashkernel: &Crashkernel) -> Entries {
    let areas = [(0, "low", crashkernel.low), (1, "high", crashkernel.high)];
    let areas = areas.into_iter().filter_map(|(key, name, area)| {
        let area = area?;
        Some(((key, 0), name.to_owned(), format!("{} ({})", area.range, area.resource())))
    });
    let cma = crashkernel.cma.iter().enumerate().map(|(number, area)| {
        let key = u64::try_from(number).unwrap_or(u64::MAX);
        ((2, key), "contiguous area (,cma)".to_owned(), area.to_string())
    });
    let error = crashkernel.error.iter().map(|error| ((3, 0), "error".to_owned(), error.clone()));
    named(areas.chain(cma).chain(error))
}

pub(crate) fn scratch(areas: &[PhysRange]) -> Entries {
    at(areas.iter().map(|area| (*area, "a scratch area".to_owned())))
}

/// The predicted areas, or why there are none.
pub(crate) fn scratch_of(scratch: Option<&ScratchAreas>) -> Entries {
    let Some(scratch) = scratch else { return Entries::new() };
    let areas = scratch.areas.iter().map(|area| (area.range, format!("a scratch area ({})", area.kind)));
    let error = scratch.error.iter().map(|error| ((0, 0), "error".to_owned(), error.clone()));
    at(areas).into_iter().chain(named(error)).collect()
}

pub(crate) fn zones(zones: &[ZoneSpan]) -> Entries {
    let zones = zones.iter().map(|zone| {
        let key = (u64::from(zone.node), zone.zone as u64);
        let text = format!("{}, {} pages", zone.span, zone.present_pages);
        let what = format!("node {}, zone {}", zone.node, zone.zone);
        (key, Entry { what, range: Some(zone.span), text })
    });
    zones.collect()
}

pub(crate) fn fallback_order(orders: &[(u32, Vec<u32>)]) -> Entries {
    let orders = orders.iter().map(|(node, order)| {
        let order: Vec<String> = order.iter().map(u32::to_string).collect();
        ((u64::from(*node), 0), format!("node {node}"), order.join(" "))
    });
    named(orders)
}
