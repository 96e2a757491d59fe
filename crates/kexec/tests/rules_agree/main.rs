//! What loaders do by mechanisms of their own (walking the resource tree or memblock, reading a map, comparing names)
//! is what the rules say: page by page, for both loaders, on every capture and on random machines.
//!
//! The mechanisms stand in `mechanism.rs`, written down from what each loader reads, without asking the rules. Where
//! both disagree, one of the two is wrong.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod mechanism;
mod pages;
mod random;

use std::path::{Path, PathBuf};

use kexec::CrashKernel;
use machine::Machine;
use rules::{Loader, Rules, Use};

use crate::pages::Disagreement;

/// Holds every mechanism against the rules on one machine; gives the number of compared pieces of memory.
fn compare(machine: &Machine, rules: &Rules) -> Result<usize, Vec<Disagreement>> {
    let mut compared = 0;
    let mut wrong = Vec::new();
    let crash = CrashKernel::of(machine).ok();
    for loader in Loader::ALL {
        let uses = [
            (Use::KexecImage(loader), mechanism::may_lie(machine, loader)),
            (Use::NextKernel(loader), mechanism::told(machine, loader)),
            (Use::Vmcore(loader), crash.map(|crash| mechanism::dumped(machine, loader, &crash))),
        ];
        for (of, mechanism) in uses {
            let Some(mechanism) = mechanism else { continue };
            let found = pages::compare(machine, of, &mechanism, rules);
            compared += found.compared;
            wrong.extend(found.wrong);
        }
    }
    if wrong.is_empty() { Ok(compared) } else { Err(wrong) }
}

/// All archives of the repository that hold a machine.
fn captures() -> Vec<PathBuf> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.to_string_lossy().ends_with(".tar.gz") {
                found.push(path);
            }
        }
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&here.join("../../captures"), &mut found);
    collect(&here.join("tests/data"), &mut found);
    found.sort();
    found
}

#[test]
fn on_every_capture_the_rules_say_what_both_loaders_do() {
    let captures = captures();
    assert!(captures.len() >= 292, "only {} captures", captures.len());
    let mut compared = 0;
    for path in &captures {
        let machine = Machine::of(host::read(path).unwrap()).unwrap();
        match compare(&machine, &Rules::LINUX) {
            Ok(pieces) => compared += pieces,
            Err(wrong) => panic!("{}: {wrong:#?}", path.display()),
        }
    }
    println!("{compared} pieces of memory in {} captures", captures.len());
    assert!(compared > 10_000, "only {compared} pieces of memory were compared");
}

#[test]
fn on_random_machines_the_rules_say_what_both_loaders_do() {
    let mut compared = 0;
    for seed in 0..400 {
        let machine = random::machine(seed);
        match compare(&machine, &Rules::LINUX) {
            Ok(pieces) => compared += pieces,
            Err(wrong) => panic!("machine {seed}: {wrong:#?}"),
        }
    }
    assert!(compared > 4_000, "only {compared} pieces of memory were compared");
}

#[test]
fn a_plan_searches_where_the_mechanism_searches() {
    for path in &captures() {
        let machine = Machine::of(host::read(path).unwrap()).unwrap();
        for loader in Loader::ALL {
            let Some(searched) = mechanism::search(&machine, loader) else { continue };
            let planned =
                kexec::search_ranges(&machine, loader, &Rules::LINUX).unwrap().into_iter().collect();
            // memblock also has free memory that is no System RAM, and kexec-tools a first KiB that it leaves out.
            let differ = [pages::minus(&planned, &searched), pages::minus(&searched, &planned)];
            let differ = differ.map(|differ| pages::whole_pages_of_ram(&machine, &differ));
            assert_eq!(differ, [vec![], vec![]], "{} by {}", path.display(), loader.as_str());
        }
    }
}

#[test]
fn other_rules_are_caught_where_they_differ_from_the_mechanism() {
    // An alternative that keeps images off hot-added memory is not what Linux does.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures/x86/kx-all-exec_s/10-setup.tar.gz");
    let machine = Machine::of(host::read(&path).unwrap()).unwrap();
    assert!(compare(&machine, &Rules::LINUX).is_ok());
    assert!(compare(&machine, &Rules::HOTPLUG_FOR_ALL).is_err());
}
