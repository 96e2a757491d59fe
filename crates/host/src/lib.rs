//! Reads the physical memory of a Linux machine into one [`Snapshot`], and writes captures of it.
//!
//! The machine is the one this runs on ([`read_live`]), or any directory laid out as a machine's root, or a
//! tar archive of one: a capture written by [`capture::write`], a sosreport, a copy made by hand ([`read`]); or
//! what firmware hands over, each table in a file of its own ([`read_firmware`]).
//! Nothing is written to the machine, and nothing needs root; what root alone may see is recorded in the
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
//! In the snapshot's maps (`acpi_tables`, `memory_hotplug`, `kexec`, `nodes.lists`) a file that does not
//! exist has no entry; one that exists and cannot be read has one, which says why.
//!
//! # Limits
//! A file that is larger than any kernel prints it is unreadable, not half read. An archive is read as a
//! stream: only the files named above are kept, and their sum is limited, so that a hostile or huge one
//! cannot exhaust memory.
#![forbid(unsafe_code)]

pub mod capture;

mod error;
mod firmware_input;
mod read;
mod readers;
mod root;

pub use error::{CaptureError, ReadError};
pub use evidence::Snapshot;
pub use firmware_input::{FirmwareFileError, read_firmware};
pub use read::{read, read_live};
