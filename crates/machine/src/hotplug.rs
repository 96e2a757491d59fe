//! Plans of what people do to memory while Linux runs: adding much of it, and taking some away.
//!
//! [`Plan`] says what becomes of memory that is added step by step: its zones, what its struct pages cost and where they
//! come from, how far the auto-movable policy carries, and how much can be taken out again. All of it is simulated on a
//! copy of a [`Life`](crate::life::Life); [`qemu_pc`] makes a machine for those who have no capture.

mod alternatives;
mod effects;
mod ends;
mod next_dimm;
mod offline;
mod plan;
mod removal;
mod remove;
mod request;
mod settings;
mod stop;
mod sums;
mod todo;
mod x86_vm;

pub use alternatives::{Alternative, alternatives, compared};
pub use ends::{Ends, windows};
pub use next_dimm::{NextDimm, next_dimm};
pub use offline::{Answer, Immovable, OfflineAnswer, offline_answers};
pub use plan::Plan;
pub use removal::{
    Breaks, By, Effect, Objection, Owner, Removal, RemovalError, RemovalTarget, Subject, Todo,
};
pub use request::{PlanError, PlanRequest, Via};
pub use settings::{Settings, SettingsError};
pub use stop::Stop;
pub use sums::{Pressure, Row, Sums};
pub use x86_vm::{BaseError, qemu_pc};
