//! Where ours answers otherwise than Linux 6.12 on purpose. Whatever is not listed here has to be equal.
//!
//! `tests/differences.rs` shows both answers for each of them.

use memblock::TableKind;

use crate::linux::{Piece, RawRegion};
use crate::operation::{Allocation, Answer, Operation, Span};

/// A deliberate difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Linux may put a grown array of memory into the very range that is being removed. Ours never does.
    GrowthIntoRemoved,
    /// When physmem's first array is full, Linux frees the memory it lies in, which memblock did not
    /// allocate. Ours keeps storage for each table, and frees none that it did not allocate.
    PhysmemArrayFreed,
    /// Trimming leaves Linux's total of memory too large. Ours is exact.
    TrimTotal,
    /// Linux allocates 0 bytes: it gives an address and reserves nothing. Ours refuses.
    ZeroSize,
    /// Where base and size together exceed the last address, Linux wraps and cuts reservations inside the
    /// range that is kept. Ours keeps everything from base on.
    CapOverflow,
    /// Linux takes any alignment, and gives addresses that are no multiples of it. Ours refuses what is not a
    /// power of two.
    Alignment,
    /// The number of free pages: Linux subtracts all that is reserved, in memory or not, and may fall below
    /// 0. Ours counts the memory that is free.
    FreePages,
    /// For Linux a range is memory only if it lies in one region. For ours also if regions touch and cover
    /// it.
    AcrossRegions,
    /// Linux removes memory that is reserved, without a word. Ours tells how much of it was.
    RemoveReserved,
    /// A full table that may not grow yet is a panic in Linux, and an allocation that cannot be noted down is
    /// the same 0 as for want of memory. Ours gives an error with the cause, and changes nothing.
    FullTable,
    /// Linux's walk over free memory shows a piece of no bytes where two reservations touch that differ in
    /// node or attributes. Ours shows none.
    EmptyPieces,
    /// An empty range overlaps, and is memory, in Linux, if it lies inside. Ours cannot be asked: a range is
    /// never empty.
    EmptyRange,
    /// Cutting memory down isolates the kept range, and Linux does not merge again what it split of NOMAP
    /// memory. Ours is always merged.
    CapUnmerged,
    /// Trimming memory in the last `align` bytes of the address space, Linux rounds its start up to 0. Ours
    /// drops what holds no multiple of `align`.
    TrimWraps,
    /// Memory that begins in the last page of the address space has the page frames from 0 on for Linux. For
    /// ours it has none.
    LastPage,
    /// Linux knows two ways to say "no node", -1 and `MAX_NUMNODES`, and regions that differ only in that do
    /// not merge. Ours knows one.
    NoNodeTwice,
    /// If the reserved table grows while Linux hands memory over, it names NOMAP memory twice among what
    /// keeps its pages. Ours finds the room before it begins.
    NomapTwice,
    /// Ours can note whom a reservation is for, as it does for those of `reserve_mem=`, and keeps apart what
    /// is for different owners. Linux knows no owners and merges them.
    Owners,
}

impl Difference {
    /// All of them.
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
    /// Linux's total of memory, less what there is.
    pub excess: u64,
}

const PAGE: u64 = 0x1000;

/// The difference that would leave both sides with other tables, so that a comparison cannot go on: such a
/// call is not made.
pub fn parts_ways(operation: &Operation, before: &Before<'_>) -> Option<Difference> {
    let starts_above = |start: u64| before.memory.iter().any(|region| region.base > start);
    let end = before.memory.last().map_or(0, |last| last.base + last.size);
    match *operation {
        Operation::CapMemoryRange(Span { base, size }) if base.checked_add(size).is_none() => {
            Some(Difference::CapOverflow)
        }
        // Linux looks at its total to find out whether there is memory.
        Operation::CapMemoryRange(_) if before.memory.is_empty() && before.excess > 0 => {
            Some(Difference::TrimTotal)
        }
        Operation::TrimMemory { align } if starts_above(align.wrapping_neg()) => Some(Difference::TrimWraps),
        Operation::WalkPfns { .. } | Operation::ValidateNumaCoverage(_)
            if starts_above(PAGE.wrapping_neg()) =>
        {
            Some(Difference::LastPage)
        }
        // What is free may begin there, where the region does not.
        Operation::FreeAll { .. } if end > PAGE.wrapping_neg() => Some(Difference::LastPage),
        _ => None,
    }
}

/// The difference that explains two answers that are not equal. The tables are equal still.
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
