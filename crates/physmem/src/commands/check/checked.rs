//! The result of a check.

use audit::Finding;
use machine::Unknown;

/// What a check found, and what it could not see.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) origin: String,
    pub(super) findings: Vec<Finding>,
    pub(super) unknown: Vec<Unknown>,
}
