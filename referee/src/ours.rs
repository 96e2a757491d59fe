//! Our side of a comparison.

use memblock::{
    Chunk, HandOver, Memblock, NodeId, PfnRange, PhysRange, Region, RegionFlags, Request, ReserveMem,
    Selection, TableKind,
};

use crate::linux::{Piece, RawRegion};
use crate::operation::{AllocCall, Allocation, Answer, Mark, Operation, Side, Span, TABLES, name};

/// Memory for the tables of [`Ours`], reused by each.
#[derive(Debug)]
pub struct Storage([Vec<Chunk>; 3]);

impl Storage {
    /// This many chunks for each table.
    pub fn new(chunks: usize) -> Self {
        Self([(); 3].map(|()| vec![Chunk::EMPTY; chunks]))
    }
}

/// Our memblock.
#[derive(Debug)]
pub struct Ours<'m>(Memblock<'m>);

impl<'m> Ours<'m> {
    /// Empty tables.
    pub fn new(storage: &'m mut Storage) -> Self {
        let mut memblock = Memblock::new();
        for (table, chunks) in TABLES.into_iter().zip(&mut storage.0) {
            // The first slab always fits.
            let _ = memblock.grow(table, chunks);
        }
        Self(memblock)
    }

    /// Whether the tables' invariants hold.
    pub fn is_consistent(&self) -> bool {
        TABLES.into_iter().all(|table| self.0.table(table).is_consistent())
    }
}

/// The simulator's meaning of an alignment of 0 (`SMP_CACHE_BYTES`).
const CACHE_LINE: u64 = 32;

/// Cut at the last address, as in Linux; `None` if nothing is left.
fn capped(span: Span) -> Option<PhysRange> {
    PhysRange::new(span.base, span.end()).ok()
}

/// The end of a request: 0 and 1 mean the current limit (`MEMBLOCK_ALLOC_ACCESSIBLE` and
/// `MEMBLOCK_ALLOC_NOLEAKTRACE`).
fn given(end: u64) -> Option<u64> {
    (end > 1).then_some(end)
}

fn region(range: PhysRange, node: Option<NodeId>, flags: u32) -> Region {
    Region { range, node, flags: RegionFlags::from_bits_retain(flags) }
}

fn nid(node: Option<NodeId>) -> i64 {
    node.map_or(-1, |node| node.get().into())
}

fn piece(region: Region) -> Piece {
    Piece { start: region.range.start(), end: region.range.end(), nid: nid(region.node) }
}

fn pages(pages: PfnRange) -> Piece {
    Piece { start: pages.start, end: pages.end, nid: nid(pages.node) }
}

fn both_ways<T>(walk: impl DoubleEndedIterator<Item = T> + Clone, piece: impl Fn(T) -> Piece) -> Answer {
    Answer::Pieces(walk.clone().map(&piece).collect(), walk.rev().map(&piece).collect())
}

/// The answer of a change that returns how many bytes it changed.
fn changed<E: std::error::Error>(result: Result<u64, E>) -> Answer {
    result.map_or_else(|error| Answer::Failed(error.to_string()), Answer::Changed)
}

fn done<E: std::error::Error>(result: Result<(), E>) -> Answer {
    result.map_or_else(|error| Answer::Failed(error.to_string()), |()| Answer::Done)
}

