//! The JSON of a predicted boot. `schema/boot.schema.json` describes it; a change that could break a reader
//! raises [`SCHEMA`].

use std::collections::BTreeMap;

use machine::Unknown;
use machine::boot::input::Seed;
use machine::boot::verify::compare::{Compared, Comparison};
use machine::boot::{CrashArea, Prediction, ScratchAreas};
use machine::command_line::Remark;
use memblock::{NodeId, PhysRange, Region};
use serde::Serialize;

use crate::boot_input::Boot;
use crate::output::json::flag_names;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What is not predicted for a 32-bit kernel; of `memblock`, its reserved regions and later changes.
const NOT_OF_32_BITS: [&str; 6] =
    ["memblock", "zones", "zone_limits", "movable_start", "fallback_order", "crashkernel"];

/// What `boot -J` prints, and each side of `what-if -J`.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    origin: &'a str,
    architecture: String,
    release: String,
    rules: &'static str,
    command_line: &'a str,
    memblock: Memblock,
    zones: Vec<ZoneRecord>,
    zone_limits: BTreeMap<&'static str, [String; 2]>,
    movable_start: BTreeMap<u32, String>,
    early_node_ranges: Vec<NodeRange>,
    fallback_order: Vec<Fallback<'a>>,
    crashkernel: Crashkernel<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kho_scratch: Option<Scratch<'a>>,
    panic: Option<&'a str>,
    remarks: Vec<RemarkRecord<'a>>,
    assumed: &'a [Unknown],
    /// The members that say nothing about this kernel.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    not_predicted: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<Verified<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Vec<TraceRecord<'a>>>,
}

#[derive(Debug, Serialize)]
struct Memblock {
    memory: Vec<RegionRecord>,
    reserved: Vec<RegionRecord>,
}

#[derive(Debug, Serialize)]
struct RegionRecord {
    start: String,
    end: String,
    node: Option<u32>,
    flags: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct ZoneRecord {
    node: u32,
    zone: &'static str,
    start: String,
    end: String,
    present_pages: u64,
}

#[derive(Debug, Serialize)]
struct NodeRange {
    node: u32,
    start: String,
    end: String,
}

#[derive(Debug, Serialize)]
struct Fallback<'a> {
    node: u32,
    order: &'a [u32],
}

#[derive(Debug, Serialize)]
struct Crashkernel<'a> {
    low: Option<Area>,
    high: Option<Area>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cma: Vec<[String; 2]>,
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Scratch<'a> {
    areas: Vec<ScratchRecord>,
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ScratchRecord {
    kind: String,
    start: String,
    end: String,
    size: u64,
}

#[derive(Debug, Serialize)]
struct Area {
    start: String,
    end: String,
    size: u64,
    resource: &'static str,
}

#[derive(Debug, Serialize)]
struct RemarkRecord<'a> {
    parameter: &'a str,
    what: &'a str,
    source: &'static str,
    fatal: bool,
}

#[derive(Debug, Serialize)]
struct TraceRecord<'a> {
    step: &'static str,
    source: &'static str,
    what: &'a str,
    why: &'a str,
}

/// What `--verify` adds.
#[derive(Debug, Serialize)]
pub(crate) struct Verified<'a> {
    equal: bool,
    facts: Vec<FactRecord<'a>>,
    seeded: Vec<SeedRecord>,
}

#[derive(Debug, Serialize)]
struct FactRecord<'a> {
    fact: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<DifferenceRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct DifferenceRecord<'a> {
    what: &'a str,
    predicted: Option<&'a str>,
    seen: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct SeedRecord {
    what: String,
    why: String,
}

