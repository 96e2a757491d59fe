//! `physmem kexec` and `physmem kdump`: `load`, `unload`, `exec` and `status`.

mod carry_out;
pub(crate) mod exec;
mod files;
pub(crate) mod load;
mod order;
mod record;
mod state;
pub(crate) mod status;
pub(crate) mod unload;

pub(crate) use carry_out::{Loaded, carry_out, live};
pub(crate) use order::Order;
pub(crate) use state::state_of;