impl Side for Ours<'_> {
    fn apply(&mut self, operation: &Operation) -> Answer {
        let memblock = &mut self.0;
        match *operation {
            Operation::SetBottomUp(on) => memblock.set_bottom_up(on),
            Operation::SetCurrentLimit(limit) => memblock.set_current_limit(limit),
            Operation::SetMovableNode(on) => memblock.set_movable_node(on),
            Operation::SetMirroredKernelcore(on) => memblock.set_mirrored_kernelcore(on),
            Operation::TrimMemory { align } => return Answer::Changed(memblock.trim_memory(align)),
            Operation::MemLimitRemoveMap(limit) => return changed(memblock.mem_limit_remove_map(limit)),
            Operation::EnforceMemoryLimit(limit) => return changed(memblock.enforce_memory_limit(limit)),
            Operation::Alloc(ref allocation) => return self.allocate(allocation),
            Operation::FindInRange { size, align, start, end } => {
                let max = given(end);
                let found = memblock.find(&Request { align, min: start, max, ..Request::new(size) });
                return Answer::Address(found.ok().map(PhysRange::start));
            }
            Operation::ReserveMem { size, align, name: number } => {
                return self.reserve_mem(&ReserveMem { size, align, name: name(number) });
            }
            Operation::FreeAll { max_low_pfn } => return self.free_all(max_low_pfn),
            ref other => return self.on_a_range(other),
        }
        Answer::Done
    }

    fn table(&mut self, table: TableKind, rows: &mut Vec<RawRegion>) -> u64 {
        let table = self.0.table(table);
        rows.clear();
        rows.extend(table.iter().map(RawRegion::from));
        table.total_size()
    }
}

