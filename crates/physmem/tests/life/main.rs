//! Machines that memory came to and went from, simulated from their first captured state: each later state comes out as
//! it was captured.
//!
//! `cargo test -p physmem --test life -- --nocapture` prints, for each capture, the facts that came out right of all facts
//! that both show: lines of System RAM in /proc/iomem, state, node and zones of each memory block, entries of the
//! firmware's map, regions of memblock with nodes and flags, and start, end and pages of each zone. The last column counts
//! those that are not as they were in the first state.

// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod facts;
mod scenario;

use std::collections::BTreeSet;
use std::fmt;

use machine::Machine;
use machine::life::{Event, Life};

use crate::facts::{Facts, KINDS};
use crate::scenario::{Scenario, scenarios};

/// Facts that do not come out, and why.
const EXPLAINED: [(&str, &str, &str); 0] = [];

/// Captured states that no event of these leads to, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    // Loads are forbidden, and the reservation for a crash kernel is given back: no memory comes or goes.
    ("h5-kdump-life", "08-disabled"),
    ("h5-kdump-life", "09-given-back"),
    // The life begins after it, when the dax device is there.
    ("kx-pmem-exec_s", "00-before"),
];

/// Events that Linux refused on the captured machine, and the error number.
const REFUSED: [(&str, &[(&str, &str)]); 10] = [
    ("arm64-acpi-2node-dimm", &[("offline memory18", "EBUSY"), ("remove dimm1", "EBUSY")]),
    ("arm64-acpi-srat-dimm", &[("remove dimm2", "EBUSY")]),
    ("h4-normal", &[("remove 0x100000000", "EBUSY")]),
    ("life-auto-30-7.3", &[("remove da", "EBUSY")]),
    ("life-dimm-6.1", &OF_DIMM_HOTPLUG),
    ("life-dimm-7.3", &OF_DIMM_HOTPLUG),
    ("life-mixed-kernel-6.1", &[("remove da", "EBUSY")]),
    ("life-mixed-kernel-7.3", &[("remove da", "EBUSY")]),
    ("rt-dimm", &OF_DIMM_HOTPLUG),
    ("rt-dimm-normalzone-offline-fails", &[("offline memory40", "EBUSY"), ("remove hd1", "EBUSY")]),
];
/// What the script of three machines tried in vain.
const OF_DIMM_HOTPLUG: [(&str, &str); 4] = [
    ("online memory43 kernel", "EINVAL"),
    ("offline memory40", "EBUSY"),
    ("online memory40 movable", "EINVAL"),
    ("remove hd1", "EBUSY"),
];

#[derive(Clone, Copy, Default)]
struct Tally {
    right: usize,
    total: usize,
}

impl Tally {
    fn add(&mut self, is_right: bool) {
        self.right += usize::from(is_right);
        self.total += 1;
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.total += other.total;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.total == 0 { f.pad("-") } else { f.pad(&format!("{}/{}", self.right, self.total)) }
    }
}

