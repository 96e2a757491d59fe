//! Runs `physmem simulate`.

use std::cell::RefCell;
use std::io::Write;
use std::path::Path;

use evidence::Snapshot;
use machine::Machine;
use machine::life::{Event, Life};

use super::begin;
use super::json::{self, Document, Steps};
use super::report::{self, Shown};
use super::scenario::Scenario;
use super::step::Step;
use crate::cli::SimulateArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::output::style::Style;
use crate::output::unknown;

pub(crate) fn run(arguments: &SimulateArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let mut scenario = match &arguments.scenario {
        Some(path) => Scenario::read(path)?,
        None => Scenario::default(),
    };
    for words in &arguments.events {
        let event: Event = words.parse().map_err(Failure::Event)?;
        scenario.events.push((None, event));
    }
    if scenario.events.is_empty() {
        return Err(Failure::NoEvents);
    }
    if let Some(output) = &arguments.output
        && output.extension().is_none_or(|extension| extension != "json")
    {
        return Err(Failure::SimulatedFormat { path: output.clone() });
    }
    let (base, mut unknown) = begin::snapshot(&arguments.source, &arguments.edits, scenario.from.as_deref())?;
    let origin = base.origin.clone();
    let machine = Machine::of(&base).map_err(|source| Failure::Machine { origin: origin.clone(), source })?;
    let mut life = Life::of(&machine).map_err(|source| Failure::Life { origin: origin.clone(), source })?;
    let page_size = machine.kernel.page_size;
    unknown.extend(machine.unknown);
    unknown.extend(life.unknown().iter().cloned());

    let style = Style::of_stdout();
    let shown = Shown { iomem: arguments.iomem, blocks: arguments.blocks };
    let mut is_refused = false;
    let start = Step::start(&life);
    let mut last = start.kexec.is_some() || start.kdump.is_some();
    let mut next = |life: &mut Life, name, event: &Event| {
        let step = Step::of(life, name, event);
        is_refused |= step.refused.is_some();
        last = step.kexec.is_some() || step.kdump.is_some();
        step
    };
    if arguments.json {
        let first = json::step(&start, &life, page_size)?;
        let mut failed = None;
        let rest = scenario.events.into_iter().map_while(|(name, event)| {
            let step = next(&mut life, name, &event);
            json::step(&step, &life, page_size).map_err(|failure| failed = Some(failure)).ok()
        });
        let steps = Steps(RefCell::new(std::iter::once(first).chain(rest)));
        let title = scenario.title.as_deref();
        let document = Document { schema: json::SCHEMA, origin: &origin, title, steps, unknown: &unknown };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        drop(document);
        writeln!(out)?;
        if let Some(failure) = failed {
            return Err(failure);
        }
    } else {
        if let Some(title) = &scenario.title {
            writeln!(out, "{}", crate::output::lines::printable(title))?;
        }
        report::step(0, &start, &life, shown, style, out)?;
        for (index, (name, event)) in scenario.events.into_iter().enumerate() {
            let step = next(&mut life, name, &event);
            report::step(index.saturating_add(1), &step, &life, shown, style, out)?;
        }
        if !unknown.is_empty() {
            writeln!(out)?;
            unknown::print(&unknown, style, out)?;
        }
    }
    if let Some(path) = &arguments.output {
        write(path, &life.snapshot(&base))?;
    }
    Ok(if is_refused || last { Done::Findings } else { Done::Good })
}

/// Writes the simulated machine; a file that is there already is left alone.
fn write(path: &Path, snapshot: &Snapshot) -> Result<(), Failure> {
    let file = |source| Failure::File { path: path.to_owned(), source };
    let output = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(file)?;
    let mut output = std::io::BufWriter::new(output);
    serde_json::to_writer(&mut output, snapshot)?;
    output.write_all(b"\n").and_then(|()| output.flush()).map_err(file)
}
