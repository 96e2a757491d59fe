//! Facts that could not be established, and why.

mod grouped;

use serde::Serialize;

pub use grouped::grouped;

use crate::source::Source;

/// What supplies everything that a report or a single file lacks.
const CAPTURE: &str = "`physmem capture`, run as root on the machine, keeps all of it";

/// A fact that could not be established, and which answers that affects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// The file or fact that is missing.
    pub what: String,
    /// Why it is missing.
    pub why: String,
    /// Which answers depend on it, and what they assume instead.
    pub effect: String,
    /// What would make it known, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Unknown {
    /// The unknown that results if a source was not read; `None` if it was read.
    pub fn from_source<T>(what: &str, source: &Source<T>, effect: &str) -> Option<Self> {
        let (why, remedy) = match source {
            Source::Read(_) => return None,
            Source::Missing => (format!("{what} is not there"), None),
            Source::Unreadable { why, for_lack_of_privilege } => {
                let remedy = "run as root, or give --from a capture that root made".to_owned();
                (why.clone(), for_lack_of_privilege.then_some(remedy))
            }
        };
        Some(Self { what: what.to_owned(), why, effect: effect.to_owned(), remedy })
    }

    /// If a file is simply not there: that this form of input does not hold it, and what would.
    #[must_use]
    pub fn in_form(self, form: &str) -> Self {
        match self.why.strip_suffix(" is not there").filter(|file| file.starts_with('/')) {
            Some(file) if self.remedy.is_none() => {
                Self { why: format!("{form} does not hold {file}"), remedy: Some(CAPTURE.to_owned()), ..self }
            }
            _ => self,
        }
    }

    /// An unknown without a remedy.
    pub fn new(what: &str, why: &str, effect: &str) -> Self {
        Self { what: what.to_owned(), why: why.to_owned(), effect: effect.to_owned(), remedy: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_was_read_leaves_nothing_unknown() {
        assert_eq!(Unknown::from_source("/proc/iomem", &Source::Read(1), "all"), None);
    }

    #[test]
    fn lack_of_privilege_is_reported_with_its_remedy() {
        let source: Source<u8> = Source::Unreadable { why: "denied".into(), for_lack_of_privilege: true };
        let unknown = Unknown::from_source("/proc/iomem", &source, "all").unwrap();
        assert_eq!(unknown.why, "denied");
        assert!(unknown.remedy.unwrap().contains("root"));
    }
}
