//! The result of planning a load.

use std::path::PathBuf;

use audit::Finding;
use kexec::{Caller, Plan};
use machine::{Machine, Unknown};

/// A planned load: its files, the plan, and what had to be assumed.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) origin: String,
    pub(super) kernel: PathBuf,
    pub(super) initrd: Option<PathBuf>,
    pub(super) machine: Machine,
    pub(super) plan: Plan,
    /// Who calls kexec_load.
    pub(super) by: Caller,
    pub(super) findings: Vec<Finding>,
    pub(super) assumed: Vec<Unknown>,
}
