//! Linux's side of a comparison.

use std::ffi::CString;

use memblock::{NodeId, RegionFlags, TableKind};

use super::{Linux, LinuxError, NODES, Piece, RawRegion, number, stored_nid, wanted_nid};
use crate::operation::{AllocCall, Allocation, Answer, Mark, Operation, Side, Span, name};

/// `without`, for an iterator that leaves nothing out.
const NO_TABLE: u64 = !0;

impl Side for Linux {
    fn apply(&mut self, operation: &Operation) -> Answer {
        match *operation {
            Operation::Add(Span { base, size }) => done(self.add(base, size)),
            Operation::AddNode { span: Span { base, size }, node, flags } => {
                done(self.add_node(base, size, node, flags))
            }
            Operation::Remove(Span { base, size }) => done(self.remove(base, size)),
            Operation::Reserve(Span { base, size }) => done(self.reserve(base, size)),
            Operation::ReserveRegion { span: Span { base, size }, node, flags } => {
                done(self.reserve_region(base, size, node, flags))
            }
            Operation::Free(Span { base, size }) => done(self.phys_free(base, size)),
            Operation::PhysmemAdd(Span { base, size }) => done(self.physmem_add(base, size)),
            Operation::Mark(mark, span) => done(self.mark(mark, span)),
            Operation::SetNode { table, span, node } => {
                done(self.set_node(table, span.base, span.size, node))
            }
            Operation::TrimMemory { align } => done(self.trim_memory(align)),
            Operation::CapMemoryRange(Span { base, size }) => done(self.cap_memory_range(base, size)),
            Operation::MemLimitRemoveMap(limit) => done(self.mem_limit_remove_map(limit)),
            Operation::EnforceMemoryLimit(limit) => done(self.enforce_memory_limit(limit)),
            Operation::Alloc(ref allocation) => self.allocate(allocation),
            Operation::FindInRange { size, align, start, end } => {
                let address = self.raw_find_in_range(size, align, start, end);
                self.address(address)
            }
            Operation::ReserveMem { size, align, name: number } => {
                let parameter = CString::new(format!("{size}:{align}:{}", name(number))).unwrap_or_default();
                match self.raw_reserve_mem(&parameter) {
                    1 => Answer::Done,
                    errno => failed(self.error(errno)),
                }
            }
            Operation::ReserveMemFindByName { name: number } => {
                let name = CString::new(name(number)).unwrap_or_default();
                let found = self.raw_reserve_mem_find_by_name(&name);
                Answer::Numbers(found.map_or(Vec::new(), |found| found.to_vec()))
            }
            Operation::FreeAll { max_low_pfn } => {
                // Nothing must grow meanwhile (`Difference::NomapTwice`). Each memory region cuts at most two
                // reservations.
                let regions =
                    self.region_count(TableKind::Reserved) + 2 * self.region_count(TableKind::Memory);
                self.raw_make_room(number(TableKind::Reserved), regions + 2);
                self.free_all(max_low_pfn)
            }
            ref question => self.set_or_ask(question),
        }
    }

    fn table(&mut self, table: TableKind, rows: &mut Vec<RawRegion>) -> u64 {
        self.raw_regions(number(table), rows);
        self.raw_total_size(number(table))
    }
}

fn done(result: Result<(), LinuxError>) -> Answer {
    match result {
        Ok(()) => Answer::Done,
        Err(error) => failed(error),
    }
}

fn failed(error: LinuxError) -> Answer {
    match error {
        LinuxError::Stopped(why) => Answer::Stopped(why),
        other => Answer::Failed(other.to_string()),
    }
}

/// A piece with a single way to say "no node".
fn plain(piece: Piece) -> Piece {
    let has_none = piece.nid == i64::from(NODES);
    Piece { nid: if has_none { -1 } else { piece.nid }, ..piece }
}

impl Linux {
    fn mark(&mut self, mark: Mark, Span { base, size }: Span) -> Result<(), LinuxError> {
        match mark {
            Mark::Hotplug => self.mark_hotplug(base, size),
            Mark::ClearHotplug => self.clear_hotplug(base, size),
            Mark::Mirror => self.mark_mirror(base, size),
            Mark::Nomap => self.mark_nomap(base, size),
            Mark::ClearNomap => self.clear_nomap(base, size),
            Mark::ReservedNoinit => self.reserved_mark_noinit(base, size),
        }
    }

    fn address(&mut self, address: u64) -> Answer {
        match self.allocated(address) {
            Ok(address) => Answer::Address(address),
            Err(error) => failed(error),
        }
    }

    fn allocate(&mut self, allocation: &Allocation) -> Answer {
        let Allocation { call, size, align, start, end, node } = *allocation;
        let nid = wanted_nid(node);
        let address = match call {
            AllocCall::RangeNid => self.raw_alloc_range_nid(size, align, start, end, nid, 0),
            AllocCall::RangeExactNid => self.raw_alloc_range_nid(size, align, start, end, nid, 1),
            AllocCall::PhysRange => self.raw_phys_alloc_range(size, align, start, end),
            AllocCall::PhysTryNid => self.raw_phys_alloc_try_nid(size, align, nid),
            AllocCall::TryNid => self.raw_alloc_try_nid_raw(size, align, start, end, nid),
            AllocCall::ExactNid => self.raw_alloc_exact_nid_raw(size, align, start, end, nid),
        };
        self.address(address)
    }

