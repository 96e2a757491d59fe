//! The result of a check.

use audit::{Checked as CheckedCode, Finding, Outcome};
use machine::Unknown;

/// What a check found, and what it could not see.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) origin: String,
    pub(super) findings: Vec<Finding>,
    /// How each code ended.
    pub(super) codes: Vec<CheckedCode>,
    pub(super) unknown: Vec<Unknown>,
}

/// How many codes ended in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Summary {
    pub(super) found: usize,
    pub(super) not_found: usize,
    pub(super) cannot_be_told: usize,
    /// Of those that cannot be told: for lack of a file or privilege that this kernel offers.
    pub(super) missing: usize,
}

impl Checked {
    pub(super) fn summary(&self) -> Summary {
        let count = |is_meant: fn(&Outcome) -> bool| {
            self.codes.iter().filter(|checked| is_meant(&checked.outcome)).count()
        };
        Summary {
            found: count(|outcome| matches!(outcome, Outcome::Found(_))),
            not_found: count(|outcome| matches!(outcome, Outcome::NotFound(_))),
            cannot_be_told: count(|outcome| matches!(outcome, Outcome::CannotTell(_))),
            missing: count(|outcome| matches!(outcome, Outcome::CannotTell(gap) if gap.is_offered)),
        }
    }
}
