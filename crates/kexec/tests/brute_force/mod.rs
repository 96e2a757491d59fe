//! Places found by trying every address, with nothing of the search that they are held against.

use kexec::search::Direction;
use memblock::PhysRange;

pub(crate) const PAGE: u64 = 0x1000;

/// What a segment asks for, by the rules of its loader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Bytes, not rounded.
    pub(crate) size: u64,
    /// Of the start, at least a page.
    pub(crate) alignment: u64,
    /// The lowest start, and the highest end.
    pub(crate) bounds: (u64, u64),
    pub(crate) direction: Direction,
}

/// The ranges to try, in ascending order, or in the order of the search, whatever its direction.
#[allow(dead_code)] // Handover is held against x86 alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tried<'a> {
    Ascending(&'a [PhysRange]),
    InOrder(&'a [PhysRange]),
}

/// The outermost of all aligned addresses that fits, beside what is taken.
pub(crate) fn try_all(tried: Tried<'_>, taken: &[PhysRange], asked: Asked) -> Option<PhysRange> {
    let Asked { size, alignment, bounds: (min, limit), direction } = asked;
    let good = |range: &PhysRange, start: u64| {
        let hole = PhysRange::from_size(start, size.next_multiple_of(PAGE)).ok()?;
        let fits = range.encloses(hole) && hole.start() >= min && hole.end() <= limit;
        (fits && !taken.iter().any(|other| other.overlaps(hole))).then_some(hole)
    };
    let within = |range: &PhysRange| {
        let mut starts = range.start() / alignment..range.end() / alignment + 1;
        match direction {
            Direction::TopDown => starts.rev().find_map(|n| good(range, n * alignment)),
            Direction::BottomUp => starts.find_map(|n| good(range, n * alignment)),
        }
    };
    match (tried, direction) {
        (Tried::Ascending(ranges), Direction::TopDown) => ranges.iter().rev().find_map(within),
        (Tried::Ascending(ranges), Direction::BottomUp) | (Tried::InOrder(ranges), _) => {
            ranges.iter().find_map(within)
        }
    }
}