    /// `memblock_free_all` for the memory below a page frame.
    pub fn free_all(&mut self, max_low_pfn: u64) -> Answer {
        // The caller must make sure that these suffice: the call cannot be repeated with more room.
        const MOST: usize = 1 << 16;
        let (mut freed, mut unfreed) = (Vec::with_capacity(MOST), Vec::with_capacity(MOST));
        self.raw_set_max_low_pfn(max_low_pfn);
        let status = self.raw_free_all(&mut freed, &mut unfreed);
        if let Err(error) = self.status(status) {
            return failed(error);
        }
        if freed.len() == freed.capacity() {
            return Answer::Failed(String::from("more blocks of pages than this comparison has room for"));
        }
        Answer::HandedOver(freed, unfreed.into_iter().map(plain).collect())
    }

    fn set_or_ask(&mut self, operation: &Operation) -> Answer {
        match *operation {
            Operation::SetBottomUp(on) => self.raw_set_bottom_up(on.into()),
            Operation::SetCurrentLimit(limit) => self.raw_set_current_limit(limit),
            Operation::SetMovableNode(on) => self.raw_set_movable_node(on.into()),
            Operation::SetMirroredKernelcore(on) => self.raw_set_mirrored_kernelcore(on.into()),
            ref question => return self.ask(question),
        }
        Answer::Done
    }

    fn ask(&mut self, question: &Operation) -> Answer {
        match *question {
            Operation::IsMemory(address) => Answer::Is(self.raw_is_memory(address) != 0),
            Operation::IsReserved(address) => Answer::Is(self.raw_is_reserved(address) != 0),
            Operation::IsMapMemory(address) => Answer::Is(self.raw_is_map_memory(address) != 0),
            Operation::IsRegionMemory(Span { base, size }) => {
                Answer::Is(self.raw_is_region_memory(base, size) != 0)
            }
            Operation::IsRegionReserved(Span { base, size }) => {
                Answer::Is(self.is_region_reserved(base, size))
            }
            Operation::OverlapsRegion(table, Span { base, size }) => {
                Answer::Is(self.raw_overlaps_region(number(table), base, size) != 0)
            }
            Operation::SearchPfnNid(pfn) => {
                let found = self.raw_search_pfn_nid(pfn);
                // A node of -1 means that it is not memory; memory without a node has MAX_NUMNODES.
                Answer::Pfns((found.nid != -1).then(|| plain(found)))
            }
            Operation::ValidateNumaCoverage(bytes) => Answer::Is(self.raw_validate_numa_coverage(bytes) != 0),
            Operation::Totals => Answer::Numbers(vec![
                self.raw_phys_mem_size(),
                self.raw_reserved_size(),
                self.raw_start_of_dram(),
                self.raw_end_of_dram(),
                self.raw_has_mirror(),
                self.raw_current_limit(),
            ]),
            Operation::FreeSize => {
                let all = RegionFlags::HOTPLUG | RegionFlags::NOMAP | RegionFlags::DRIVER_MANAGED;
                Answer::Numbers(vec![self.raw_free_size(wanted_nid(None), all.bits().into())])
            }
            Operation::WalkMemory { node, flags } => self.walk([TableKind::Memory], node, flags),
            Operation::WalkFree { node, flags } => {
                self.walk([TableKind::Memory, TableKind::Reserved], node, flags)
            }
            Operation::WalkReserved => self.walk([TableKind::Reserved], None, 0),
            Operation::WalkPhysmem { without } => self.walk([TableKind::Physmem, without], None, 0),
            Operation::WalkPfns { node } => {
                let mut pieces = Vec::new();
                self.raw_pfn_ranges(wanted_nid(node), &mut pieces);
                let pieces: Vec<_> = pieces.into_iter().map(plain).collect();
                // Linux walks these only upwards.
                let reversed = pieces.iter().rev().copied().collect();
                Answer::Pieces(pieces, reversed)
            }
            ref other => Answer::Failed(format!("{other:?} was not expected here")),
        }
    }

    /// The pieces of a table that are not in a second one.
    fn walk<const N: usize>(&mut self, tables: [TableKind; N], node: Option<NodeId>, flags: u32) -> Answer {
        let [of, without] = [0, 1].map(|at| tables.get(at).map_or(NO_TABLE, |table| number(*table)));
        let [ascending, descending] = [false, true].map(|descending| {
            let mut pieces = Vec::new();
            self.raw_ranges([of, without], (wanted_nid(node), flags.into()), descending, &mut pieces);
            pieces.into_iter().map(plain).collect()
        });
        Answer::Pieces(ascending, descending)
    }

    /// `memblock_set_node`.
    ///
    /// # Errors
    ///
    /// See [`LinuxError`].
    pub fn set_node(
        &mut self,
        table: TableKind,
        base: u64,
        size: u64,
        node: Option<NodeId>,
    ) -> Result<(), LinuxError> {
        let status = self.raw_set_node(number(table), base, size, stored_nid(node));
        self.status(status)
    }

    /// `memblock_add_range` on the reserved table.
    ///
    /// # Errors
    ///
    /// See [`LinuxError`].
    pub fn reserve_region(
        &mut self,
        base: u64,
        size: u64,
        node: Option<NodeId>,
        flags: u32,
    ) -> Result<(), LinuxError> {
        let status = self.raw_reserve_region(base, size, stored_nid(node), flags.into());
        self.status(status)
    }
}
