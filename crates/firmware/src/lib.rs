//! Checked readers of firmware's descriptions of a machine's memory.
//!
//! One module per format. Each takes bytes as a kernel or `/sys` provides them, checks them once, and returns
//! plain values: [`PhysRange`](memblock::PhysRange)s and what the format says about them. Nothing is
//! sanitized, merged or sorted: entries come out as firmware wrote them, in its order.
//!
//! | format | where to find it | module |
//! |---|---|---|
//! | e820 | `/sys/kernel/boot_params/data` | [`e820`] |
//! | EFI memory map | passed by the boot loader | [`efi`] |
//! | flattened device tree | `/sys/firmware/fdt` | [`fdt`] |
//! | ACPI SRAT, SLIT, HMAT, CEDT, MSCT | `/sys/firmware/acpi/tables/` | [`srat`], [`slit`], [`hmat`], [`cedt`], [`msct`] |
//! | kernel log | `dmesg` | [`log`] |
//!
//! # Guarantees
//!
//! - No allocation, no `unsafe`, and no panic, whatever the bytes.
//! - If the whole table is unreadable, the constructor returns an error. If one entry is bad, the iterator
//!   returns an error in its place and continues with the next entry; only after an entry with an unusable
//!   length does it end, after an error for that entry. Nothing is dropped silently.
//! - Every error says what is wrong, at which byte (or line of a log), and what was expected.
//! - Iterators are lazy, hold no state except a position, and end for any input.
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
pub mod msct;
pub mod slit;
pub mod srat;

mod bytes;

#[cfg(test)]
extern crate std;