impl Ours<'_> {
    /// Makes a change of a range. For an empty range, which ours does not have, it does nothing.
    fn on_a_range(&mut self, operation: &Operation) -> Answer {
        let memblock = &mut self.0;
        let (span, question) = match *operation {
            Operation::Add(span)
            | Operation::AddNode { span, .. }
            | Operation::Remove(span)
            | Operation::Reserve(span)
            | Operation::ReserveRegion { span, .. }
            | Operation::Free(span)
            | Operation::PhysmemAdd(span)
            | Operation::Mark(_, span)
            | Operation::SetNode { span, .. }
            | Operation::CapMemoryRange(span) => (span, false),
            Operation::IsRegionMemory(span)
            | Operation::IsRegionReserved(span)
            | Operation::OverlapsRegion(_, span) => (span, true),
            ref other => return self.ask(other),
        };
        let Some(range) = capped(span) else {
            return if question { Answer::Is(false) } else { Answer::Done };
        };
        match *operation {
            Operation::Add(_) => changed(memblock.add(range)),
            Operation::AddNode { node, flags, .. } => changed(memblock.add_node(region(range, node, flags))),
            Operation::Remove(_) => changed(memblock.remove(range).map(|removed| removed.size)),
            Operation::Reserve(_) => changed(memblock.reserve(range)),
            Operation::ReserveRegion { node, flags, .. } => {
                changed(memblock.reserve_region(region(range, node, flags)))
            }
            Operation::Free(_) => changed(memblock.free(range)),
            Operation::PhysmemAdd(_) => changed(memblock.physmem_add(range)),
            Operation::Mark(mark, _) => done(match mark {
                Mark::Hotplug => memblock.mark_hotplug(range),
                Mark::ClearHotplug => memblock.clear_hotplug(range),
                Mark::Mirror => memblock.mark_mirror(range),
                Mark::Nomap => memblock.mark_nomap(range),
                Mark::ClearNomap => memblock.clear_nomap(range),
                Mark::ReservedNoinit => memblock.reserved_mark_noinit(range),
            }),
            Operation::SetNode { table, node, .. } => done(memblock.set_node(table, range, node)),
            Operation::CapMemoryRange(_) => changed(memblock.cap_memory_range(range)),
            Operation::IsRegionMemory(_) => Answer::Is(memblock.is_region_memory(range)),
            Operation::IsRegionReserved(_) => Answer::Is(memblock.is_region_reserved(range)),
            Operation::OverlapsRegion(table, _) => Answer::Is(memblock.table(table).overlaps(range)),
            ref other => unexpected(other),
        }
    }

    fn allocate(&mut self, allocation: &Allocation) -> Answer {
        let Allocation { call, size, align, start, end, node } = *allocation;
        let memblock = &mut self.0;
        let align = if align == 0 { CACHE_LINE } else { align };
        let max = given(end);
        let plain = Request { align, ..Request::new(size) };
        let within = Request { min: start, max, ..plain };
        // Calls for virtual addresses return nothing above the current limit, whatever the request.
        let limited = max.map(|max| max.min(memblock.current_limit()));
        let mapped = Request { max: limited, node, min_is_optional: true, ..within };
        let request = match call {
            AllocCall::RangeNid => Request { node, ..within },
            AllocCall::RangeExactNid => Request { node, exact_node: true, ..within },
            AllocCall::PhysRange => within,
            AllocCall::PhysTryNid => Request { node, ..plain },
            AllocCall::TryNid => mapped,
            AllocCall::ExactNid => Request { exact_node: true, ..mapped },
        };
        let found = memblock.find(&request).ok();
        let allocated = memblock.alloc(&request).ok();
        if found != allocated {
            return Answer::Failed(format!("find gives {found:?}, but alloc {allocated:?}"));
        }
        Answer::Address(allocated.map(PhysRange::start))
    }

    fn reserve_mem(&mut self, parameter: &ReserveMem<'_>) -> Answer {
        let range = match self.0.reserve_mem(parameter) {
            Ok(range) => range,
            Err(error) => return Answer::Failed(error.to_string()),
        };
        // Ours records the owner and does not merge (`Difference::Owners`), so reserve again without an
        // owner.
        match self.0.free(range).and_then(|_| self.0.reserve(range)) {
            Ok(_) => Answer::Done,
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    fn free_all(&mut self, max_low_pfn: u64) -> Answer {
        let limits = HandOver { end_pfn: max_low_pfn, ..HandOver::default() };
        let freed = match self.0.free_all(limits) {
            Ok(blocks) => blocks.map(|block| [block.pfn, block.order.into()]).collect(),
            Err(error) => return Answer::Failed(error.to_string()),
        };
        Answer::HandedOver(freed, self.0.reserved_pages().map(piece).collect())
    }

    fn ask(&self, question: &Operation) -> Answer {
        let memblock = &self.0;
        let selection = |node, flags| Selection { node, flags: RegionFlags::from_bits_retain(flags) };
        match *question {
            Operation::IsMemory(address) => Answer::Is(memblock.is_memory(address)),
            Operation::IsReserved(address) => Answer::Is(memblock.is_reserved(address)),
            Operation::IsMapMemory(address) => Answer::Is(memblock.is_map_memory(address)),
            Operation::SearchPfnNid(pfn) => Answer::Pfns(memblock.search_pfn_nid(pfn).map(pages)),
            Operation::ValidateNumaCoverage(bytes) => Answer::Is(memblock.validate_numa_coverage(bytes)),
            Operation::Totals => Answer::Numbers(vec![
                memblock.memory_size(),
                memblock.reserved_size(),
                memblock.start_of_dram().unwrap_or(0),
                memblock.end_of_dram().unwrap_or(0),
                memblock.has_mirror().into(),
                memblock.current_limit(),
            ]),
            Operation::FreeSize => Answer::Numbers(vec![memblock.free_size()]),
            Operation::ReserveMemFindByName { name: number } => {
                let found = memblock.reserve_mem_find_by_name(name(number));
                Answer::Numbers(found.map_or(Vec::new(), |range| vec![range.start(), range.size()]))
            }
            Operation::WalkMemory { node, flags } => {
                both_ways(memblock.memory_ranges(selection(node, flags)), piece)
            }
            Operation::WalkFree { node, flags } => {
                both_ways(memblock.free_ranges(selection(node, flags)), piece)
            }
            Operation::WalkReserved => both_ways(memblock.reserved_ranges(), piece),
            Operation::WalkPhysmem { without } => both_ways(memblock.physmem_ranges(without), piece),
            Operation::WalkPfns { node } => both_ways(memblock.memory_pfn_ranges(node), pages),
            ref other => unexpected(other),
        }
    }
}

fn unexpected(operation: &Operation) -> Answer {
    Answer::Failed(format!("{operation:?} was not expected here"))
}
