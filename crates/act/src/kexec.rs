//! Loads kernels, starts them, and remembers what was loaded.
//!
//! No file of the kernel shows which image is loaded. So every load leaves a [`Record`](evidence::Record) below
//! `/run/physmem`, which is written before the call, as far as it can be, and completed after it: a full or read-only
//! `/run` is noticed while the earlier image is still armed.
//!
//! ```text
//! Records::lock -> Records::prepare -> load -> Pending::keep       (loaded)
//!                                           -> Pending::give_up    (refused: the earlier record, if that still holds)
//! ```
//!
//! Both system calls free a loaded crash kernel before they make the new one (kernel/kexec.c:do_kexec_load,
//! kernel/kexec_file.c, 6.12). Whatever can be checked is therefore checked before the call.

mod calls;
mod image;
mod records;
mod refusal;
mod start;
#[cfg(test)]
mod tests;

pub use calls::{load, unload};
pub use image::{Image, Piece};
pub use records::{Earlier, Pending, RecordError, Records};
pub use refusal::{LoadRefusal, Tried};
pub use start::{Start, may_boot, start};
