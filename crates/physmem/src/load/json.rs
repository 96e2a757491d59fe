//! The JSON of a planned load. `schema/kexec.schema.json` describes it; a change that could break a reader raises
//! [`SCHEMA`].

use kexec::{Entry, Plan, Purpose};
use machine::Unknown;
use memblock::PhysRange;
use serde::Serialize;

use super::{Load, type_of};

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What `kexec plan -J` and `kdump plan -J` print.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    origin: &'a str,
    purpose: &'static str,
    loader: &'static str,
    command_line: &'a str,
    segments: Vec<SegmentRecord<'a>>,
    next_kernel: NextKernel,
    vmcore: Option<Vmcore>,
    assumed: &'a [Unknown],
    unknown: &'a [Unknown],
}

#[derive(Debug, Serialize)]
struct SegmentRecord<'a> {
    kind: &'static str,
    start: String,
    end: String,
    alignment: u64,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct NextKernel {
    map: Vec<EntryRecord>,
    lacks: Vec<EntryRecord>,
}

#[derive(Debug, Serialize)]
struct EntryRecord {
    start: String,
    end: String,
    r#type: String,
}

#[derive(Debug, Serialize)]
struct Vmcore {
    ranges: Vec<RangeRecord>,
}

#[derive(Debug, Serialize)]
struct RangeRecord {
    start: String,
    end: String,
}

impl<'a> Document<'a> {
    pub(crate) fn of(load: &'a Load) -> Self {
        let Load { origin, loader, plan, assumed, unknown, .. } = load;
        let segments = plan.segments.iter().map(|segment| SegmentRecord {
            kind: segment.kind.as_str(),
            start: hex(segment.range.start()),
            end: hex(segment.range.end()),
            alignment: segment.alignment,
            reason: &segment.reason,
        });
        Self {
            schema: SCHEMA,
            origin,
            purpose: match plan.purpose {
                Purpose::Reboot => "reboot",
                Purpose::Crash => "crash",
            },
            loader: loader.as_str(),
            command_line: &plan.command_line,
            segments: segments.collect(),
            next_kernel: next_kernel(plan),
            vmcore: (plan.purpose == Purpose::Crash)
                .then(|| Vmcore { ranges: plan.vmcore.iter().map(range).collect() }),
            assumed,
            unknown,
        }
    }
}

fn next_kernel(plan: &Plan) -> NextKernel {
    let records = |entries: &[Entry]| entries.iter().map(entry).collect();
    NextKernel { map: records(&plan.next_kernel), lacks: records(&plan.next_kernel_lacks) }
}

fn entry(entry: &Entry) -> EntryRecord {
    EntryRecord { start: hex(entry.range.start()), end: hex(entry.range.end()), r#type: type_of(entry) }
}

fn range(range: &PhysRange) -> RangeRecord {
    RangeRecord { start: hex(range.start()), end: hex(range.end()) }
}

fn hex(address: u64) -> String {
    format!("{address:#x}")
}
