//! Making the calls, and the expected effect of each.

use memblock::{DirectMap, MemblockError, NodeId, PhysRange, Region, RegionFlags, TableKind};

use crate::calls::{self, Call, Mark, Switch};
use crate::machine::{Growth, Machine, hold};
use crate::model::{self, PLAIN, Paint, Row, Tables};
use crate::{grants, hand_over, named, questions};

impl<'m> Machine<'m> {
    /// Makes one call, if there are any left in this run, and compares the result.
    pub fn make(&mut self, call: Call) {
        let Some(left) = self.calls_left.checked_sub(1) else { return };
        self.calls_left = left;
        self.call = call;
        match call {
            Call::Add(place) => self.add(TableKind::Memory, Region::plain(place.range()), None),
            Call::AddNode(place, node, flags) => {
                self.add(TableKind::Memory, calls::region(place, node, flags), None);
            }
            Call::PhysmemAdd(place) => self.add(TableKind::Physmem, Region::plain(place.range()), None),
            Call::Reserve(place) => self.add(TableKind::Reserved, Region::plain(place.range()), None),
            Call::ReserveFor(place, tag) => {
                self.add(TableKind::Reserved, Region::plain(place.range()), tag.name());
            }
            Call::ReserveKern(place) => {
                let flags = RegionFlags::RSRV_KERN;
                self.add(TableKind::Reserved, Region { flags, ..Region::plain(place.range()) }, None);
            }
            Call::ReserveRegion(place, node, flags) => {
                self.add(TableKind::Reserved, calls::region(place, node, flags), None);
            }
            Call::Remove(place) => self.remove(place.range()),
            Call::Free(place) => self.free(place.range()),
            Call::Mark(mark, place) => self.mark(mark, place.range()),
            Call::SetNode(table, place, node) => self.set_node(table.kind(), place.range(), node.node()),
            Call::Trim(align) => self.trim(align.bytes()),
            Call::EnforceMemoryLimit(limit) => self.enforce_memory_limit(limit.bytes()),
            Call::CapMemoryRange(place) => self.cap_memory_range(place.range()),
            Call::MemLimitRemoveMap(limit) => self.mem_limit_remove_map(limit.bytes()),
            Call::Alloc(ask) => grants::alloc(self, &ask.request()),
            Call::Find(ask) => grants::find(self, &ask.request()),
            Call::Set(switch, on) => self.switch(switch, on),
            Call::SetCurrentLimit(place) => {
                self.settings.current_limit = place.range().end();
                self.memblock.set_current_limit(place.range().end());
                self.unchanged();
            }
            Call::ReserveMem(size, align, name) => {
                named::reserve(self, size.bytes(), align.bytes(), &name.text());
            }
            Call::ReserveMemText(text) => named::parse_and_reserve(self, &text.bytes()),
            Call::Release(name) => named::release(self, &name.text()),
            Call::FreeAll { max_order, end } => {
                hand_over::free_all(self, u32::from(max_order), end.range().start());
            }
            Call::Grow(table, chunks) => self.grow(table.kind(), usize::from(chunks % 8)),
            Call::AllowGrowth => {
                // SAFETY: the contract of `Machine::map`; this is its only memblock.
                self.memblock.allow_growth(unsafe { DirectMap::new(self.map) });
                self.settings.may_grow = true;
                self.unchanged();
            }
            Call::Ask(place, show, turns) => {
                questions::ask(self, place.range(), show.selection(), turns);
                self.unchanged();
            }
            Call::Comb(change, place, stride, count) => {
                let count = u64::from(count).min(self.calls_left);
                for tooth in 0..count {
                    self.is_inside_comb = tooth + 1 < count;
                    self.make(change.at(place.moved(tooth * stride.units())));
                }
            }
        }
    }

    /// Expects no change.
    pub fn unchanged(&mut self) {
        self.settle(Growth::None, Ok::<_, MemblockError>(()), |_| ());
    }

    fn add(&mut self, table: TableKind, region: Region, tag: Option<&'static str>) {
        let Region { range, node, flags } = region;
        let rows = self.before.rows(table).clone();
        let (room, gaps) = (self.memblock.table(table).room(), model::minus(&[Row::plain(range)], &rows));
        let result = match (table, self.call) {
            (_, Call::Add(_)) => self.memblock.add(range),
            (_, Call::Reserve(_)) => self.memblock.reserve(range),
            (_, Call::ReserveKern(_)) => self.memblock.reserve_kern(range),
            (TableKind::Memory, _) => self.memblock.add_node(region),
            (TableKind::Physmem, _) => self.memblock.physmem_add(range),
            (TableKind::Reserved, _) => match tag {
                Some(tag) => self.memblock.reserve_for(range, tag),
                None => self.memblock.reserve_region(region),
            },
        };
        hold!(self, result.is_ok() || gaps.len() > room, "{result:?} with room for {room}, {gaps:?} are new");
        let added = self.settle(Growth::Before(range), result, |tables| {
            model::add(tables.rows(table), range, (node, flags, tag));
        });
        let new = model::size(&gaps);
        hold!(self, added.is_none_or(|added| added == new), "{added:x?} bytes of {new:#x} were added");
    }

