//! The record of a load.

use std::time::SystemTime;

use evidence::Record;
use evidence::record::{RecordedEntry, RecordedLoader, RecordedRange, RecordedSegment, SCHEMA};
use kexec::{Entry, Plan, Segment};
use machine::Machine;
use rules::Loader;

use super::files::{Files, Opened};
use super::order::Order;

/// What is written down before the call. Without a plan, because too little of the machine is known, the places stay open.
pub(super) fn of(order: &Order, files: &Files, machine: &Machine, line: &str, plan: Option<&Plan>) -> Record {
    let evidence = &machine.evidence;
    Record {
        schema: SCHEMA,
        by: concat!("physmem ", env!("CARGO_PKG_VERSION")).to_owned(),
        purpose: order.purpose,
        loader: loader(order.loader),
        boot_id: evidence.boot_id.read().cloned().unwrap_or_default(),
        time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        running: machine.kernel.release.clone().unwrap_or_default(),
        kernel: files.kernel.recorded(),
        initrd: files.initrd.as_ref().map(Opened::recorded),
        command_line: line.to_owned(),
        passed_command_line: plan.map_or(line, |plan| &plan.command_line).to_owned(),
        avoid_removable: order.avoid_removable,
        no_cma: order.beside.with.no_cma,
        is_placed: order.loader == Loader::KexecLoad,
        segments: plan.map(|plan| plan.segments.iter().map(segment).collect()).unwrap_or_default(),
        map: plan.map(|plan| plan.next_kernel.iter().map(entry).collect()).unwrap_or_default(),
        dump: plan.map(|plan| plan.vmcore.iter().copied().map(RecordedRange).collect()).unwrap_or_default(),
    }
}

pub(super) const fn loader(loader: Loader) -> RecordedLoader {
    match loader {
        Loader::KexecFileLoad => RecordedLoader::KexecFileLoad,
        Loader::KexecLoad => RecordedLoader::KexecLoad,
    }
}

fn segment(segment: &Segment) -> RecordedSegment {
    RecordedSegment { kind: segment.kind.as_str().to_owned(), range: RecordedRange(segment.range) }
}

fn entry(entry: &Entry) -> RecordedEntry {
    RecordedEntry { range: RecordedRange(entry.range), kind: entry.kind.number() }
}
