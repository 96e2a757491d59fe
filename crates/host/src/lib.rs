//! Reads what a Linux machine shows about its physical memory into a [`Snapshot`], and writes captures.
//!
//! - [`read_live`] reads the running machine.
//! - [`read`] reads a copy of a machine's root directory or a tar archive of one: a capture from
//!   [`capture::write`], a sosreport, a copy made by hand.
//! - [`read_firmware`] reads firmware tables, each from its own file.
//!
//! Reading changes nothing on the machine and needs no root. Files that only root may read are recorded in the
//! snapshot as unreadable *for lack of privilege*.
//!
//! ```no_run
//! let snapshot = host::read("captures/x86/plain-2g.tar.gz".as_ref())?;
//! match &snapshot.iomem {
//!     evidence::Source::Read(text) => print!("{text}"),
//!     evidence::Source::Missing => println!("this capture has no /proc/iomem"),
//!     evidence::Source::Unreadable { why, .. } => println!("{why}"),
//! }
//! # Ok::<(), host::ReadError>(())
//! ```
//!
//! # What is read
//! `/proc/{iomem,cmdline,zoneinfo,version,config.gz}`, `/sys/firmware/{memmap,fdt,acpi/tables}`,
//! `/sys/kernel/boot_params/data`, `/sys/devices/system/{memory,node}`, `/sys/kernel/kexec*`,
//! `/sys/kernel/debug/memblock`, the parameters of `memory_hotplug`, and the kernel log.
//!
//! In the snapshot's maps (`acpi_tables`, `memory_hotplug`, `kexec`, `nodes.lists`), a missing file has no
//! entry; an unreadable file has an entry that says why.
//!
//! # Limits
//! A file larger than any kernel prints is unreadable, not half read. Archives are streamed: only the files
//! above are kept, up to a total limit, so a hostile or huge archive cannot exhaust memory.
#![forbid(unsafe_code)]

pub mod capture;

mod error;
mod firmware_input;
mod read;
mod readers;
mod root;

pub use error::{CaptureError, ReadError};
pub use evidence::Snapshot;
pub use firmware_input::{FirmwareFileError, FirmwareTable, read_firmware, read_firmware_tables};
pub use read::{read, read_live};
pub use readers::running::{RunningReadError, running};