impl<'a> Document<'a> {
    /// The document without its trace.
    pub(crate) fn of(boot: &'a Boot, origin: &'a str) -> Self {
        let Boot { input, prediction, rules } = boot;
        let zones = prediction.zones.iter().map(|zone| ZoneRecord {
            node: zone.node,
            zone: zone.zone.as_str(),
            start: hex(zone.span.start()),
            end: hex(zone.span.end()),
            present_pages: zone.present_pages,
        });
        let limits = prediction.zone_limits.iter();
        let ranges = prediction.early_node_ranges.iter().map(|(node, range)| NodeRange {
            node: *node,
            start: hex(range.start()),
            end: hex(range.end()),
        });
        let fallback = prediction.fallback_order.iter().map(|(node, order)| Fallback { node: *node, order });
        let crashkernel = &prediction.crashkernel;
        Self {
            schema: SCHEMA,
            origin,
            architecture: input.platform.architecture().to_string(),
            release: input.release.to_string(),
            rules: rules.name,
            command_line: &input.command_line,
            memblock: Memblock {
                memory: regions(&prediction.memory),
                reserved: regions(&prediction.reserved),
            },
            zones: zones.collect(),
            zone_limits: limits.map(|(kind, range)| (kind.as_str(), bounds(*range))).collect(),
            movable_start: prediction
                .movable_start
                .iter()
                .map(|(node, start)| (*node, hex(*start)))
                .collect(),
            early_node_ranges: ranges.collect(),
            fallback_order: fallback.collect(),
            crashkernel: Crashkernel {
                low: crashkernel.low.map(area),
                high: crashkernel.high.map(area),
                cma: crashkernel.cma.iter().map(|area| bounds(*area)).collect(),
                error: crashkernel.error.as_deref(),
            },
            kho_scratch: prediction.scratch.as_ref().map(scratch),
            panic: prediction.panic.as_deref(),
            remarks: prediction.remarks.iter().map(remark).collect(),
            assumed: &prediction.assumed,
            not_predicted: if prediction.ends_with_nodes { &NOT_OF_32_BITS } else { &[] },
            verify: None,
            trace: None,
        }
    }

    pub(crate) fn with_trace(self, prediction: &'a Prediction) -> Self {
        let trace = prediction.trace.iter().map(|line| TraceRecord {
            step: line.step.name,
            source: line.step.source,
            what: &line.what,
            why: &line.why,
        });
        Self { trace: Some(trace.collect()), ..self }
    }
}

impl<'a> Verified<'a> {
    pub(crate) fn new(comparison: &'a Comparison, seeds: Vec<Seed>) -> Self {
        let facts = comparison.facts.iter().map(|fact| {
            let (result, why, differences) = match &fact.result {
                Compared::Equal { .. } => ("equal", None, &[][..]),
                Compared::Differs(differences) => ("differs", None, differences.as_slice()),
                Compared::NotCompared { why } => ("not-compared", Some(*why), &[][..]),
            };
            let differences = differences.iter().map(|difference| DifferenceRecord {
                what: &difference.what,
                predicted: difference.predicted.as_deref(),
                seen: difference.seen.as_deref(),
            });
            FactRecord { fact: fact.fact, result, why, differences: differences.collect() }
        });
        Self {
            equal: comparison.is_equal(),
            facts: facts.collect(),
            seeded: seeds.into_iter().map(|seed| SeedRecord { what: seed.what, why: seed.why }).collect(),
        }
    }
}

fn regions(regions: &[Region]) -> Vec<RegionRecord> {
    let record = |region: &Region| RegionRecord {
        start: hex(region.range.start()),
        end: hex(region.range.end()),
        node: region.node.map(NodeId::get),
        flags: flag_names(region.flags),
    };
    regions.iter().map(record).collect()
}

fn area(area: CrashArea) -> Area {
    let [start, end] = bounds(area.range);
    Area { start, end, size: area.range.size(), resource: area.resource() }
}

fn scratch(scratch: &ScratchAreas) -> Scratch<'_> {
    let areas = scratch.areas.iter().map(|area| {
        let [start, end] = bounds(area.range);
        ScratchRecord { kind: area.kind.to_string(), start, end, size: area.range.size() }
    });
    Scratch { areas: areas.collect(), error: scratch.error.as_deref() }
}

fn remark(remark: &Remark) -> RemarkRecord<'_> {
    RemarkRecord {
        parameter: &remark.parameter,
        what: &remark.what,
        source: remark.source,
        fatal: remark.is_fatal,
    }
}

fn bounds(range: PhysRange) -> [String; 2] {
    [hex(range.start()), hex(range.end())]
}

fn hex(address: u64) -> String {
    format!("{address:#x}")
}
