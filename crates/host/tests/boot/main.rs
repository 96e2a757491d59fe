//! Every boot that was captured, predicted from what it was given, and held against what it came to.
//!
//! A fact is one entry: a region, a range, a zone, a limit, a node's order; where there is none, that there is
//! none. `cargo test -p physmem-host --test boot -- --nocapture` prints the facts that came out right, and all,
//! capture by capture.

// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod captures;
mod explained;

use evidence::{Evidence, Source};
use machine::Snapshot;
use machine::boot::verify::compare::{Compared, Comparison};
use machine::boot::{self, BootInput};
use rules::Rules;

use captures::captures;
use explained::EXPLAINED;

/// Facts that came out right, and all that could be compared.
#[derive(Clone, Copy, Default)]
struct Tally {
    right: usize,
    total: usize,
}

impl Tally {
    fn add(&mut self, right: usize, wrong: usize) {
        self.right += right;
        self.total += right + wrong;
    }
}

/// A later step of a machine holds what changed since the first, and nothing of the boot.
fn is_later_step(snapshot: &Snapshot) -> bool {
    snapshot.boot_params == Source::Missing
        && snapshot.device_tree == Source::Missing
        && snapshot.firmware_memmap == Source::Missing
        && !snapshot.kernel_log.read().is_some_and(|log| log.contains("Linux version "))
}

/// Facts that came out right, and all, of the boots of each release in `captures/releases`, but those of loads.
const BY_RELEASE: [(&str, usize, usize); 5] = [
    ("releases/6.1.0-57/", 505, 505),
    ("releases/6.12.117+deb13/", 59, 59),
    ("releases/6.18.15+deb13/", 34, 34),
    ("releases/7.3.4+deb13/", 761, 761),
    ("releases/7.3.4-kho/", 82, 87),
];

#[test]
fn every_boot_comes_out_as_it_did() {
    let mut all = Tally::default();
    let mut complaints = Vec::new();
    let mut by_release = BY_RELEASE.map(|(release, ..)| (release, 0, 0));
    for capture in captures() {
        let name = &capture.name;
        let snapshot = host::read(&capture.path).unwrap();
        let evidence = Evidence::from(&snapshot);
        let input = match BootInput::of(&evidence) {
            Ok(input) => input,
            Err(error) => {
                assert!(is_later_step(&snapshot), "{name}: {error}");
                println!("     no boot      {name}  a later step of its machine: {error}");
                continue;
            }
        };
        let prediction = boot::predict(&input, &Rules::LINUX).unwrap();
        let comparison = Comparison::of(&evidence, &input, &prediction);
        assert!(comparison.compared() >= 1, "{name}: hardly anything to compare: {comparison:?}");

        let explained = EXPLAINED.iter().find(|explained| explained.capture == name);
        let mut tally = Tally::default();
        for fact in &comparison.facts {
            let is_explained = explained.is_some_and(|explained| explained.facts.contains(&fact.fact));
            match &fact.result {
                Compared::Equal { entries } => tally.add((*entries).max(1), 0),
                Compared::Differs(differences) => tally.add(0, differences.len()),
                Compared::NotCompared { .. } => {}
            }
            match &fact.result {
                Compared::Differs(differences) if !is_explained => {
                    complaints.push(format!("{name}: {}: {differences:#?}", fact.fact));
                }
                Compared::Equal { .. } if is_explained => {
                    complaints.push(format!("{name}: {} comes out right: explain it no more", fact.fact));
                }
                _ => {}
            }
        }
        let why = explained.map_or("", |explained| explained.why);
        println!("{:5} of {:5}  {name}  {why}", tally.right, tally.total);
        if let Some((_, right, total)) =
            by_release.iter_mut().find(|(release, ..)| name.starts_with(release) && !name.contains("/kx-"))
        {
            *right += tally.right;
            *total += tally.total;
        }
        all.right += tally.right;
        all.total += tally.total;
    }
    println!("{:5} of {:5}  all", all.right, all.total);
    assert!(all.total > 5000, "only {} facts were compared: are the captures there?", all.total);
    assert_eq!(by_release, BY_RELEASE);
    let gone =
        EXPLAINED.iter().filter(|explained| !captures().any(|capture| capture.name == explained.capture));
    assert_eq!(gone.map(|explained| explained.capture).collect::<Vec<_>>(), [""; 0], "no such captures");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
