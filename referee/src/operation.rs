//! One memblock call, to be made on both sides, and its answer.

use memblock::{NodeId, TableKind};

use crate::linux::{Piece, RawRegion};

/// A range for Linux's calls. The size may be 0, and the range may go past the last address, where Linux cuts
/// it (`memblock_cap_size`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

impl Span {
    /// The first byte after it, at most the last address.
    pub const fn end(self) -> u64 {
        self.base.saturating_add(self.size)
    }
}

/// Attributes with calls of their own to set and clear them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `memblock_mark_hotplug`.
    Hotplug,
    /// `memblock_clear_hotplug`.
    ClearHotplug,
    /// `memblock_mark_mirror`.
    Mirror,
    /// `memblock_mark_nomap`.
    Nomap,
    /// `memblock_clear_nomap`.
    ClearNomap,
    /// `memblock_reserved_mark_noinit`.
    ReservedNoinit,
}

/// The calls that allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocCall {
    /// `memblock_alloc_range_nid`.
    RangeNid,
    /// The same with `exact_nid`.
    RangeExactNid,
    /// `memblock_phys_alloc_range`: any node.
    PhysRange,
    /// `memblock_phys_alloc_try_nid`: anywhere.
    PhysTryNid,
    /// `memblock_alloc_try_nid_raw`: the minimum is given up before the request fails.
    TryNid,
    /// `memblock_alloc_exact_nid_raw`: the same.
    ExactNid,
}

/// An allocation. Not all calls use all fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The call.
    pub call: AllocCall,
    /// Bytes.
    pub size: u64,
    /// A power of two, or 0 for a cache line.
    pub align: u64,
    /// Lowest address allowed.
    pub start: u64,
    /// First address not allowed; 0 or 1 for the current limit.
    pub end: u64,
    /// The preferred node.
    pub node: Option<NodeId>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each is the call of that name, with its arguments.
pub enum Operation {
    Add(Span),
    AddNode { span: Span, node: Option<NodeId>, flags: u32 },
    Remove(Span),
    Reserve(Span),
    ReserveRegion { span: Span, node: Option<NodeId>, flags: u32 },
    Free(Span),
    PhysmemAdd(Span),
    Mark(Mark, Span),
    SetNode { table: TableKind, span: Span, node: Option<NodeId> },
    TrimMemory { align: u64 },
    CapMemoryRange(Span),
    MemLimitRemoveMap(u64),
    EnforceMemoryLimit(u64),
    SetBottomUp(bool),
    SetCurrentLimit(u64),
    SetMovableNode(bool),
    SetMirroredKernelcore(bool),
    Alloc(Allocation),
    FindInRange { size: u64, align: u64, start: u64, end: u64 },
    ReserveMem { size: u64, align: u64, name: u8 },
    ReserveMemFindByName { name: u8 },
    FreeAll { max_low_pfn: u64 },
    IsMemory(u64),
    IsReserved(u64),
    IsMapMemory(u64),
    IsRegionMemory(Span),
    IsRegionReserved(Span),
    OverlapsRegion(TableKind, Span),
    SearchPfnNid(u64),
    ValidateNumaCoverage(u64),
    Totals,
    FreeSize,
    WalkMemory { node: Option<NodeId>, flags: u32 },
    WalkFree { node: Option<NodeId>, flags: u32 },
    WalkReserved,
    WalkPhysmem { without: TableKind },
    WalkPfns { node: Option<NodeId> },
}

/// The answer of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Success.
    Done,
    /// Success, with the number of bytes added or removed, which Linux does not return.
    Changed(u64),
    /// Failure, with the reason.
    Failed(String),
    /// Linux did not return: a panic or a BUG.
    Stopped(String),
    /// An address, `None` if none is suitable.
    Address(Option<u64>),
    /// Yes or no.
    Is(bool),
    /// A range of pages and its node.
    Pfns(Option<Piece>),
    /// A walk, ascending and descending.
    Pieces(Vec<Piece>, Vec<Piece>),
    /// Other numbers: totals, limits, ends.
    Numbers(Vec<u64>),
    /// Blocks of free pages (page frame number, order), and the memory that keeps its pages.
    HandedOver(Vec<[u64; 2]>, Vec<Piece>),
}

/// A side: ours, or Linux.
pub trait Side {
    /// Makes a call.
    fn apply(&mut self, operation: &Operation) -> Answer;

    /// Replaces the contents of `rows` with the regions of a table, and returns the table's own total size.
    fn table(&mut self, table: TableKind, rows: &mut Vec<RawRegion>) -> u64;
}

/// The three tables, in the order used everywhere here.
pub const TABLES: [TableKind; 3] = [TableKind::Memory, TableKind::Reserved, TableKind::Physmem];

/// A name for `reserve_mem=`. The last one is invalid.
pub fn name(number: u8) -> &'static str {
    const NAMES: [&str; 11] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "fifteen letters", "sixteen letters!"];
    NAMES[usize::from(number) % NAMES.len()]
}
