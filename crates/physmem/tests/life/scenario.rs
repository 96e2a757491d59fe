//! The scenarios in captures/life.

use std::path::PathBuf;

use serde::Deserialize;

use crate::common::root;

/// A life: where it begins, and what happens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) path: PathBuf,
    #[serde(rename = "title")]
    _title: String,
    from: PathBuf,
    #[serde(rename = "step")]
    pub(crate) steps: Vec<Step>,
}

/// Events, and the captured state that they lead to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) name: Option<String>,
    pub(crate) events: Vec<String>,
}

/// All scenarios in a directory, by name.
pub(crate) fn scenarios(directory: &str) -> Vec<Scenario> {
    let entries = std::fs::read_dir(root().join(directory)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Scenario {
    let text = std::fs::read_to_string(&path).unwrap();
    let scenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Scenario { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), path, ..scenario }
}

impl Scenario {
    /// The capture it begins with.
    pub(crate) fn start(&self) -> PathBuf {
        self.path
            .with_file_name(&self.from)
            .canonicalize()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The captured state of a step.
    pub(crate) fn captured(&self, step: &str) -> PathBuf {
        let path = self.start().with_file_name(format!("{step}.tar.gz"));
        assert!(path.is_file(), "{}: there is no capture {}", self.name, path.display());
        path
    }

    /// The captured states of its machine that it does not come to: the first kernel's only.
    pub(crate) fn left_out(&self) -> Vec<String> {
        let start = self.start();
        let directory = start.parent().unwrap();
        let is_of_next_kernel = |name: &str| name.starts_with("90-") || name.starts_with("stage2");
        let is_of_several_steps = directory.join("machine.json").is_file()
            || start.file_name().unwrap().to_string_lossy().starts_with(|first: char| first.is_ascii_digit());
        if !is_of_several_steps || is_of_next_kernel(&start.file_name().unwrap().to_string_lossy()) {
            return Vec::new();
        }
        let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left_out: Vec<String> = names
            .filter_map(|name| name.to_str().unwrap().strip_suffix(".tar.gz").map(str::to_owned))
            .filter(|name| !is_of_next_kernel(name))
            .filter(|name| !start.ends_with(format!("{name}.tar.gz")))
            .filter(|name| self.steps.iter().all(|step| step.name.as_ref() != Some(name)))
            .collect();
        left_out.sort();
        left_out
    }
}
