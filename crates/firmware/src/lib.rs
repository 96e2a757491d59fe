//! Checked readers of what firmware says about a machine's memory.
//!
//! One module per format. Each takes bytes as a kernel or `/sys` hands them over, checks them once, and
//! gives plain values: [`PhysRange`](memblock::PhysRange)s and what the format says about them. Nothing here
//! sanitises, merges or sorts: entries come out as firmware wrote them, in its order.
//!
//! | format | where it is found | module |
//! |---|---|---|
//! | e820 | `/sys/kernel/boot_params/data` | [`e820`] |
//! | EFI memory map | handed over by the boot loader | [`efi`] |
//! | flattened device tree | `/sys/firmware/fdt` | [`fdt`] |
//! | ACPI SRAT, SLIT, HMAT, CEDT | `/sys/firmware/acpi/tables/` | [`srat`], [`slit`], [`hmat`], [`cedt`] |
//! | kernel log | `dmesg` | [`log`] |
//!
//! # What the readers promise
//!
//! - No allocation, no `unsafe`, and no panic, whatever the bytes.
//! - A fault that makes the whole table unreadable is an error of the constructor. A fault of one entry is
//!   an error in that entry's place, and the entries behind it still come; only where an entry's length
//!   cannot be trusted does the iteration end, after saying so. Nothing is dropped silently.
//! - Every error says what was wrong, at which byte (or line of a log), and what was expected.
//! - Iterators are lazy, hold no state beyond a position, and end for any input.
//!
//! ```
//! use firmware::e820::{self, E820Type};
//!
//! let table = [
//!     0, 0, 0, 0, 0, 0, 0, 0, // start
//!     0, 0xfc, 9, 0, 0, 0, 0, 0, // size: 639 KiB
//!     1, 0, 0, 0, // usable
//! ];
//! let first = e820::Table::new(&table)?.entries().next().unwrap()?;
//! assert_eq!(first.kind, E820Type::Ram);
//! assert_eq!(first.range.to_string(), "00000000-0009fbff");
//! # Ok::<(), e820::E820Error>(())
//! ```
#![forbid(unsafe_code)]
#![no_std]

pub mod acpi;
pub mod cedt;
pub mod e820;
pub mod efi;
pub mod fdt;
pub mod hmat;
pub mod iort;
pub mod log;
pub mod slit;
pub mod srat;

mod bytes;

#[cfg(test)]
extern crate std;
