//! The race: our memblock against Linux's, in one process, taking turns.
//!
//! ```text
//! cargo bench -p physmem-referee                             everything, in about two minutes
//! cargo bench -p physmem-referee -- add_random 16 128        some operations, some sizes
//! ```
//!
//! A run of ours alternates with a run of Linux's, several times, on the same addresses in the same order.
//! Both have all the storage they need beforehand. The table shows the medians, their ratio, and the range
//! that half of all ratios lie in.

// A benchmark may panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[cfg(linux_memblock)]
mod clock;
#[cfg(linux_memblock)]
mod goals;
#[cfg(linux_memblock)]
mod library;
#[cfg(linux_memblock)]
mod operations;
#[cfg(linux_memblock)]
mod race;
#[cfg(linux_memblock)]
mod storage;
#[cfg(linux_memblock)]
mod trace;

#[cfg(linux_memblock)]
fn main() {
    race::run(&std::env::args().skip(1).collect::<Vec<_>>());
}

#[cfg(not(linux_memblock))]
fn main() {
    println!("{}", referee::SKIPPED);
}
