//! One case: its files, the command, and the comparison.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{table, tree};

/// `facts.json`.
#[derive(Deserialize)]
pub(crate) struct Facts {
    /// Where the machine was found.
    source: String,
    /// What it shows.
    shows: String,
    /// The arguments; `{SRAT}`, `{SLIT}` and `{DTB}` stand for tables built from `tables.txt` and `tree.txt`.
    command: Vec<String>,
    /// The exit status.
    exit: i32,
    /// What the kernel found, by the names that `boot -J` has for it.
    #[serde(rename = "facts")]
    seen: Map<String, Value>,
    misses: Vec<Miss>,
}

/// A fact that is known to differ.
#[derive(Deserialize)]
struct Miss {
    fact: String,
    /// The rule of the kernel's that is not modelled.
    rule: String,
}

pub(crate) struct Case {
    pub(crate) kind: String,
    pub(crate) name: String,
    path: PathBuf,
    facts: Facts,
}

#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) right: usize,
    pub(crate) explained: usize,
    pub(crate) complaints: Vec<String>,
}

fn directories(parent: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// All cases of `captures/real`, by kind and name.
pub(crate) fn cases() -> Vec<Case> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/real"));
    let of_kind = |kind: PathBuf| {
        directories(&kind).into_iter().map(move |path| {
            let text = fs::read_to_string(path.join("facts.json")).unwrap();
            let facts = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            Case { kind: name(&kind), name: name(&path), path, facts }
        })
    };
    directories(root).into_iter().flat_map(of_kind).collect()
}

impl Case {
    pub(crate) fn run(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let said_well = !self.facts.source.is_empty()
            && !self.facts.shows.is_empty()
            && self.facts.misses.iter().all(|miss| !miss.rule.is_empty());
        if !said_well {
            outcome.complaints.push("source, what it shows and the rules of misses must be said".to_owned());
        }
        let scratch = Scratch::new(&format!("{}-{}", self.kind, self.name));
        let arguments = self.facts.command.iter().map(|argument| self.built(argument, &scratch));
        let output = Command::new(env!("CARGO_BIN_EXE_physmem"))
            .current_dir(&self.path)
            .args(arguments)
            .arg("-J")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(self.facts.exit) {
            let (status, expected) = (output.status, self.facts.exit);
            outcome.complaints.push(format!("{status}, expected {expected}; {}", error.trim()));
        }
        let Ok(document) = serde_json::from_slice::<Value>(&output.stdout) else {
            if !self.facts.seen.is_empty() {
                outcome.complaints.push(format!("no answer: {}", error.trim()));
            }
            return outcome;
        };
        for (fact, seen) in &self.facts.seen {
            let predicted = of_prediction(&document, fact);
            let miss = self.facts.misses.iter().any(|miss| miss.fact == *fact);
            match (predicted == *seen, miss) {
                (true, false) => outcome.right += entries(seen),
                (false, true) => outcome.explained += 1,
                (true, true) => {
                    outcome.complaints.push(format!("{fact} comes out right: explain it no more"));
                }
                (false, false) => {
                    outcome.complaints.push(format!("{fact}:\n  predicted {predicted}\n  seen      {seen}"));
                }
            }
            // What the comparison says of itself must agree with this one: a fact that the kernel showed is compared.
            let expected = if predicted == *seen { "equal" } else { "differs" };
            if let Some(result) = self.verified(&document, fact).filter(|result| *result != expected) {
                outcome.complaints.push(format!("{fact}: --verify says {result}"));
            }
        }
        outcome
    }

    /// The result of `--verify` for a fact, where the command has it.
    fn verified<'a>(&self, document: &'a Value, fact: &str) -> Option<&'a str> {
        self.facts.command.iter().any(|argument| argument == "--verify").then_some(())?;
        let facts = document["verify"]["facts"].as_array()?;
        facts.iter().find(|one| one["fact"] == fact)?["result"].as_str()
    }

    /// What `physmem firmware -J` decodes from a table of the case.
    pub(crate) fn decoded(&self, table: &str) -> Value {
        let scratch = Scratch::new(&format!("decoded-{}-{}", self.kind, self.name));
        let file = self.built(table, &scratch);
        let output =
            Command::new(env!("CARGO_BIN_EXE_physmem")).args(["firmware", &file, "-J"]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {error}", self.name);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The text that a table is built from, where the case has it.
    pub(crate) fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.path.join(file)).ok()
    }

    /// An argument, with the path of the table that it stands for.
    fn built(&self, argument: &str, scratch: &Scratch) -> String {
        let read = |file: &str| fs::read_to_string(self.path.join(file)).unwrap();
        let bytes = match argument {
            "{SRAT}" => table::srat(&read("tables.txt")),
            "{SLIT}" => table::slit(&read("tables.txt")),
            "{DTB}" => tree::blob(&read("tree.txt")),
            _ => return argument.to_owned(),
        };
        let path = scratch.0.join(argument.trim_matches(['{', '}']));
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// A fact of the prediction, in the form of `facts.json`.
fn of_prediction(document: &Value, fact: &str) -> Value {
    let value = &document[fact];
    if fact != "crashkernel" {
        return value.clone();
    }
    let areas = ["low", "high"].into_iter().filter(|area| !value[area].is_null());
    Value::Object(
        areas
            .map(|area| {
                let ends = [value[area]["start"].clone(), value[area]["end"].clone()];
                (area.to_owned(), Value::Array(ends.to_vec()))
            })
            .collect(),
    )
}

/// How many facts a value is; that there is none, is one.
fn entries(value: &Value) -> usize {
    value.as_array().map_or_else(|| value.as_object().map_or(1, Map::len), Vec::len).max(1)
}

/// A directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("physmem-real-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
