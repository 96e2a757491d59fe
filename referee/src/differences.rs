//! Where our answers differ from Linux 6.12 on purpose. Everything else must be equal.
//!
//! `tests/differences.rs` shows both answers for each of them.

use memblock::TableKind;

use crate::linux::{Piece, RawRegion};
use crate::operation::{Allocation, Answer, Operation, Span};

/// A deliberate difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Linux may put the memory table's new array into the very range that is being removed. Ours never does.
    GrowthIntoRemoved,
    /// When physmem's first array is full, Linux frees its memory, which memblock did not allocate. Ours
    /// keeps storage for each table, and frees nothing that it did not allocate.
    PhysmemArrayFreed,
    /// Trimming leaves Linux's memory total too large. Ours is exact.
    TrimTotal,
    /// Linux allocates 0 bytes: it returns an address and reserves nothing. Ours refuses.
    ZeroSize,
    /// If base plus size exceeds the last address, Linux wraps and cuts reservations inside the range to
    /// keep. Ours keeps everything from base up.
    CapOverflow,
    /// Linux accepts any alignment, and returns addresses that are not multiples of it. Ours refuses anything
    /// that is not a power of two.
    Alignment,
    /// The number of free pages: Linux subtracts all reservations, in memory or not, and may go below zero. Ours
    /// counts the memory that is free.
    FreePages,
    /// For Linux a range is memory only if it lies in one region. For ours also if touching regions cover it.
    AcrossRegions,
    /// Linux silently removes memory that is reserved. Ours reports how much of it was reserved.
    RemoveReserved,
    /// A full table that must not grow yet is a panic in Linux, and an allocation that cannot be recorded
    /// returns 0, as if there were no memory. Ours returns an error with the cause, and changes nothing.
    FullTable,
    /// Linux's walk over free memory returns an empty piece where two reservations touch that differ in node
    /// or attributes. Ours does not.
    EmptyPieces,
    /// In Linux, an empty range overlaps a region, and is memory, if it lies inside. Ours has no empty
    /// ranges.
    EmptyRange,
    /// Limiting memory isolates the kept range, and Linux does not merge NOMAP regions that it split. Ours
    /// are always merged.
    CapUnmerged,
    /// When trimming memory in the last `align` bytes of the address space, Linux rounds its start up to 0.
    /// Ours drops regions that hold no multiple of `align`.
    TrimWraps,
    /// Memory that starts in the last page of the address space has the page frames from 0 up in Linux. In
    /// ours it has none.
    LastPage,
    /// Linux has two ways to say "no node", -1 and `MAX_NUMNODES`, and regions that differ only in that do
    /// not merge. Ours has one.
    NoNodeTwice,
    /// If the reserved table grows while Linux hands memory over, it lists NOMAP memory twice among the
    /// memory that keeps its pages. Ours makes room before it starts.
    NomapTwice,
    /// Ours can record the owner of a reservation, as for `reserve_mem=`, and does not merge reservations
    /// with different owners. Linux has no owners and merges them.
    Owners,
}

impl Difference {
    /// All differences.
    pub const ALL: [Self; 18] = [
        Self::GrowthIntoRemoved,
        Self::PhysmemArrayFreed,
        Self::TrimTotal,
        Self::ZeroSize,
        Self::CapOverflow,
        Self::Alignment,
        Self::FreePages,
        Self::AcrossRegions,
        Self::RemoveReserved,
        Self::FullTable,
        Self::EmptyPieces,
        Self::EmptyRange,
        Self::CapUnmerged,
        Self::TrimWraps,
        Self::LastPage,
        Self::NoNodeTwice,
        Self::NomapTwice,
        Self::Owners,
    ];
}

/// Linux's tables before a call.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// Memory.
    pub memory: &'a [RawRegion],
    /// Linux's memory total minus the actual memory.
    pub excess: u64,
}

const PAGE: u64 = 0x1000;

/// The difference that would leave the sides with different tables, so that the comparison could not
/// continue. Such a call is not made.
pub fn parts_ways(operation: &Operation, before: &Before<'_>) -> Option<Difference> {
    let starts_above = |start: u64| before.memory.iter().any(|region| region.base > start);
    let end = before.memory.last().map_or(0, |last| last.base + last.size);
    match *operation {
        Operation::CapMemoryRange(Span { base, size }) if base.checked_add(size).is_none() => {
            Some(Difference::CapOverflow)
        }
        // Linux checks its total to find out whether there is memory.
        Operation::CapMemoryRange(_) if before.memory.is_empty() && before.excess > 0 => {
            Some(Difference::TrimTotal)
        }
        Operation::TrimMemory { align } if starts_above(align.wrapping_neg()) => Some(Difference::TrimWraps),
        Operation::WalkPfns { .. } | Operation::ValidateNumaCoverage(_)
            if starts_above(PAGE.wrapping_neg()) =>
        {
            Some(Difference::LastPage)
        }
        // A free piece may start there even if the region does not.
        Operation::FreeAll { .. } if end > PAGE.wrapping_neg() => Some(Difference::LastPage),
        _ => None,
    }
}

/// The difference that explains two different answers. The tables are still equal.
pub fn explains(
    operation: &Operation,
    before: &Before<'_>,
    ours: &Answer,
    linux: &Answer,
) -> Option<Difference> {
    match (operation, ours, linux) {
        (
            Operation::Alloc(Allocation { size: 0, .. }) | Operation::FindInRange { size: 0, .. },
            Answer::Address(None),
            Answer::Address(Some(_)),
        ) => Some(Difference::ZeroSize),
        // The first of the totals is that of memory.
        (Operation::Totals, Answer::Numbers(ours), Answer::Numbers(linux)) => {
            let is_excess = ours[0].wrapping_add(before.excess) == linux[0] && ours[1..] == linux[1..];
            is_excess.then_some(Difference::TrimTotal)
        }
        (Operation::IsRegionMemory(span), Answer::Is(true), Answer::Is(false)) => {
            is_covered(before.memory, *span).then_some(Difference::AcrossRegions)
        }
        (
            Operation::IsRegionMemory(span)
            | Operation::OverlapsRegion(_, span)
            | Operation::IsRegionReserved(span),
            Answer::Is(false),
            Answer::Is(true),
        ) => (span.size == 0 || span.base == u64::MAX).then_some(Difference::EmptyRange),
        (
            Operation::WalkFree { .. }
            | Operation::WalkPhysmem { without: TableKind::Reserved | TableKind::Memory },
            Answer::Pieces(up, down),
            Answer::Pieces(linux_up, linux_down),
        ) => {
            let full = |pieces: &[Piece]| -> Vec<Piece> {
                pieces.iter().filter(|piece| piece.start < piece.end).copied().collect()
            };
            (*up == full(linux_up) && *down == full(linux_down)).then_some(Difference::EmptyPieces)
        }
        _ => None,
    }
}

/// Whether regions that touch cover a range.
fn is_covered(memory: &[RawRegion], span: Span) -> bool {
    let mut reached = span.base;
    for region in memory {
        if region.base <= reached && reached - region.base < region.size {
            reached = region.base + region.size;
        }
    }
    reached >= span.end()
}

/// Whether a call may leave regions in Linux's memory that touch and are alike ([`Difference::CapUnmerged`]).
pub const fn leaves_unmerged(operation: &Operation) -> bool {
    matches!(operation, Operation::CapMemoryRange(_) | Operation::MemLimitRemoveMap(_))
}
