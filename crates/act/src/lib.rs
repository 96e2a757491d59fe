//! The only writer to a system: takes memory blocks of a running Linux online and offline, loads kernels for kexec and kdump
//! ([`kexec`]), and keeps them armed while memory comes and goes ([`watch`]).
//!
//! - [`Blocks`] finds blocks by number, node or address.
//! - [`Blocks::plan`] says what will be written, in the order that keeps zones contiguous, and what is certain before.
//! - [`Blocks::carry_out`] writes, block by block, until it is done or a [`Stop`] says otherwise. A write that waits in
//!   the kernel is interrupted; the kernel then puts the block back.
//! - [`Refusal`] says why a block is not as it was asked to be, and what would help.
//! - [`Armed`] says what kexec and kdump need then.
//!
//! ```
//! use act::{Blocks, Change, Stop, Success, Target};
//!
//! # let root = std::env::temp_dir().join(format!("act-example-{}", std::process::id()));
//! # let memory = root.join("sys/devices/system/memory");
//! # for number in 40..44 {
//! #     let block = memory.join(format!("memory{number}"));
//! #     std::fs::create_dir_all(&block)?;
//! #     std::fs::write(block.join("state"), "online\n")?;
//! #     std::fs::write(block.join("valid_zones"), "Movable\n")?;
//! # }
//! # std::fs::write(memory.join("block_size_bytes"), "8000000\n")?;
//! // On a running system: Blocks::live()?
//! let blocks = Blocks::at(&root)?;
//! let plan = blocks.plan(Change::Offline, &blocks.select(&[Target::Blocks(40, 43)])?);
//! // The lowest block of zone Movable goes first.
//! assert_eq!(plan.todo.first().map(|block| block.number), Some(40));
//!
//! let report = blocks.carry_out(plan, &Stop::default(), |_| {})?;
//! assert_eq!(report.success(), Success::All);
//! println!("{}", blocks.armed().kdump_need(Change::Offline).now);
//! # std::fs::remove_dir_all(root)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Interface: Documentation/ABI/testing/sysfs-devices-memory, Documentation/admin-guide/mm/memory-hotplug.rst.
#![deny(unsafe_code)]

mod armed;
mod block;
mod blocks;
mod change;
mod error;
mod files;
pub mod kexec;
mod order;
mod plan;
mod refusal;
mod run;
mod signals;
mod stop;
mod target;
#[cfg(test)]
mod testing;
pub mod watch;

pub use armed::{Armed, Need};
pub use block::{Block, state_word};
pub use blocks::Blocks;
pub use change::{Change, To};
pub use error::Error;
pub use evidence::snapshot::BlockState;
pub use plan::Plan;
pub use refusal::Refusal;
pub use run::{Done, Outcome, Progress, Report, Success};
pub use rustix::io::Errno;
pub use stop::{Stop, Why};
pub use target::{Target, names};
