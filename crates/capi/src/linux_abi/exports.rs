//! The functions that C calls. Each converts the arguments from C types and the result back.
//!
//! All of them are `unsafe`, though C has no word for it: the parent module states what callers promise.

mod alloc;
mod limits;
mod look;
mod mark;
mod table;
mod walk;

/// Page frame numbers have fewer bits than addresses, so they fit C's `unsigned long`.
#[allow(clippy::cast_possible_truncation)]
const fn pfn(number: u64) -> usize {
    number as usize
}
