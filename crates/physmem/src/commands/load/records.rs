//! The JSON records that the documents of several commands share.

use kexec::{Caller, E820Type, Entry, Segment};
use machine::{Machine, MemoryRange};
use memblock::PhysRange;
use rules::Loader;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct SegmentRecord<'a> {
    kind: &'static str,
    start: String,
    end: String,
    alignment: u64,
    reason: &'a str,
}

impl<'a> SegmentRecord<'a> {
    pub(super) fn of(segment: &'a Segment) -> Self {
        Self {
            kind: segment.kind.as_str(),
            start: hex(segment.range.start()),
            end: hex(segment.range.end()),
            alignment: segment.alignment,
            reason: &segment.reason,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct EntryRecord {
    start: String,
    end: String,
    r#type: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RangeRecord {
    start: String,
    end: String,
}

pub(super) fn entry(entry: &Entry) -> EntryRecord {
    EntryRecord { start: hex(entry.range.start()), end: hex(entry.range.end()), r#type: type_of(entry) }
}

pub(super) fn range(range: &PhysRange) -> RangeRecord {
    RangeRecord { start: hex(range.start()), end: hex(range.end()) }
}

/// Who places the segments.
pub(super) const fn placed_by(loader: Loader, by: Caller) -> &'static str {
    match loader {
        Loader::KexecFileLoad => "kernel",
        Loader::KexecLoad => by.as_str(),
    }
}

/// The classes of the memory in a range.
pub(super) fn classes_in(machine: &Machine, range: PhysRange) -> String {
    let class = |memory: &MemoryRange| memory.class.map_or("unknown", |class| class.as_str());
    let mut classes: Vec<&str> = machine.ranges_in(range).map(class).collect();
    classes.dedup();
    classes.join(", ")
}

fn hex(address: u64) -> String {
    format!("{address:#x}")
}

/// The name of an entry's type, in JSON and in reports.
pub(super) fn type_of(entry: &Entry) -> String {
    match entry.kind {
        E820Type::Ram => "ram",
        E820Type::Reserved => "reserved",
        E820Type::Acpi => "acpi",
        E820Type::Nvs => "nvs",
        E820Type::Unusable => "unusable",
        E820Type::Pmem => "pmem",
        E820Type::Pram => "pram",
        E820Type::SoftReserved => "soft-reserved",
        E820Type::Other(number) => return format!("type-{number}"),
    }
    .to_owned()
}
