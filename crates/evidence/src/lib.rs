//! What was read from a machine, parsed into values.
//!
//! A [`Snapshot`] is the raw record of the files that were read. [`Evidence`] is their parsed content: each text is
//! parsed once, here, and no raw text goes further. Code that draws conclusions starts from values: the log of one
//! boot, the resource tree, zones, memory blocks, settings.
//!
//! ```
//! use evidence::{Evidence, Snapshot, Source};
//!
//! let snapshot = Snapshot {
//!     iomem: Source::Read("00100000-7fffffff : System RAM\n".into()),
//!     kernel_log: Source::Read("[    0.0] Linux version 6.12.1 (builder)\n".into()),
//!     ..Snapshot::default()
//! };
//! let evidence = Evidence::from(snapshot);
//! assert_eq!(evidence.resources.read().unwrap().system_ram().count(), 1);
//! assert!(evidence.log.read().unwrap().boot.has_beginning);
//! ```
#![forbid(unsafe_code)]

pub mod armed;
mod blocks;
mod bytes;
mod configuration;
mod cpu_list;
mod evidence;
mod kernel_version;
pub mod log;
pub mod memblock_text;
pub mod record;
mod release;
pub mod resources;
pub mod running;
pub mod settings;
pub mod snapshot;
mod source;
pub mod tables;
mod unknown;
pub mod zones;

pub use armed::{ArmedCrash, CrashImage};
pub use blocks::State;
pub use configuration::Configuration;
pub use evidence::Evidence;
pub use kernel_version::KernelVersion;
pub use log::{BootLog, LateCall, Purpose};
pub use memblock_text::MemblockTable;
pub use record::Record;
pub use release::{NotARelease, Release};
pub use resources::ResourceTree;
pub use running::{KernelText, Running, RunningCrash};
pub use snapshot::Snapshot;
pub use source::Source;
pub use tables::Tables;
pub use unknown::{Unknown, grouped};