/// A scenario's result: a tally for each kind of fact, what is wrong, and the events that were refused.
#[derive(Default)]
struct Outcome {
    tallies: [Tally; KINDS.len()],
    /// /proc/iomem at the end.
    iomem: String,
    /// The facts that are not as they were at the start, or are there no more.
    changed: Tally,
    states: usize,
    wrong: Vec<String>,
    refused: Vec<(String, &'static str)>,
}

/// Simulates a scenario, and compares the state after each step that has a name with the capture of this name.
fn simulate(scenario: &Scenario, has_captures: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let snapshot = host::read(&scenario.start()).unwrap();
    let machine = Machine::of(&snapshot).unwrap();
    let mut life = Life::of(&machine).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    let page = machine.kernel.page_size;
    let start = facts::of_capture(&snapshot);
    compare(&mut outcome, "start", &start, &start, &facts::of_life(&life, page));
    for step in &scenario.steps {
        for text in &step.events {
            let event: Event = text.parse().unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
            match life.apply(&event).map(|change| change.refused) {
                Ok(None) => {}
                Ok(Some(refusal)) | Err(refusal) => {
                    outcome.refused.push((text.clone(), refusal.errno.as_str()));
                }
            }
            if let Some(what) = life.disagreement() {
                outcome.wrong.push(format!("after {text}: {what}"));
            }
        }
        if let Some(name) = step.name.as_ref().filter(|_| has_captures) {
            let captured = facts::of_capture(&host::read(&scenario.captured(name)).unwrap());
            compare(&mut outcome, name, &start, &captured, &facts::of_life(&life, page));
        }
    }
    outcome.iomem = life.iomem();
    outcome
}

/// Counts a fact that only one side shows as wrong, if the capture shows facts of this kind at all.
fn compare(outcome: &mut Outcome, step: &str, start: &Facts, captured: &Facts, simulated: &Facts) {
    outcome.states += 1;
    let shown: BTreeSet<&str> = captured.keys().map(|(kind, _)| *kind).collect();
    let facts: BTreeSet<_> = start.keys().chain(captured.keys()).chain(simulated.keys()).collect();
    for fact in facts.into_iter().filter(|(kind, _)| shown.contains(kind)) {
        let tally = &mut outcome.tallies[KINDS.iter().position(|kind| *kind == fact.0).unwrap()];
        let (ours, theirs) = (simulated.get(fact), captured.get(fact));
        let is_changed = theirs != start.get(fact);
        let is_right = ours == theirs;
        if theirs.is_some() || !is_right {
            tally.add(is_right);
        }
        if is_changed {
            outcome.changed.add(is_right);
        }
        if !is_right {
            let said =
                |value: Option<&String>| value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
            let (ours, theirs) = (said(ours), said(theirs));
            outcome.wrong.push(format!("{step}: {}: captured {theirs}, simulated {ours}", fact.1));
        }
    }
}

#[test]
fn every_captured_state_comes_out_of_the_first_one_and_what_happened() {
    let scenarios = scenarios("captures/life");
    let (mut complaints, mut all) = (Vec::new(), Outcome::default());
    let row = |name: &str, outcome: &Outcome| {
        let mut facts = Tally::default();
        outcome.tallies.iter().for_each(|tally| facts += *tally);
        let kinds = outcome.tallies.iter().map(|tally| format!("{tally:>11}")).collect::<Vec<_>>().join(" ");
        println!("{name:34} {:6} {kinds} {facts:>13} {:>11}", outcome.states, outcome.changed);
    };
    let kinds = KINDS.map(|kind| format!("{kind:>11}")).join(" ");
    println!("{:34} states {kinds} {:>13} {:>11}", "", "all facts", "changed");
    for scenario in &scenarios {
        let outcome = simulate(scenario, true);
        let name = scenario.name.as_str();
        row(name, &outcome);
        all.states += outcome.states;
        all.changed += outcome.changed;
        all.tallies.iter_mut().zip(outcome.tallies).for_each(|(sum, tally)| *sum += tally);
        let explained = EXPLAINED.iter().filter(|explained| explained.0 == name);
        let explained: Vec<&str> = explained.map(|explained| explained.1).collect();
        let is_explained = |wrong: &&String| explained.iter().any(|start| wrong.starts_with(start));
        complaints.extend(
            outcome.wrong.iter().filter(|wrong| !is_explained(wrong)).map(|w| format!("{name}: {w}")),
        );
        for start in explained.iter().filter(|start| !outcome.wrong.iter().any(|w| w.starts_with(**start))) {
            complaints.push(format!("{name}: {start} comes out right: explain it no more"));
        }
        let expected = REFUSED.iter().find(|refused| refused.0 == name).map_or(&[][..], |refused| refused.1);
        let refused = outcome.refused.iter().map(|(event, errno)| (event.as_str(), *errno));
        if !refused.eq(expected.iter().copied()) {
            complaints.push(format!("{name}: refused: {:?}, expected {expected:?}", outcome.refused));
        }
        let left_out = LEFT_OUT.iter().filter(|left_out| left_out.0 == name).map(|left_out| left_out.1);
        if !left_out.eq(scenario.left_out().iter().map(String::as_str)) {
            complaints.push(format!("{name}: no step leads to the captured {:?}", scenario.left_out()));
        }
    }
    row("all", &all);
    let enough = all.states > 200 && all.changed.total > 3000;
    assert!(enough, "only {} states were compared, with {} changes", all.states, all.changed);
    let names: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let gone: Vec<_> = EXPLAINED
        .iter()
        .map(|explained| explained.0)
        .chain(LEFT_OUT.iter().map(|left_out| left_out.0))
        .chain(REFUSED.iter().map(|refused| refused.0))
        .filter(|name| !names.contains(name))
        .collect();
    assert_eq!(gone, [""; 0], "no such scenarios");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The events of the samples that are refused, as their comments say.
const SAMPLES: [(&str, &[(&str, &str)]); 6] = [
    ("cxl", &[("offline memory96-memory111", "EBUSY"), ("remove dax0.0", "EBUSY")]),
    ("dax-kmem", &[("remove dax0.0", "EBUSY")]),
    ("dimm", &[("remove dimm1", "EBUSY")]),
    ("growing-vm-dimms", &[]),
    ("growing-vm-virtio-mem", &[]),
    ("virtio-mem", &[]),
];

#[test]
fn the_samples_do_what_their_comments_say() {
    let samples = scenarios("examples/scenarios");
    assert_eq!(samples.iter().map(|sample| sample.name.as_str()).collect::<Vec<_>>(), SAMPLES.map(|s| s.0));
    for (sample, (name, refused)) in samples.iter().zip(SAMPLES) {
        let outcome = simulate(sample, false);
        assert_eq!(outcome.wrong, [""; 0], "{name}");
        let found: Vec<_> = outcome.refused.iter().map(|(event, errno)| (event.as_str(), *errno)).collect();
        assert_eq!(found, refused, "{name}");
    }
}

#[test]
fn the_command_simulates_each_scenario_like_the_library() {
    for scenario in scenarios("captures/life").iter().chain(&scenarios("examples/scenarios")) {
        let document = common::physmem(&["simulate", "-J", scenario.path.to_str().unwrap()]);
        let steps = document["steps"].as_array().unwrap();
        let events = 1 + scenario.steps.iter().map(|step| step.events.len()).sum::<usize>();
        assert_eq!(steps.len(), events, "{}", scenario.name);
        let library = simulate(scenario, false);
        assert_eq!(steps.last().unwrap()["iomem"], library.iomem, "{}", scenario.name);
        let refused = steps.iter().filter(|step| !step["refused"].is_null());
        let refused: Vec<_> = refused.map(|step| step["refused"]["errno"].as_str().unwrap()).collect();
        assert_eq!(refused, library.refused.iter().map(|one| one.1).collect::<Vec<_>>(), "{}", scenario.name);
    }
}
