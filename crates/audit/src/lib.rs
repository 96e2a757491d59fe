//! What is wrong with a machine's kexec and kdump: with what is loaded, or with a plan.
//!
//! [`audit`] and [`of_plan`] run every check of one registry. Each finding rests on data of the machine at hand, which it
//! quotes; without evidence there is no finding. What memory may be used for is decided by the [`rules`]. Where a loaded
//! image lies is known only from the kernel log ([`evidence::log::LoadLog`]); [`unknowable`] says which findings stay open
//! without it.
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
mod subject;
#[cfg(test)]
mod testing;
mod unknowable;

pub use audits::{audit, of_plan, unknowable};
pub use checks::of_plan_error;
pub use finding::{Code, Finding, Severity};
