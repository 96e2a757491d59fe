//! Why a line of a log cannot be read.

use memblock::RangeError;

/// Why a line that starts like one that a reader knows cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The text differs from what the kernel prints there.
    #[error("line {line}: {what}: expected {expected}")]
    Malformed {
        /// 1-based line number.
        line: usize,
        /// The kind of line it starts as.
        what: &'static str,
        /// What was expected where reading stopped.
        expected: &'static str,
    },
    /// The line is well-formed, but its two numbers are not a range.
    #[error("line {line}: {what}: {source}")]
    Range {
        /// 1-based line number.
        line: usize,
        /// The kind of line it is.
        what: &'static str,
        /// What is wrong with the range.
        source: RangeError,
    },
}

impl LogError {
    /// The 1-based number of the line.
    pub const fn line(&self) -> usize {
        match *self {
            Self::Malformed { line, .. } | Self::Range { line, .. } => line,
        }
    }
}
