//! `physmem kdump verify`: the header of a dump against the machine it was taken on.

use std::io::Write;
use std::path::Path;

use evidence::{Purpose, Record};
use kexec::dump::dumped;
use kexec::{Caller, CrashKernel};
use machine::Machine;
use memblock::{PhysRange, ranges};
use rules::{Loader, MapHandedOn, Rules};
use serde::Serialize;

use super::dump_file::DumpFile;
use super::records::{RangeRecord, classes_in, range as record};
use crate::cli::VerifyArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::input;
use crate::output::lines::wrapped;
use crate::output::size;

/// The version of the layout.
const SCHEMA: u32 = 1;
const OPTION: &str = "the dump";

/// What a dump is held against.
struct Expected {
    /// Where that comes from, in words.
    from: String,
    /// What the dump should hold, ascending.
    dumped: Vec<PhysRange>,
    /// What is memory, ascending.
    memory: Vec<PhysRange>,
    /// The machine, where there is one, which says whose the memory is.
    machine: Option<Machine>,
}

/// How they differ.
#[derive(Default)]
struct Difference {
    lacks: Vec<PhysRange>,
    in_vain: Vec<PhysRange>,
}

pub(crate) fn run(arguments: &VerifyArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let dump = DumpFile::read(OPTION, &arguments.dump)?;
    let expected = match &arguments.record {
        Some(path) => of_record(path)?,
        None => of_machine(arguments, &dump)?,
    };
    let difference = compared(&dump, &expected);
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(arguments, &dump, &expected, &difference))?;
        writeln!(out)?;
    } else {
        print(arguments, &dump, &expected, &difference, out)?;
    }
    let agrees = difference.lacks.is_empty() && difference.in_vain.is_empty() && !dump.is_incomplete;
    Ok(if agrees { Done::Good } else { Done::Findings })
}

/// A record of the load that made the dump.
fn of_record(path: &Path) -> Result<Expected, Failure> {
    const OPTION: &str = "--record";
    let bytes = std::fs::read(path).map_err(|source| Failure::Given {
        option: OPTION,
        path: path.to_owned(),
        source,
    })?;
    let bad = |why: String| Failure::BadRecord { path: path.to_owned(), why };
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    let record = record.checked().map_err(bad)?;
    if record.purpose != Purpose::Crash || record.dump.is_empty() {
        return Err(bad(
            "it records no load of a crash kernel; expected a copy of /run/physmem/kdump.json".to_owned()
        ));
    }
    let mut dumped: Vec<PhysRange> = record.dumped().collect();
    dumped.sort_unstable();
    let from = format!("the record of its load by {} at {}", record.by, record.time);
    Ok(Expected { from, memory: dumped.clone(), dumped, machine: None })
}

/// The machine as it was.
fn of_machine(arguments: &VerifyArguments, dump: &DumpFile) -> Result<Expected, Failure> {
    let machine = input::machine(&arguments.input)?;
    let origin = machine.evidence.origin.clone();
    let is_x86 = machine.kernel.facts.map_handed_on == MapHandedOn::E820;
    if is_x86 != (dump.machine == images::elf::Machine::X86_64) {
        return Err(Failure::OtherHeader { path: arguments.dump.clone(), of: dump.machine, origin });
    }
    // The kernel's own loader is the reference: it dumps all System RAM.
    let loader = Loader::KexecFileLoad;
    let failure = |source| Failure::Plan {
        origin: origin.clone(),
        loader,
        by: Caller::KexecTools,
        code: None,
        source,
        remedies: Vec::new(),
    };
    let crash_kernel = CrashKernel::of(&machine).map_err(failure)?;
    let dumped = dumped(&machine, &crash_kernel, loader, &Rules::LINUX).map_err(failure)?;
    let memory = machine.ranges.iter().map(|memory| memory.range).collect();
    Ok(Expected { from: origin, dumped, memory, machine: Some(machine) })
}

fn compared(dump: &DumpFile, expected: &Expected) -> Difference {
    let lists = || dump.lists.iter().copied();
    Difference {
        lacks: dump.whole(ranges::difference(expected.dumped.iter().copied(), lists())),
        in_vain: dump.whole(ranges::difference(lists(), expected.memory.iter().copied())),
    }
}

fn print(
    arguments: &VerifyArguments,
    dump: &DumpFile,
    expected: &Expected,
    difference: &Difference,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let Difference { lacks, in_vain } = difference;
    let verdict = if lacks.is_empty() && in_vain.is_empty() {
        "it lists all that it should, and nothing in vain"
    } else {
        "it does not fit"
    };
    let text = format!("{} ({}) against {}: {verdict}", arguments.dump.display(), dump.format, expected.from);
    wrapped(out, "", "  ", &text)?;
    if dump.is_incomplete {
        let text =
            "the file is INCOMPLETE: makedumpfile ran out of space, and left out pages that the header lists";
        wrapped(out, "", "  ", text)?;
    }
    let in_vain_means = match expected.machine {
        Some(_) => "lists in vain: there was no such memory, and reads of it find nothing or fail",
        None => "lists besides: it was not in the header when that was loaded",
    };
    for (what, found) in [("lacks", lacks), (in_vain_means, in_vain)] {
        if found.is_empty() {
            continue;
        }
        writeln!(out, "{what}:")?;
        for range in found {
            let whose =
                expected.machine.as_ref().map(|machine| classes_in(machine, *range)).unwrap_or_default();
            let whose = if whose.is_empty() { whose } else { format!(" {whose}") };
            writeln!(out, "  {range} ({}){whose}", size::human(range.size()))?;
        }
    }
    Ok(())
}

/// What `kdump verify -J` prints; `schema/kdump-verify.schema.json` describes it.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    dump: String,
    format: &'static str,
    against: String,
    agrees: bool,
    incomplete: bool,
    lists: Vec<RangeRecord>,
    lacks: Vec<RangeRecord>,
    in_vain: Vec<RangeRecord>,
}

impl Document {
    fn of(
        arguments: &VerifyArguments,
        dump: &DumpFile,
        expected: &Expected,
        difference: &Difference,
    ) -> Self {
        let records = |ranges: &[PhysRange]| ranges.iter().map(record).collect();
        Self {
            schema: SCHEMA,
            dump: arguments.dump.display().to_string(),
            format: dump.format,
            against: expected.from.clone(),
            agrees: difference.lacks.is_empty() && difference.in_vain.is_empty(),
            incomplete: dump.is_incomplete,
            lists: records(&dump.lists),
            lacks: records(&difference.lacks),
            in_vain: records(&difference.in_vain),
        }
    }
}
