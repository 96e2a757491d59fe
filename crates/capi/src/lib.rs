//! A C interface to physmem's memblock, with two faces.
//!
//! - For new C code: opaque handles, declared and explained in `include/physmem.h`, which is made from the
//!   comments here. `examples/tour.c` walks through it.
//! - For C code that was written for Linux's memblock: Linux's own symbols and its `struct memblock`, with the
//!   feature `linux-abi`; see `src/linux_abi.rs`.
//!
//! `cargo build --release -p physmem-capi` makes `target/release/libphysmem_capi.a`. No heap is used. What of
//! Rust's standard library is linked is what its panic message needs; without the feature `std`, nothing is
//! ([`no_std`] says how to build that).
//!
//! A program in Rust uses crates/memblock itself.
#![no_std]
// For the C face: C has one promise for all functions, which the header states once, at its top.
#![allow(clippy::missing_safety_doc)]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod alloc;
pub mod change;
pub mod failure;
pub mod grow;
pub mod hand_over;
pub mod handle;
pub mod limits;
pub mod mark;
pub mod named;
pub mod no_std;
pub mod query;
pub mod settings;
pub mod text;
pub mod types;
pub mod walk;

#[cfg(feature = "linux-abi")]
mod linux_abi;
