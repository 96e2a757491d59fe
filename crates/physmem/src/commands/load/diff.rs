//! `physmem kexec diff`: what the two system calls do differently on a machine, range by range.

use std::io::Write;

use kexec::{Caller, Plan, Purpose};
use machine::{Machine, MemoryRange, Unknown};
use rules::{Class, Loader, Rules, Use, Verdict};
use serde::Serialize;

use super::kernel_file::KernelFile;
use super::loading::{Beside, Loading};
use super::records::{EntryRecord, RangeRecord, SegmentRecord, entry, range, type_of};
use crate::cli::DiffArguments;
use crate::failure::Failure;
use crate::input;
use crate::output::lines::wrapped;
use crate::output::style::{Ink, Style};
use crate::output::{size, unknown};

/// The version of the layout.
const SCHEMA: u32 = 1;

/// A question that the loaders answer differently for a range.
struct Differs<'a> {
    memory: &'a MemoryRange,
    question: &'static str,
    load: Verdict,
    file: Verdict,
}

/// A question about a range, in words and as a use by a loader.
type Question = (&'static str, fn(Loader) -> Use);

/// The plans of both loaders for the same kernel.
struct Plans {
    load: Result<Plan, Failure>,
    file: Result<Plan, Failure>,
}

pub(crate) fn run(arguments: &DiffArguments, out: &mut impl Write) -> Result<(), Failure> {
    let path = arguments.kernel.as_deref();
    let kernel = path.map(|path| KernelFile::read(path).map(|kernel| (path, kernel))).transpose()?;
    let beside = Beside::of(&arguments.beside)?;
    let machine = input::machine(&arguments.input)?;
    let origin = &machine.evidence.origin;
    let purpose = if arguments.crash { Purpose::Crash } else { Purpose::Reboot };
    let differs = differs(&machine, purpose);
    let mut assumed = Vec::new();
    let plans = match kernel {
        None => None,
        Some((path, kernel)) => {
            let image = kernel.image(path)?;
            let by = Caller::KexecTools;
            let loading = Loading { machine: &machine, purpose, beside: &arguments.beside, by };
            let checked = kernel.check(path, &machine);
            if let Ok(unknown) = &checked {
                assumed.extend(unknown.clone());
            }
            for loader in [Loader::KexecFileLoad, Loader::KexecLoad] {
                for unknown in loading.assumed(loader, image) {
                    if !assumed.contains(&unknown) {
                        assumed.push(unknown);
                    }
                }
            }
            let plan = |loader| loading.plan(loader, image, &beside, false);
            let file = checked.and_then(|_| plan(Loader::KexecFileLoad));
            Some(Plans { load: plan(Loader::KexecLoad), file })
        }
    };
    if arguments.json {
        let document = Document::of(origin, &machine, &differs, plans.as_ref(), &assumed);
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
        return Ok(());
    }
    let style = Style::of_stdout();
    wrapped(out, "", "  ", &format!("kexec_load and kexec_file_load on {origin}"))?;
    print_differs(&differs, style, out)?;
    if let Some(plans) = &plans {
        print_plans(plans, style, out)?;
    }
    for (label, open) in [("assumed:", &assumed), ("unknown:", &machine.unknown)] {
        if !open.is_empty() {
            writeln!(out)?;
            unknown::print_as(label, open, style, out)?;
        }
    }
    Ok(())
}

/// The ranges for which the rules differ between loaders.
fn differs(machine: &Machine, purpose: Purpose) -> Vec<Differs<'_>> {
    let questions: &[Question] = match purpose {
        Purpose::Reboot => {
            &[("may an image lie there", Use::KexecImage), ("is the next kernel told", Use::NextKernel)]
        }
        Purpose::Crash => &[("is it dumped", Use::Vmcore)],
    };
    let mut found = Vec::new();
    for memory in &machine.ranges {
        for &(question, of) in questions {
            let verdict = |loader| memory.verdict(&Rules::LINUX, of(loader), &machine.kernel);
            let both = (verdict(Loader::KexecLoad), verdict(Loader::KexecFileLoad));
            if let (Some(load), Some(file)) = both
                && load.allowed != file.allowed
            {
                found.push(Differs { memory, question, load, file });
            }
        }
    }
    found
}

