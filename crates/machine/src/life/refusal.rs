//! Why Linux does not do what an event asks.

use std::fmt;

/// Why Linux does not do what an event asks. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the system call or the driver gets.
    pub errno: Errno,
    /// The rule, for scripts: words with hyphens.
    pub rule: &'static str,
    /// Why, with the number that broke the rule.
    pub reason: String,
    /// The smallest change that helps.
    pub remedy: String,
    /// The kernel function and release, or the document.
    pub source: &'static str,
}

impl Refusal {
    /// Whether the block is in the state already: of several blocks, that is no failure.
    pub(super) fn is_already(&self) -> bool {
        matches!(self.rule, "already-online" | "already-offline")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.errno, self.reason)
    }
}

impl std::error::Error for Refusal {}

/// An error number of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// Operation not permitted.
    Eperm,
    /// Too large.
    E2big,
    /// No such file, device or block.
    Enoent,
    /// Busy.
    Ebusy,
    /// Exists already.
    Eexist,
    /// No such device.
    Enodev,
    /// Invalid.
    Einval,
    /// No memory.
    Enomem,
    /// No room.
    Enospc,
    /// Not supported.
    Eopnotsupp,
}

impl Errno {
    /// The name, as in errno(3).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eperm => "EPERM",
            Self::E2big => "E2BIG",
            Self::Enoent => "ENOENT",
            Self::Ebusy => "EBUSY",
            Self::Eexist => "EEXIST",
            Self::Enodev => "ENODEV",
            Self::Einval => "EINVAL",
            Self::Enomem => "ENOMEM",
            Self::Enospc => "ENOSPC",
            Self::Eopnotsupp => "EOPNOTSUPP",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
