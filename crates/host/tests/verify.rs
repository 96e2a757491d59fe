//! Every capture that shows a firmware map, predicted and held against what it shows of its boot.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use machine::boot::compare::Comparison;
use machine::boot::{self, BootInput, InputError};
use memblock::rules::Rules;

fn captures(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { captures(&path) } else { vec![path] })
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .collect();
    found.sort();
    found
}

#[test]
fn every_capture_that_shows_a_firmware_map_comes_out_as_predicted() {
    let (mut compared, mut complaints) = (0, Vec::new());
    for capture in captures(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures"))) {
        let snapshot = host::read(&capture).unwrap();
        let input = match BootInput::of(&snapshot) {
            Ok(input) => input,
            // Later steps of a machine took less along.
            Err(InputError::NoMap(_)) => continue,
            Err(error) => panic!("{}: {error}", capture.display()),
        };
        let prediction = boot::predict(&input, &Rules::LINUX).unwrap();
        let comparison = Comparison::of(&snapshot, &input, &prediction);
        compared += usize::from(comparison.compared() > 0);
        if !comparison.is_equal() {
            complaints.push(format!("{}: {:#?}", capture.display(), comparison.facts));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(compared >= 158, "only {compared} captures were compared");
}
