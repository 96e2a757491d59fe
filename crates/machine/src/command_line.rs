//! The kernel command line: its grammar, what its parameters ask of physical memory, and how to edit it.
//!
//! [`grammar`] splits the line into parameters as the kernel does. [`BootParameters::parse`] reads every parameter that
//! affects how a boot uses memory, for one architecture and one release, and adds a remark for each value that the
//! kernel refuses, misreads or does not know. [`edit`] changes a line for a what-if.
//!
//! Sources: `Documentation/admin-guide/kernel-parameters.txt`, and the observed behavior of Linux 6.12.117 on odd
//! values. The rules cite the kernel functions that implement them.

pub mod acpi;
pub mod boot_parameters;
pub mod cma;
pub mod cpus;
pub mod crashkernel;
pub mod debug;
pub mod direct_map;
pub mod efi;
pub mod hotplug;
pub mod huge_pages;
pub mod image;
pub mod kho;
pub mod map_edit;
pub mod movable;
pub mod numa;
pub mod reserve_mem;
pub mod swiotlb;
mod unread;
pub(crate) mod values;

pub use boot_parameters::BootParameters;
pub use map_edit::MapEdit;
pub use unread::unknown_changes;
pub use values::grammar::{has, parameters, values};
pub use values::remark::Remark;
pub use values::{edit, grammar, memparse, remark};
