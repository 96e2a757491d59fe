//! `physmem kdump ranges`: what a dump contains and leaves out, and how a dump header differs from the machine.

use std::io::Write;

use images::elf;
use kexec::dump::{Difference, LeftOut, dumped, left_out};
use kexec::{Caller, CrashKernel};
use machine::{Machine, Unknown};
use memblock::PhysRange;
use rules::{Loader, MapHandedOn, Rules};
use serde::Serialize;

use super::dump_file::DumpFile;
use super::records::{RangeRecord, classes_in, range as record};
use crate::cli::RangesArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::input;
use crate::output::lines::{table, wrapped};
use crate::output::style::{Ink, Style};
use crate::output::{size, unknown};

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What a dump contains and leaves out.
struct Ranges<'a> {
    origin: &'a str,
    loader: Loader,
    machine: &'a Machine,
    dumped: Vec<PhysRange>,
    left_out: Vec<LeftOut>,
    difference: Option<Difference>,
}

pub(crate) fn run(arguments: &RangesArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let header = arguments.header.as_deref().map(|path| DumpFile::read("--header", path)).transpose()?;
    let machine = input::machine(&arguments.input)?;
    let origin = &machine.evidence.origin;
    if let (Some(header), Some(path)) = (&header, &arguments.header) {
        let is_x86 = machine.kernel.facts.map_handed_on == MapHandedOn::E820;
        if is_x86 != (header.machine == elf::Machine::X86_64) {
            let origin = origin.clone();
            return Err(Failure::OtherHeader { path: path.clone(), of: header.machine, origin });
        }
    }
    let loader = arguments.loader;
    let failure = |source| Failure::Plan {
        origin: origin.clone(),
        loader,
        by: Caller::KexecTools,
        code: None,
        source,
        remedies: Vec::new(),
    };
    let crash_kernel = CrashKernel::of(&machine).map_err(failure)?;
    let rules = &Rules::LINUX;
    let ranges = Ranges {
        origin,
        loader,
        machine: &machine,
        dumped: dumped(&machine, &crash_kernel, loader, rules).map_err(failure)?,
        left_out: left_out(&machine, &crash_kernel, loader, rules).map_err(failure)?,
        difference: header
            .map(|header| {
                let found = Difference::of(&machine, &crash_kernel, loader, rules, &header.lists)?;
                Ok(Difference {
                    in_vain: header.whole(found.in_vain.into_iter()),
                    missing: header.whole(found.missing.into_iter()),
                })
            })
            .transpose()
            .map_err(failure)?,
    };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&ranges))?;
        writeln!(out)?;
    } else {
        print(&ranges, Style::of_stdout(), out)?;
    }
    let differs = ranges.difference.as_ref().is_some_and(|difference| !difference.is_none());
    Ok(if differs { Done::Findings } else { Done::Good })
}

fn print(ranges: &Ranges<'_>, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let Ranges { origin, loader, machine, dumped, left_out, difference } = ranges;
    let text = format!("the dump of a crash kernel loaded by {}, on {origin}", loader.as_str());
    wrapped(out, "", "  ", &text)?;
    writeln!(out, "\n{}", style.paint(Ink::Heading, "what the dump contains"))?;
    let row =
        |range: &PhysRange| vec![range.to_string(), size::human(range.size()), classes_in(machine, *range)];
    let rows: Vec<_> = dumped.iter().map(row).collect();
    let heads = [("RANGE", false), ("SIZE", true), ("CLASS", false)];
    table(out, &heads, &rows)?;
    writeln!(out, "\n{}", style.paint(Ink::Heading, "memory the dump leaves out"))?;
    for one in left_out {
        let reason = one.verdict.map_or("its class is unknown", |verdict| verdict.reason);
        writeln!(out, "  {} ({})", one.range, size::human(one.range.size()))?;
        wrapped(out, "    ", "    ", reason)?;
    }
    if let Some(difference) = difference {
        writeln!(out, "\n{}", style.paint(Ink::Heading, "the header and this machine"))?;
        for (what, found) in [
            ("listed, but there is no memory: reads find nothing or fail", &difference.in_vain),
            ("memory missing from the header: it will not be dumped", &difference.missing),
        ] {
            for range in found {
                writeln!(out, "  {range} ({})", size::human(range.size()))?;
                wrapped(out, "    ", "    ", what)?;
            }
        }
        if difference.is_none() {
            writeln!(out, "  agree")?;
        }
    }
    if !machine.unknown.is_empty() {
        writeln!(out)?;
        unknown::print_as("unknown:", &machine.unknown, style, out)?;
    }
    Ok(())
}

/// What `kdump ranges -J` prints; `schema/kdump-ranges.schema.json` describes it.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    origin: &'a str,
    loader: &'static str,
    ranges: Vec<DumpedRecord>,
    left_out: Vec<LeftOutRecord>,
    header: Option<HeaderRecord>,
    unknown: &'a [Unknown],
}

#[derive(Debug, Serialize)]
struct DumpedRecord {
    #[serde(flatten)]
    range: RangeRecord,
    class: String,
}

#[derive(Debug, Serialize)]
struct LeftOutRecord {
    #[serde(flatten)]
    range: RangeRecord,
    rule: Option<&'static str>,
    reason: Option<&'static str>,
    source: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct HeaderRecord {
    in_vain: Vec<RangeRecord>,
    missing: Vec<RangeRecord>,
}

impl<'a> Document<'a> {
    fn of(ranges: &Ranges<'a>) -> Self {
        let dumped = |range: &PhysRange| DumpedRecord {
            range: record(range),
            class: classes_in(ranges.machine, *range),
        };
        let left_out = |one: &LeftOut| LeftOutRecord {
            range: record(&one.range),
            rule: one.verdict.map(|verdict| verdict.rule),
            reason: one.verdict.map(|verdict| verdict.reason),
            source: one.verdict.map(|verdict| verdict.source),
        };
        let records = |found: &[PhysRange]| found.iter().map(record).collect();
        Self {
            schema: SCHEMA,
            origin: ranges.origin,
            loader: ranges.loader.as_str(),
            ranges: ranges.dumped.iter().map(dumped).collect(),
            left_out: ranges.left_out.iter().map(left_out).collect(),
            header: ranges.difference.as_ref().map(|difference| HeaderRecord {
                in_vain: records(&difference.in_vain),
                missing: records(&difference.missing),
            }),
            unknown: &ranges.machine.unknown,
        }
    }
}