    fn remove(&mut self, range: PhysRange) {
        let had_spare = self.memblock.memory().has_spare();
        let gone = model::within(&self.before.memory, range);
        let kept = model::minus(&gone, &self.before.reserved);
        let own = self.owns(range);
        let result = self.memblock.remove(range);
        self.check_in_use(&result, own);
        hold!(self, result.is_ok() || own || !had_spare, "{result:?} with room to spare");
        let removed = self.settle(Growth::After, result, |tables| model::remove(&mut tables.memory, range));
        let Some(removed) = removed else { return };
        let size = model::size(&gone);
        let still_reserved = size - model::size(&kept);
        let fits = removed.size == size && removed.still_reserved == still_reserved;
        hold!(self, fits, "{removed:x?} of {size:#x}, reserved {still_reserved:#x}");
    }

    fn free(&mut self, range: PhysRange) {
        let had_spare = self.memblock.reserved().has_spare();
        let size = model::size(&model::within(&self.before.reserved, range));
        let own = self.owns(range);
        let result = self.memblock.free(range);
        self.check_in_use(&result, own);
        hold!(self, result.is_ok() || own || !had_spare, "{result:?} with room to spare");
        let freed = self.settle(Growth::After, result, |tables| model::remove(&mut tables.reserved, range));
        hold!(self, freed.is_none_or(|freed| freed == size), "{freed:x?} bytes of {size:#x} were freed");
        if freed.is_some() {
            named::note_freed(self, range);
        }
    }

    /// Whether a range contains tables.
    pub fn owns(&self, range: PhysRange) -> bool {
        model::overlaps(&self.before.own(), range)
    }

    /// Checks that a call is refused as in use exactly if it would take a table's own memory away.
    pub fn check_in_use<T>(&self, result: &Result<T, MemblockError>, own: bool) {
        let refused = matches!(result, Err(MemblockError::InUse { .. }));
        hold!(self, refused == own, "refused: {refused}, but lies on tables: {own}");
    }

    fn mark(&mut self, mark: Mark, range: PhysRange) {
        let own = self.owns(range);
        let mirrored_kernelcore = self.settings.mirrored_kernelcore;
        let memblock = &mut self.memblock;
        let (result, table, flags, on) = match mark {
            Mark::Hotplug => (memblock.mark_hotplug(range), TableKind::Memory, RegionFlags::HOTPLUG, true),
            Mark::ClearHotplug => {
                (memblock.clear_hotplug(range), TableKind::Memory, RegionFlags::HOTPLUG, false)
            }
            Mark::Mirror => {
                let result = memblock.mark_mirror(range);
                let flags = if mirrored_kernelcore { RegionFlags::MIRROR } else { RegionFlags::empty() };
                self.settings.has_mirror |= mirrored_kernelcore && result.is_ok();
                (result, TableKind::Memory, flags, true)
            }
            Mark::Nomap => (memblock.mark_nomap(range), TableKind::Memory, RegionFlags::NOMAP, true),
            Mark::ClearNomap => (memblock.clear_nomap(range), TableKind::Memory, RegionFlags::NOMAP, false),
            Mark::KhoScratch => {
                (memblock.mark_kho_scratch(range), TableKind::Memory, RegionFlags::KHO_SCRATCH, true)
            }
            Mark::ClearKhoScratch => {
                (memblock.clear_kho_scratch(range), TableKind::Memory, RegionFlags::KHO_SCRATCH, false)
            }
            Mark::ReservedNoinit => {
                let result = memblock.reserved_mark_noinit(range);
                (result, TableKind::Reserved, RegionFlags::RSRV_NOINIT, true)
            }
            Mark::ReservedKern => {
                (memblock.reserved_mark_kern(range), TableKind::Reserved, RegionFlags::RSRV_KERN, true)
            }
        };
        // Unmapped memory cannot hold a table; the other attributes do not matter.
        let growth = if let Mark::Nomap = mark { Growth::Before(range) } else { Growth::BeforeAnywhere };
        self.check_in_use(&result, own && matches!(mark, Mark::Nomap));
        self.settle(growth, result, |tables| {
            model::change(tables.rows(table), range, |(node, had, owner): Paint| {
                (node, if on { had | flags } else { had.difference(flags) }, owner)
            });
        });
    }

