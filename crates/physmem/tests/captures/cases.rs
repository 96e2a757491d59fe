//! The captures, read once for all tests.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use machine::{Machine, Snapshot};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures")
}

/// Every capture, with its name below `captures/` and without the extension.
fn captures() -> Vec<(String, PathBuf)> {
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
    let root = directory();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let name = |path: &PathBuf| {
        let relative = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (relative.trim_end_matches(".tar.gz").to_owned(), path.clone())
    };
    paths.iter().map(name).collect()
}

fn understand(path: &Path) -> (Snapshot, Machine) {
    let snapshot = host::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let machine = Machine::of(&snapshot).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (snapshot, machine)
}

/// A capture, read and understood.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) snapshot: Snapshot,
    pub(crate) machine: Machine,
}

/// Every capture, read once for all tests.
pub(crate) fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let understood = |(name, path): (String, PathBuf)| {
            let (snapshot, machine) = understand(&path);
            Case { name, path, snapshot, machine }
        };
        captures().into_iter().map(understood).collect()
    })
}

/// Runs `check` on every capture and fails with all complaints at once.
pub(crate) fn for_every_capture(check: impl Fn(&str, &Snapshot, &Machine) -> Vec<String>) {
    let cases = cases();
    assert!(cases.len() >= 189, "only {} captures were found", cases.len());
    let complaints: Vec<String> = cases
        .iter()
        .flat_map(|Case { name, snapshot, machine, .. }| {
            check(name, snapshot, machine).into_iter().map(move |complaint| format!("{name}: {complaint}"))
        })
        .collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