fn print_differs(differs: &[Differs<'_>], style: Style, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "\n{}", style.paint(Ink::Heading, "memory they treat differently"))?;
    for one in differs {
        let class = one.memory.class.map_or("unknown", |class| class.as_str());
        let memory = one.memory.range;
        writeln!(out, "  {memory} ({}, {class}): {}?", size::human(memory.size()), one.question)?;
        for (name, verdict) in [("kexec_load", one.load), ("kexec_file_load", one.file)] {
            let answer = if verdict.allowed { "yes" } else { "no" };
            wrapped(out, "    ", "      ", &format!("{name}: {answer}: {}", verdict.reason))?;
        }
    }
    if differs.is_empty() {
        writeln!(out, "  none")?;
    }
    Ok(())
}

fn print_plans(plans: &Plans, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let both = [("kexec_load", &plans.load, &plans.file), ("kexec_file_load", &plans.file, &plans.load)];
    for (name, plan, other) in both {
        writeln!(out, "\n{}", style.paint(Ink::Heading, &format!("only with {name}")))?;
        let plan = match plan {
            Ok(plan) => plan,
            Err(failure) => {
                wrapped(out, "  ", "    ", &format!("no plan: {failure}"))?;
                continue;
            }
        };
        let mut is_empty = true;
        let other = other.as_ref().ok();
        for segment in &plan.segments {
            let same = |other: &Plan| {
                other.segments.iter().any(|o| o.kind == segment.kind && o.range == segment.range)
            };
            if !other.is_some_and(same) {
                let bytes = size::human(segment.range.size());
                writeln!(out, "  {:11} {} ({bytes})", segment.kind.as_str(), segment.range)?;
                is_empty = false;
            }
        }
        for told in &plan.next_kernel {
            if !other.is_some_and(|other| other.next_kernel.contains(told)) {
                let kind = type_of(told);
                writeln!(out, "  told        {} ({kind})", told.range)?;
                is_empty = false;
            }
        }
        for dumped in &plan.vmcore {
            if !other.is_some_and(|other| other.vmcore.contains(dumped)) {
                writeln!(out, "  dumped      {dumped} ({})", size::human(dumped.size()))?;
                is_empty = false;
            }
        }
        if other.is_some_and(|other| other.command_line != plan.command_line) {
            wrapped(out, "  ", "    ", &format!("command line: {}", plan.command_line))?;
            is_empty = false;
        }
        if is_empty {
            writeln!(out, "  nothing")?;
        }
    }
    Ok(())
}

/// What `kexec diff -J` prints; `schema/kexec-diff.schema.json` describes it.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    origin: &'a str,
    differs: Vec<DiffersRecord>,
    plans: Option<PlansRecord<'a>>,
    assumed: &'a [Unknown],
    unknown: &'a [Unknown],
}

#[derive(Debug, Serialize)]
struct DiffersRecord {
    #[serde(flatten)]
    range: RangeRecord,
    class: Option<&'static str>,
    question: &'static str,
    kexec_load: VerdictRecord,
    kexec_file_load: VerdictRecord,
}

#[derive(Debug, Serialize)]
struct VerdictRecord {
    answer: &'static str,
    reason: &'static str,
    rule: &'static str,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct PlansRecord<'a> {
    kexec_load: PlanRecord<'a>,
    kexec_file_load: PlanRecord<'a>,
}

#[derive(Debug, Default, Serialize)]
struct PlanRecord<'a> {
    error: Option<String>,
    command_line: Option<&'a str>,
    segments: Vec<SegmentRecord<'a>>,
    map: Vec<EntryRecord>,
    vmcore: Vec<RangeRecord>,
}

impl<'a> Document<'a> {
    fn of(
        origin: &'a str,
        machine: &'a Machine,
        differs: &[Differs<'_>],
        plans: Option<&'a Plans>,
        assumed: &'a [Unknown],
    ) -> Self {
        let differs = differs.iter().map(|one| DiffersRecord {
            range: range(&one.memory.range),
            class: one.memory.class.map(Class::as_str),
            question: one.question,
            kexec_load: verdict(one.load),
            kexec_file_load: verdict(one.file),
        });
        Self {
            schema: SCHEMA,
            origin,
            differs: differs.collect(),
            plans: plans.map(|plans| PlansRecord {
                kexec_load: plan(&plans.load),
                kexec_file_load: plan(&plans.file),
            }),
            assumed,
            unknown: &machine.unknown,
        }
    }
}

fn verdict(verdict: Verdict) -> VerdictRecord {
    VerdictRecord {
        answer: if verdict.allowed { "yes" } else { "no" },
        reason: verdict.reason,
        rule: verdict.rule,
        source: verdict.source,
    }
}

fn plan(plan: &Result<Plan, Failure>) -> PlanRecord<'_> {
    match plan {
        Ok(plan) => PlanRecord {
            error: None,
            command_line: Some(&plan.command_line),
            segments: plan.segments.iter().map(SegmentRecord::of).collect(),
            map: plan.next_kernel.iter().map(entry).collect(),
            vmcore: plan.vmcore.iter().map(range).collect(),
        },
        Err(failure) => PlanRecord { error: Some(failure.to_string()), ..PlanRecord::default() },
    }
}