    fn set_node(&mut self, table: TableKind, range: PhysRange, node: Option<NodeId>) {
        let result = self.memblock.set_node(table, range, node);
        self.settle(Growth::BeforeAnywhere, result, |tables| {
            model::change(tables.rows(table), range, |(_, flags, owner)| (node, flags, owner));
        });
    }

    fn trim(&mut self, align: u64) {
        let size = self.memblock.trim_memory(align);
        let before = self.memblock.memory_size() + size;
        self.settle(Growth::None, Ok::<_, MemblockError>(()), |tables| {
            let shrunk = |row: &Row| Some(Row { range: row.range.shrink_to_multiples(align)?, ..*row });
            tables.memory = tables.memory.iter().filter_map(shrunk).collect();
        });
        hold!(self, before == model::size(&self.before.memory) + size, "{size:#x} bytes went");
    }

    fn switch(&mut self, switch: Switch, on: bool) {
        match switch {
            Switch::BottomUp => {
                self.settings.bottom_up = on;
                self.memblock.set_bottom_up(on);
            }
            Switch::MovableNode => {
                self.settings.movable_node = on;
                self.memblock.set_movable_node(on);
            }
            Switch::MirroredKernelcore => {
                self.settings.mirrored_kernelcore = on;
                self.memblock.set_mirrored_kernelcore(on);
            }
            Switch::KhoScratchOnly => {
                self.settings.kho_scratch_only = on;
                self.memblock.set_kho_scratch_only(on);
            }
            Switch::KernAccounting => {
                self.settings.kern_accounting = on;
                self.memblock.set_kern_accounting(on);
            }
        }
        self.unchanged();
    }

    fn grow(&mut self, table: TableKind, chunks: usize) {
        let slab = self.store.take(chunks);
        let (had, room) = (self.memblock.table(table).chunks(), self.memblock.table(table).room());
        let given = slab.len();
        if self.memblock.grow(table, slab).is_ok() {
            let table = self.memblock.table(table);
            hold!(self, table.chunks() == had + given && table.room() >= room, "{given} more chunks");
        }
        self.unchanged();
    }

    fn enforce_memory_limit(&mut self, limit: u64) {
        let result = self.memblock.enforce_memory_limit(limit);
        let above = self.behind(limit).and_then(|end| PhysRange::new(end, u64::MAX).ok());
        self.cut(result, above.into_iter().collect(), |_| false);
    }

    fn cap_memory_range(&mut self, keep: PhysRange) {
        let result = self.memblock.cap_memory_range(keep);
        let outside = if self.before.memory.is_empty() { Vec::new() } else { outside(keep) };
        self.cut(result, outside, is_nomap);
    }

    fn mem_limit_remove_map(&mut self, limit: u64) {
        let result = self.memblock.mem_limit_remove_map(limit);
        let keep = self.behind(limit).and_then(|end| PhysRange::new(0, end).ok());
        self.cut(result, keep.map_or_else(Vec::new, outside), is_nomap);
    }

    /// Where the lowest `limit` bytes of memory end; `None` if that is no limit.
    fn behind(&self, limit: u64) -> Option<u64> {
        let mut left = Some(limit).filter(|limit| *limit > 0)?;
        for row in &self.before.memory {
            if left <= row.range.size() {
                return Some(row.range.start() + left);
            }
            left -= row.range.size();
        }
        None
    }

    /// Removes the memory in `ranges`, except what `stays`, and all reservations there.
    fn cut(&mut self, result: Result<u64, MemblockError>, ranges: Vec<PhysRange>, stays: fn(Paint) -> bool) {
        let own = ranges.iter().any(|range| self.owns(*range));
        self.check_in_use(&result, own);
        let size = model::size(&self.before.memory);
        let taken = self.settle(Growth::None, result, |tables: &mut Tables| {
            for range in &ranges {
                model::remove(&mut tables.reserved, *range);
                model::repaint(&mut tables.memory, *range, |had| had.filter(|paint| stays(*paint)));
            }
        });
        if taken.is_some() {
            ranges.into_iter().for_each(|range| named::note_freed(self, range));
        }
        let left = model::size(&self.before.memory);
        hold!(self, taken.is_none_or(|taken| taken == size - left), "{taken:x?} bytes went, {left:#x} stay");
    }
}

/// The ranges below and above a range.
fn outside(range: PhysRange) -> Vec<PhysRange> {
    let sides = [PhysRange::new(0, range.start()), PhysRange::new(range.end(), u64::MAX)];
    sides.into_iter().flatten().collect()
}

fn is_nomap((_, flags, _): Paint) -> bool {
    flags.contains(RegionFlags::NOMAP)
}

impl Row {
    /// A row without attributes.
    pub fn plain(range: PhysRange) -> Self {
        Self { range, paint: PLAIN }
    }
}
