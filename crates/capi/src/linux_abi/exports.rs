//! The functions C calls: each takes C's types apart, and puts the answer together.
//!
//! Every one of them is `unsafe`, though C has no word for it: what callers promise stands in the module above.

mod alloc;
mod limits;
mod look;
mod mark;
mod table;
mod walk;

/// Page frame numbers have fewer bits than addresses, and so fit into C's `unsigned long`.
#[allow(clippy::cast_possible_truncation)]
const fn pfn(number: u64) -> usize {
    number as usize
}
