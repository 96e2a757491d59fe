//! A scenario file.

use std::path::{Path, PathBuf};

use machine::life::Event;
use serde::Deserialize;

use crate::failure::Failure;

/// The largest scenario: a person writes it.
const LARGEST: u64 = 4 << 20;

/// The events of a scenario file, each with the name of its step, and where the machine comes from.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    pub(crate) title: Option<String>,
    pub(crate) from: Option<PathBuf>,
    pub(crate) events: Vec<(Option<String>, Event)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: Option<String>,
    from: Option<PathBuf>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: Option<String>,
    #[serde(default)]
    events: Vec<String>,
}

impl Scenario {
    /// Reads a file. Each step's name goes with its last event: the state after it is the step's.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let given = |source| Failure::Given { option: "scenario", path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(given)?;
        if !metadata.is_file() {
            return Err(Failure::NoFile { option: "scenario", path: path.to_owned() });
        }
        if metadata.len() > LARGEST {
            let why = format!("{} bytes; a scenario has at most {LARGEST}", metadata.len());
            return Err(Failure::Scenario { path: path.to_owned(), why });
        }
        let text = std::fs::read_to_string(path).map_err(given)?;
        let bad = |why: String| Failure::Scenario { path: path.to_owned(), why };
        let file: File = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text.get(..span.start).map_or(1, |before| before.lines().count().max(1)));
            let at = line.map_or_else(String::new, |line| format!("line {line}: "));
            bad(format!("{at}{}", error.message().replace('\n', ", ")))
        })?;
        let mut events = Vec::new();
        for words in file.events {
            events.push((None, words.parse().map_err(|error| bad(format!("{error}")))?));
        }
        for step in file.step {
            if step.events.is_empty() {
                let name = step.name.as_deref().unwrap_or("without a name");
                return Err(bad(format!("the step {name} has no events")));
            }
            let count = step.events.len();
            for (index, words) in step.events.into_iter().enumerate() {
                let name = step.name.clone().filter(|_| index.saturating_add(1) == count);
                events.push((name, words.parse().map_err(|error| bad(format!("{error}")))?));
            }
        }
        let from = file.from.map(|from| path.parent().unwrap_or(Path::new("")).join(from));
        Ok(Self { title: file.title, from, events })
    }
}
