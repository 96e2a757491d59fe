//! Real boots, made again: what each kernel asked of its memblock, with `memblock=debug` in its log, is asked
//! of ours, and at every point where the kernel shows its tables, ours must be the same.
//!
//! Three kinds of facts are counted, and all must be right:
//!
//! - *dumped*: the rows of every dump after the one a replay starts from, with nodes and attributes; and on
//!   x86 of the first one's memory, from the calls that added it;
//! - *allocated*: where the kernel's allocator put what it was asked for, with the request as it was logged.
//!   A request that it could not serve counts too: ours must not serve it either;
//! - *at the end*: on arm64, which keeps its tables, /sys/kernel/debug/memblock, byte for byte, nodes and
//!   attributes included, after our own hand-over and whatever was hot-added since; on x86, which does not,
//!   the ranges a script computed from the same log with plain sets.
//!
//! `cargo test -p physmem-host --test replay -- --nocapture` prints the counts, capture by capture.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod captures;
mod events;
mod replay;
mod tally;

use std::sync::OnceLock;

use captures::{Capture, captures};
use events::{Event, events};
use memblock::{PhysRange, RegionTable, ranges};
use replay::{Nodes, Replay};
use tally::Tally;

/// The captures whose log shows no boot, and why.
const NOT_REPLAYED: [(&str, &str); 16] = [
    ("x86/h2-with/01-loaded", NO_DEBUG),
    ("x86/h2-without/01-loaded", NO_DEBUG),
    ("x86/h3-121/01-loaded", NO_BEGINNING),
    ("x86/h5-kdump-life/01-added-offline", NO_DEBUG),
    ("x86/h5-kdump-life/02-online", NO_DEBUG),
    ("x86/h5-kdump-life/03-removed", NO_DEBUG),
    ("x86/h5-kdump-life/04-reloaded", NO_DEBUG),
    ("x86/h5-kdump-life/05-never-online-removed", NO_DEBUG),
    ("x86/h5-kdump-life/06-kexec_load", NO_DEBUG),
    ("x86/h5-kdump-life/07-limit-spent", NO_DEBUG),
    ("x86/h5-kdump-life/08-disabled", NO_DEBUG),
    ("x86/h5-kdump-life/09-given-back", NO_DEBUG),
    ("x86/h6-soft-reserved/01-boot", NO_DEBUG),
    ("x86/h6-soft-reserved/02-loaded-without", NO_DEBUG),
    ("x86/h6-soft-reserved/03-loaded-with", NO_DEBUG),
    ("x86/plain-2g-quiet-nodebug", NO_DEBUG),
];
const NO_DEBUG: &str = "it was booted without memblock=debug";
const NO_BEGINNING: &str = "the beginning of its log was overwritten, and no dump is left";

/// What became of one capture.
struct Outcome {
    name: String,
    nodes: &'static str,
    calls: usize,
    unknown: usize,
    dumped: Tally,
    allocated: Tally,
    at_the_end: Tally,
}

/// All captures' outcomes, and those that could not be replayed.
#[derive(Default)]
struct Outcomes {
    replayed: Vec<Outcome>,
    not_replayed: Vec<(String, &'static str)>,
}

/// Every capture, replayed once for all tests.
fn outcomes() -> &'static Outcomes {
    static OUTCOMES: OnceLock<Outcomes> = OnceLock::new();
    OUTCOMES.get_or_init(|| {
        let mut outcomes = Outcomes::default();
        let mut before: Option<(String, Replay)> = None;
        for capture in captures() {
            let events = events(capture.log());
            let has_dump = events.iter().any(|event| matches!(event, Event::Dump(_)));
            check_reading(&capture, &events);
            // On arm64, the logs of a machine's later steps hold what is new since the step before.
            let is_next = |family: &str| capture.is_arm64() && family == capture.family();
            let mut replay = match before.take() {
                _ if has_dump => Replay::of_boot(&capture),
                Some((family, replay)) if is_next(&family) => Replay::of_step(replay, &capture),
                _ => {
                    let has_debug = capture.has_parameter("memblock=debug");
                    let why = if has_debug { NO_BEGINNING } else { NO_DEBUG };
                    let facts = capture.facts.expect("the script looked at every capture of x86");
                    assert_eq!(facts.reserved_after_replay, None, "{}: {why}", capture.name);
                    outcomes.not_replayed.push((capture.name, why));
                    continue;
                }
            };
            replay.run(&events);
            outcomes.replayed.push(outcome(&capture, &replay));
            before = Some((capture.family().to_owned(), replay));
        }
        print(&outcomes);
        outcomes
    })
}

