//! Real machines, reduced to their memory: what the command says of each, held against what its kernel said.
//!
//! `captures/real/README.md` says how a case is laid out. Every fact in a case's `facts.json` must be what was
//! predicted, or stand under its `misses` with the rule of the kernel's that is not modelled; a miss that comes out
//! right is an error too. `open.rs` lists the cases that wait for something. `cargo test -p physmem --test real -- --nocapture` prints the facts that came out right.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod case;
mod open;
mod table;
mod tree;

use serde_json::{Value, json};

use case::{Outcome, cases};
use open::OPEN;
use table::Sections;

/// How many cases of each kind there are at least.
const WANTED: [(&str, usize); 7] = [
    ("servers", 13),
    ("tables", 12),
    ("boards", 8),
    ("vms", 10),
    ("reports", 6),
    ("old", 5),
    ("desktops", 7),
];

#[test]
fn there_are_enough_machines_of_each_kind() {
    let cases = cases();
    for (kind, wanted) in WANTED {
        let found = cases.iter().filter(|case| case.kind == kind).count();
        assert!(found >= wanted, "captures/real/{kind}: {found} cases, at least {wanted} expected");
    }
    let unknown = cases.iter().filter(|case| !WANTED.iter().any(|(kind, _)| case.kind == *kind));
    assert_eq!(
        unknown.map(|case| &case.name).collect::<Vec<_>>(),
        [""; 0],
        "kinds that no number is given for"
    );
}

#[test]
fn every_real_machine_is_predicted_as_its_kernel_found_it() {
    let (mut right, mut explained, mut waiting, mut complaints) = (0, 0, 0, Vec::new());
    for case in cases() {
        let outcome = case.run();
        println!("{:4} right, {} missed  {}/{}", outcome.right, outcome.explained, case.kind, case.name);
        let Outcome { right: of_case, explained: misses, complaints: of_this } = outcome;
        right += of_case;
        explained += misses;
        let name = format!("{}/{}", case.kind, case.name);
        match OPEN.iter().find(|(kind, open, _)| *kind == case.kind && *open == case.name) {
            Some((.., why)) if of_this.is_empty() => {
                complaints.push(format!("{name} comes out right: take it off the list ({why})"));
            }
            Some((.., why)) => {
                waiting += 1;
                for one in of_this {
                    println!("     waits for {why}: {one}");
                }
            }
            None => complaints.extend(of_this.into_iter().map(|one| format!("{name}: {one}"))),
        }
    }
    println!("{right:4} right, {explained} missed  in all; {waiting} cases wait");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_table_and_tree_of_a_real_machine_is_decoded_as_it_was_built() {
    let mut compared = 0;
    for case in cases() {
        for (file, name, facts) in [
            ("tables.txt", "{SRAT}", table::memory as fn(&str) -> Sections),
            ("tables.txt", "{SLIT}", table::distances),
            ("tree.txt", "{DTB}", tree::memory),
        ] {
            let expected = case.text(file).map_or_else(Vec::new, |text| facts(&text));
            if expected.is_empty() {
                continue;
            }
            let document = case.decoded(name);
            let sections = &document["files"][0]["tables"][0]["sections"];
            for (section, rows) in expected {
                let members: Vec<String> = rows[0].as_object().unwrap().keys().cloned().collect();
                let found = sections[&section].as_array().map_or(&[][..], Vec::as_slice);
                let found = found.iter().filter(|row| row["range"].is_object() || section == "distances");
                let found: Vec<Value> = found.map(|row| only(row, &members)).collect();
                assert_eq!(found, rows, "{}/{}: {name}: {section}", case.kind, case.name);
                compared += rows.len();
            }
        }
    }
    assert!(compared > 80, "only {compared} rows were compared: are the tables there?");
}

/// Some members of a row; of a range its ends.
fn only(row: &Value, members: &[String]) -> Value {
    let member = |name: &String| match &row[name] {
        Value::Object(range) => (name.clone(), json!([range["start"], range["end"]])),
        value => (name.clone(), value.clone()),
    };
    Value::Object(members.iter().map(member).collect())
}
