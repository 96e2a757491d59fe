//! Runs `physmem kexec load` and `physmem kdump load`.

use std::io::Write;

use evidence::Record;
use evidence::record::{KDUMP_RECORD, KEXEC_RECORD, RECORDS};
use kexec::Purpose;
use machine::Unknown;
use memblock::PhysRange;
use serde::Serialize;

use super::carry_out::{Loaded, carry_out};
use super::order::Order;
use crate::cli::{HowArguments, KexecLoadArguments, LoadArguments};
use crate::done::Done;
use crate::failure::Failure;
use crate::output::finding::{self, FindingRecord};
use crate::output::lines::wrapped;
use crate::output::style::Style;
use crate::output::{size, unknown};

/// The version of the layout.
const SCHEMA: u32 = 1;

pub(crate) fn kexec(arguments: &KexecLoadArguments, out: &mut impl Write) -> Result<Done, Failure> {
    run(&arguments.load, Purpose::Reboot, arguments.avoid_removable, out)
}

pub(crate) fn kdump(arguments: &LoadArguments, out: &mut impl Write) -> Result<Done, Failure> {
    run(arguments, Purpose::Crash, false, out)
}

fn run(
    arguments: &LoadArguments,
    purpose: Purpose,
    avoid_removable: bool,
    out: &mut impl Write,
) -> Result<Done, Failure> {
    let order = Order::of(arguments, purpose, avoid_removable);
    let loaded = carry_out(&order, arguments.how)?;
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&order, arguments.how, &loaded))?;
        writeln!(out)?;
    } else {
        print(&order, arguments.how, &loaded, Style::of_stdout(), out)?;
    }
    // That it is loaded is the answer; what is wrong with it is printed.
    Ok(Done::Good)
}

fn print(
    order: &Order,
    how: HowArguments,
    loaded: &Loaded,
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let Loaded { record, plan, findings, assumed, notes, armed } = loaded;
    let verb = if how.dry_run { "would load" } else { "loaded" };
    let initrd = record.initrd.as_ref().map(|initrd| format!(" with {}", initrd.path)).unwrap_or_default();
    let text = format!("{verb} {}{initrd} by {}", record.kernel.path, order.loader.as_str());
    wrapped(out, &format!("{}: ", order.word()), "  ", &text)?;
    if !record.passed_command_line.is_empty() {
        wrapped(out, "  command line: ", "    ", &record.passed_command_line)?;
    }
    if let Some(plan) = plan {
        let kernel = plan.segment(kexec::SegmentKind::Kernel).map(|kernel| kernel.range.to_string());
        let planned = if record.is_placed { "" } else { ", as planned: only the kernel knows" };
        let place = kernel.unwrap_or_else(|| "not known".to_owned());
        writeln!(out, "  the kernel lies at {place}{planned}")?;
    }
    if order.purpose == Purpose::Crash {
        wrapped(
            out,
            "  ",
            "    ",
            &dump(how, plan.as_ref().map(|plan| plan.vmcore.as_slice()), armed.as_deref()),
        )?;
    }
    for note in notes {
        wrapped(out, "  ", "    ", note)?;
    }
    if !how.dry_run && !how.no_record {
        writeln!(out, "  recorded in {RECORDS}/{}", file(order.purpose))?;
    }
    if !findings.is_empty() {
        writeln!(out)?;
        finding::print(findings, style, out)?;
    }
    if !assumed.is_empty() {
        if findings.is_empty() {
            writeln!(out)?;
        }
        unknown::print_as("assumed:", assumed, style, out)?;
    }
    Ok(())
}

/// What a dump will contain, in a sentence.
fn dump(how: HowArguments, planned: Option<&[PhysRange]>, armed: Option<&[PhysRange]>) -> String {
    let sum = |ranges: &[PhysRange]| {
        let bytes = ranges.iter().fold(0_u64, |sum, range| sum.saturating_add(range.size()));
        let count = ranges.len();
        format!("{count} range{}, {}", if count == 1 { "" } else { "s" }, size::human(bytes))
    };
    match (armed, planned) {
        (Some(armed), Some(planned)) if armed == planned => {
            format!("the dump has {}, as planned: its header was read where it lies", sum(armed))
        }
        (Some(armed), Some(planned)) => format!(
            "the dump has {}, as its header says where it lies; {} were planned: `physmem kdump status` compares it with the machine",
            sum(armed),
            sum(planned)
        ),
        (Some(armed), None) => format!("the dump has {}, as its header says where it lies", sum(armed)),
        (None, Some(planned)) if how.dry_run => format!("the dump would have {}", sum(planned)),
        (None, Some(planned)) => {
            format!("the dump has {}, as planned: its header cannot be read on this machine", sum(planned))
        }
        (None, None) => "what the dump contains cannot be told".to_owned(),
    }
}

const fn file(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Reboot => KEXEC_RECORD,
        Purpose::Crash => KDUMP_RECORD,
    }
}

/// What `load -J` prints; `schema/load.schema.json` describes it.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    dry_run: bool,
    /// What was written to /run/physmem, or would be.
    record: &'a Record,
    recorded: Option<String>,
    /// Whether `record.dump` was read from the header of the loaded dump; otherwise it is planned.
    dump_is_read: bool,
    planned: bool,
    notes: &'a [String],
    findings: Vec<FindingRecord<'a>>,
    assumed: &'a [Unknown],
}

impl<'a> Document<'a> {
    fn of(order: &Order, how: HowArguments, loaded: &'a Loaded) -> Self {
        let is_recorded = !how.dry_run && !how.no_record;
        Self {
            schema: SCHEMA,
            dry_run: how.dry_run,
            record: &loaded.record,
            recorded: is_recorded.then(|| format!("{RECORDS}/{}", file(order.purpose))),
            dump_is_read: loaded.armed.is_some(),
            planned: loaded.plan.is_some(),
            notes: &loaded.notes,
            findings: loaded.findings.iter().map(FindingRecord::of).collect(),
            assumed: &loaded.assumed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use evidence::Record;
    use evidence::record::{RecordedFile, RecordedLoader};

    use super::*;

    #[test]
    fn the_json_follows_its_schema() {
        let record = Record {
            schema: 1,
            by: "physmem 0.1.0".into(),
            purpose: Purpose::Crash,
            loader: RecordedLoader::KexecFileLoad,
            boot_id: String::new(),
            time: "2026-11-30T15:43:00Z".into(),
            running: "6.12".into(),
            kernel: RecordedFile { path: "/boot/vmlinuz".into(), size: 9, sha256: "ab".repeat(32) },
            initrd: None,
            command_line: String::new(),
            passed_command_line: String::new(),
            avoid_removable: false,
            no_cma: false,
            is_placed: false,
            segments: Vec::new(),
            map: Vec::new(),
            dump: Vec::new(),
        };
        let loaded = Loaded {
            record,
            plan: None,
            findings: Vec::new(),
            assumed: Vec::new(),
            notes: vec!["where the kernel places the image is not known".into()],
            armed: None,
        };
        let schema = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/load.schema.json"));
        let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for dry_run in [false, true] {
            let how = HowArguments { dry_run, ..HowArguments::default() };
            let document = Document::of(&Order::of_record(&loaded.record), how, &loaded);
            let document = serde_json::to_value(document).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
    }
}
