//! Finds what is wrong with a machine's kexec and kdump: with what is loaded, or with a plan.
//!
//! [`audit`] and [`of_plan`] run every check in one registry. Each finding quotes the data of the machine
//! that it rests on; without evidence there is no finding. The [`rules`] decide what memory may be used for.
//! Only the kernel log ([`evidence::log::LoadLog`]) shows where a loaded image lies; [`unknowable`] says
//! which findings stay open without it.
//!
//! ```
//! use audit::Code;
//! use evidence::{Snapshot, Source};
//! use machine::Machine;
//! use rules::Rules;
//!
//! let mut snapshot = Snapshot {
//!     iomem: Source::Read("00100000-7fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n".into()),
//!     ..Snapshot::default()
//! };
//! snapshot.kexec.insert("kexec_crash_loaded".into(), Source::Read("0".into()));
//! let found = audit::audit(&Machine::of(snapshot)?, &Rules::LINUX);
//! assert_eq!(found[0].code, Code::KdumpNotArmed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod audits;
mod checks;
mod finding;
mod image;
mod loaded;
mod outcome;
mod subject;
#[cfg(test)]
mod testing;
mod unknowable;

pub use audits::{audit, checked, findings, of_plan, unknowable};
pub use checks::{is_of_reboot, of_plan_error};
pub use finding::{Code, Finding, Severity};
pub use outcome::{Checked, Gap, Outcome};
