//! A C interface to physmem's memblock, in two forms.
//!
//! - For new C code: opaque handles, declared and documented in `include/physmem.h`, which is generated from
//!   the comments here. `examples/tour.c` is a tour of it.
//! - For C code written for Linux's memblock: Linux's own symbols and `struct memblock`, with the feature
//!   `linux-abi`; see `src/linux_abi.rs`.
//!
//! `cargo build --release -p physmem-capi` builds `target/release/libphysmem_capi.a`. It uses no heap. Rust's
//! standard library is linked only for its panic message, and not at all without the feature `std`; see
//! [`no_std`] for that build.
//!
//! Rust programs use crates/memblock directly.
#![no_std]
// The C functions share one safety contract, which the header states once, at its top.
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
