//! The outcome of reading one source of facts.

use serde::{Deserialize, Serialize};

/// The outcome of reading one source of facts.
///
/// Absent is not empty: a file that could not be read is never shown as an empty one, and every answer that would have
/// used it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source<T> {
    /// Its content.
    Read(T),
    /// There is no such file: the kernel does not provide it, or the capture did not include it.
    #[default]
    Missing,
    /// It exists, but could not be read or parsed.
    Unreadable {
        /// What went wrong, as one sentence that includes the file's path.
        why: String,
        /// Whether more privilege would have helped.
        for_lack_of_privilege: bool,
    },
}

impl<T> Source<T> {
    /// The content, if it was read.
    pub fn read(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Missing | Self::Unreadable { .. } => None,
        }
    }

    /// Whether there is no such file.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The same source with its content mapped to another value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Source<U> {
        match self {
            Self::Read(value) => Source::Read(make(value)),
            Self::Missing => Source::Missing,
            Self::Unreadable { why, for_lack_of_privilege } => {
                Source::Unreadable { why, for_lack_of_privilege }
            }
        }
    }

    /// The same source with its content parsed; if that fails, unreadable because of `FILE: ERROR`.
    pub fn parse<U, E: std::fmt::Display>(
        self,
        file: &str,
        parse: impl FnOnce(T) -> Result<U, E>,
    ) -> Source<U> {
        match self.map(parse) {
            Source::Read(Ok(value)) => Source::Read(value),
            Source::Read(Err(error)) => {
                Source::Unreadable { why: format!("{file}: {error}"), for_lack_of_privilege: false }
            }
            Source::Missing => Source::Missing,
            Source::Unreadable { why, for_lack_of_privilege } => {
                Source::Unreadable { why, for_lack_of_privilege }
            }
        }
    }

    /// The same source, borrowed.
    pub fn as_ref(&self) -> Source<&T> {
        match self {
            Self::Read(value) => Source::Read(value),
            Self::Missing => Source::Missing,
            Self::Unreadable { why, for_lack_of_privilege } => {
                Source::Unreadable { why: why.clone(), for_lack_of_privilege: *for_lack_of_privilege }
            }
        }
    }
}
