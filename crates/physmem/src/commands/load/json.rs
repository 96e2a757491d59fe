//! The JSON of a planned load. `schema/kexec.schema.json` describes it; a change that could break a reader raises
//! [`SCHEMA`].

use firmware::e820::ZERO_PAGE_ENTRIES;
use kexec::{Entry, MOST_SEGMENTS, NextChosen, Plan, Purpose, ToldBy};
use machine::Unknown;
use serde::Serialize;

use super::planned::Load;
use super::records::{EntryRecord, RangeRecord, SegmentRecord, entry, placed_by, range};
use crate::output::finding::FindingRecord;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What `kexec plan -J` and `kdump plan -J` print.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    origin: &'a str,
    purpose: &'static str,
    loader: &'static str,
    by: &'static str,
    command_line: &'a str,
    segments: Vec<SegmentRecord<'a>>,
    next_kernel: NextKernel,
    vmcore: Vmcore,
    margins: MarginsRecord,
    findings: Vec<FindingRecord<'a>>,
    assumed: &'a [Unknown],
    unknown: &'a [Unknown],
}

#[derive(Debug, Serialize)]
struct NextKernel {
    map: Vec<EntryRecord>,
    lacks: Vec<EntryRecord>,
    device_tree: Option<DeviceTree>,
}

/// What the device tree of the next kernel says besides its command line.
#[derive(Debug, Serialize)]
struct DeviceTree {
    initrd: Option<RangeRecord>,
    elfcorehdr: Option<RangeRecord>,
    usable_memory: Vec<RangeRecord>,
    reserved: Vec<RangeRecord>,
    seeds: bool,
    memory: &'static str,
}

impl DeviceTree {
    fn of(chosen: &NextChosen) -> Self {
        Self {
            initrd: chosen.initrd.as_ref().map(range),
            elfcorehdr: chosen.elfcorehdr.as_ref().map(range),
            usable_memory: chosen.usable_memory.iter().map(range).collect(),
            reserved: chosen.reserved.iter().map(range).collect(),
            seeds: chosen.seeds,
            memory: match chosen.memory {
                ToldBy::MemoryNodes => "memory-nodes",
                ToldBy::EfiMap => "efi-map",
                ToldBy::NotShown => "not-shown",
                ToldBy::UsableMemoryRange => "usable-memory-range",
            },
        }
    }
}

#[derive(Debug, Serialize)]
struct Vmcore {
    ranges: Vec<RangeRecord>,
}

#[derive(Debug, Serialize)]
struct MarginsRecord {
    largest_initrd: u64,
    binds: Option<Binds>,
    segments: usize,
    map_entries: usize,
}

#[derive(Debug, Serialize)]
struct Binds {
    what: String,
    errno: Option<&'static str>,
}

impl MarginsRecord {
    fn of(plan: &Plan) -> Self {
        let binds = plan.margins.binds.as_ref();
        Self {
            largest_initrd: plan.margins.largest_initrd,
            binds: binds.map(|error| Binds { what: error.to_string(), errno: error.errno() }),
            segments: MOST_SEGMENTS.saturating_sub(plan.segments.len()),
            map_entries: ZERO_PAGE_ENTRIES.saturating_sub(plan.next_kernel.len()),
        }
    }
}

impl<'a> Document<'a> {
    pub(crate) fn of(load: &'a Load) -> Self {
        let Load { origin, plan, machine, assumed, .. } = load;
        Self {
            schema: SCHEMA,
            origin,
            purpose: match plan.purpose {
                Purpose::Reboot => "reboot",
                Purpose::Crash => "crash",
            },
            loader: plan.loader.as_str(),
            by: placed_by(plan.loader, load.by),
            command_line: &plan.command_line,
            segments: plan.segments.iter().map(SegmentRecord::of).collect(),
            next_kernel: next_kernel(plan),
            vmcore: Vmcore { ranges: plan.vmcore.iter().map(range).collect() },
            margins: MarginsRecord::of(plan),
            findings: load.findings.iter().map(FindingRecord::of).collect(),
            assumed,
            unknown: &machine.unknown,
        }
    }
}

fn next_kernel(plan: &Plan) -> NextKernel {
    let records = |entries: &[Entry]| entries.iter().map(entry).collect();
    NextKernel {
        map: records(&plan.next_kernel),
        lacks: records(&plan.next_kernel_lacks),
        device_tree: plan.chosen.as_ref().map(DeviceTree::of),
    }
}
