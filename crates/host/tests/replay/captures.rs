//! The captures, and what is known of the end of each boot.

use std::path::{Path, PathBuf};

use machine::Snapshot;
use memblock::{NodeId, PhysRange, Region, RegionFlags};
use serde_json::Value;

use crate::events::Dump;

/// One capture.
pub(crate) struct Capture {
    /// Below `captures/`, without the extension.
    pub(crate) name: String,
    pub(crate) snapshot: Snapshot,
    /// What a script of its own found in the log, without our readers and without memblock.
    pub(crate) facts: Option<Facts>,
}

/// `NAME.facts.json`.
pub(crate) struct Facts {
    pub(crate) dumps: Vec<Dump>,
    /// Calls behind the last dump.
    pub(crate) replayed_events: usize,
    /// What is reserved when all calls of the log are made on the last dump: ranges, those that touch joined,
    /// without nodes or attributes. `None` where the log has no dump.
    pub(crate) reserved_after_replay: Option<Vec<PhysRange>>,
}

impl Capture {
    pub(crate) fn log(&self) -> &str {
        self.snapshot.kernel_log.read().expect("every capture has a log")
    }

    pub(crate) fn has_parameter(&self, parameter: &str) -> bool {
        self.parameters().any(|word| word == parameter)
    }

    fn parameters(&self) -> impl Iterator<Item = &str> {
        // Later steps of a machine do not repeat it.
        self.snapshot.command_line.read().map_or("", String::as_str).split_whitespace()
    }

    /// `mem=700M`, on arm64, where it is a number of bytes.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        let value =
            self.parameters().find_map(|word| word.strip_prefix("mem=")).filter(|_| self.is_arm64())?;
        let mebibytes: u64 = value.strip_suffix('M').expect("a number of mebibytes").parse().unwrap();
        Some(mebibytes << 20)
    }

    pub(crate) fn is_arm64(&self) -> bool {
        self.name.starts_with("arm64/")
    }

    /// The directory it lies in.
    pub(crate) fn family(&self) -> &str {
        self.name.rsplit_once('/').unwrap().0
    }
}

/// Every capture, by name; so the steps of a machine follow each other. Those of `captures/boot` are left to the
/// test of predictions: no script has looked at their logs.
pub(crate) fn captures() -> impl Iterator<Item = Capture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    let mut paths = Vec::new();
    for architecture in ["arm64", "x86"] {
        collect(&root.join(architecture), &mut paths);
    }
    let mut named: Vec<(String, PathBuf)> = paths
        .into_iter()
        .filter_map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().strip_suffix(".tar.gz")?;
            Some((name.to_owned(), path))
        })
        .collect();
    named.sort();
    named.into_iter().map(|(name, path)| {
        let snapshot = host::read(&path).unwrap_or_else(|error| panic!("{error}"));
        let facts = path.with_file_name(format!("{}.facts.json", name.rsplit_once('/').unwrap().1));
        let facts = std::fs::read_to_string(facts).ok().map(|text| facts_of(&text));
        Capture { name, snapshot, facts }
    })
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}

fn facts_of(text: &str) -> Facts {
    let facts: Value = serde_json::from_str(text).unwrap();
    let regions = |value: &Value| value.as_array().unwrap().iter().map(region).collect();
    let dump = |dump: &Value| Dump { memory: regions(&dump["memory"]), reserved: regions(&dump["reserved"]) };
    let reserved = facts["reserved_after_replay"].as_array();
    Facts {
        dumps: facts["dumps"].as_array().unwrap().iter().map(dump).collect(),
        replayed_events: facts["replayed_events"].as_u64().map_or(0, |count| usize::try_from(count).unwrap()),
        reserved_after_replay: reserved.map(|ranges| ranges.iter().map(range).collect()),
    }
}

/// `["0x1000", "0x9efff"]`
fn range(value: &Value) -> PhysRange {
    let address = |value: &Value| u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16);
    PhysRange::from_inclusive(address(&value[0]).unwrap(), address(&value[1]).unwrap()).unwrap()
}

/// `["0x1000", "0x9efff", 0, 1]`, with `null` for no node
fn region(value: &Value) -> Region {
    let number = |value: &Value| value.as_u64().map(|number| u32::try_from(number).unwrap());
    let node = number(&value[2]).and_then(NodeId::new);
    let flags = RegionFlags::from_bits_retain(number(&value[3]).unwrap());
    Region { range: range(value), node, flags }
}