/// The dumps as our readers see them are those that the script saw.
fn check_reading(capture: &Capture, events: &[Event<'_>]) {
    let Some(facts) = &capture.facts else { return };
    let dumps: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Dump(dump) = event { Some(dump) } else { None })
        .collect();
    assert_eq!(dumps.len(), facts.dumps.len(), "{}", capture.name);
    for (ours, script) in dumps.into_iter().zip(&facts.dumps) {
        assert_eq!(ours.memory, script.memory, "{}", capture.name);
        assert_eq!(ours.reserved, script.reserved, "{}", capture.name);
    }
}

fn outcome(capture: &Capture, replay: &Replay) -> Outcome {
    let mut at_the_end = Tally::default();
    let memblock = &replay.memblock;
    if capture.is_arm64() {
        let kept = &capture.snapshot.memblock;
        for (table, kept) in [(memblock.memory(), &kept.memory), (memblock.reserved(), &kept.reserved)] {
            let text = table.to_string();
            let kept: Vec<&str> = kept.read().unwrap().lines().collect();
            at_the_end.compare("debugfs", text.lines(), &kept);
        }
    } else {
        let facts = capture.facts.as_ref().unwrap();
        let name = &capture.name;
        assert_eq!(replay.calls_since_dump, facts.replayed_events, "{name}: calls behind the last dump");
        let expected = facts.reserved_after_replay.as_ref().unwrap();
        at_the_end.compare("reserved at the end", joined(memblock.reserved()), expected);
    }
    Outcome {
        name: capture.name.clone(),
        nodes: match replay.nodes {
            Nodes::Log => "log",
            Nodes::Dump => "dump",
        },
        calls: replay.calls,
        unknown: replay.unknown,
        dumped: replay.dumped.clone(),
        allocated: replay.allocations.clone(),
        at_the_end,
    }
}

/// The ranges of a table, whatever their nodes and attributes.
fn joined(table: &RegionTable<'_>) -> Vec<PhysRange> {
    ranges::merged(table.iter()).collect()
}

fn print(outcomes: &Outcomes) {
    println!("{:40} NODES CALLS    DUMPED ALLOCATED UNKNOWN    AT END", "CAPTURE");
    let mut sums = [(); 3].map(|()| Tally::default());
    for outcome in &outcomes.replayed {
        let Outcome { name, nodes, calls, unknown, dumped, allocated, at_the_end } = outcome;
        println!("{name:40} {nodes:5} {calls:5} {dumped:>9} {allocated:>9} {unknown:7} {at_the_end:>9}");
        for (sum, tally) in sums.iter_mut().zip([dumped, allocated, at_the_end]) {
            sum.add(tally);
        }
    }
    let [dumped, allocated, at_the_end] = sums;
    let calls: usize = outcomes.replayed.iter().map(|outcome| outcome.calls).sum();
    let unknown: usize = outcomes.replayed.iter().map(|outcome| outcome.unknown).sum();
    let name = format!("{} captures", outcomes.replayed.len());
    println!("{name:40}       {calls:5} {dumped:>9} {allocated:>9} {unknown:7} {at_the_end:>9}");
    for (name, why) in &outcomes.not_replayed {
        println!("{name:40} not replayed: {why}");
    }
}

fn assert_all_right(what: fn(&Outcome) -> &Tally) {
    let mut total = 0;
    let mut wrong = Vec::new();
    for outcome in &outcomes().replayed {
        let tally = what(outcome);
        total += tally.total;
        wrong.extend(tally.wrong.iter().map(|wrong| format!("{}: {wrong}", outcome.name)));
    }
    assert!(wrong.is_empty(), "{} of {total} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(total > 0);
}

#[test]
fn our_tables_are_the_kernels_at_every_dump_of_a_real_boot() {
    assert_all_right(|outcome| &outcome.dumped);
}

#[test]
fn every_allocation_of_a_real_boot_gets_the_address_that_linux_gave_it() {
    assert_all_right(|outcome| &outcome.allocated);
}

#[test]
fn every_real_boot_ends_in_the_kernels_own_final_state() {
    assert_all_right(|outcome| &outcome.at_the_end);
}

#[test]
fn every_capture_is_replayed_but_for_those_that_say_why_not() {
    let outcomes = outcomes();
    let expected: Vec<_> = NOT_REPLAYED.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect();
    assert_eq!(outcomes.not_replayed, expected);
    assert!(outcomes.replayed.len() >= 184, "only {} captures", outcomes.replayed.len());
}
