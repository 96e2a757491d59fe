//! Random calls that are likely to matter: ranges that start, end, touch and overlap where regions do.

use fastrand::Rng;
use memblock::{NodeId, RegionFlags, TableKind};

use crate::compare::Rows;
use crate::linux::RawRegion;
use crate::operation::{AllocCall, Allocation, Mark, Operation, Span};

/// The calls of one sequence. They use one part of the address space and one grain, so that they interact.
#[derive(Debug)]
pub struct Generator {
    random: Rng,
    /// The lowest address of that part.
    low: u64,
    /// Most addresses and sizes are multiples of this many bytes.
    grain: u64,
    /// Number of grains in that part.
    grains: u64,
    /// Calls still to come.
    left: u32,
    /// Settings made first.
    opening: Vec<Operation>,
    /// How many calls after that only add and reserve.
    filling: u32,
    /// Percentage of calls after those that add and reserve.
    growth: u32,
    /// Percentage of regions with a node and attributes; the others have none.
    variety: u32,
}

impl Generator {
    /// The calls of one seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        // A few regions fit in one array, more need a tree, and many need a tree with several directory
        // levels.
        let (filling, left) = match random.u32(..1000) {
            0..500 => (random.u32(5..60), random.u32(20..100)),
            500..950 => (random.u32(60..300), random.u32(20..100)),
            950..998 => (random.u32(300..900), random.u32(100..400)),
            _ => (random.u32(900..8000), random.u32(100..1000)),
        };
        let grain = [1, 0x40, 0x1000, 0x1000, 0x1000, 0x20_0000, 0x4000_0000][random.usize(..7)];
        // Sparse enough that not all regions touch.
        let grains = u64::from(filling) * random.u64(3..20) + 200;
        let low = match random.u32(..10) {
            0..3 => 0,
            // The end of the address space.
            3..5 => u64::MAX - grain * grains + 1,
            5..7 => 0x1_0000_0000,
            _ => random.u64(..1 << 40) & !0xfff,
        };
        // Marking memory as mirrored does nothing without the first of these.
        let opening = [
            Operation::SetMirroredKernelcore(true),
            Operation::SetMovableNode(true),
            Operation::SetBottomUp(true),
        ];
        let opening = opening.into_iter().filter(|_| random.bool()).collect();
        Self {
            opening,
            low,
            grain,
            grains,
            filling,
            left: filling + left,
            growth: random.u32(15..45),
            variety: [0, 20, 60][random.usize(..3)],
            random,
        }
    }

    /// The next call, given the contents of the tables; `None` after the last one.
    pub fn next(&mut self, rows: &Rows) -> Option<Operation> {
        self.left = self.left.checked_sub(1)?;
        if let Some(setting) = self.opening.pop() {
            return Some(setting);
        }
        if self.filling > 0 {
            self.filling -= 1;
            return Some(self.growing(rows));
        }
        let pick = self.random.u32(..100);
        Some(match pick {
            _ if pick < self.growth => self.growing(rows),
            _ if pick < self.growth + 12 => self.shrinking(rows),
            _ if pick < self.growth + 22 => self.marking(rows),
            _ if pick < self.growth + 34 => self.allocating(rows),
            _ if pick < self.growth + 37 => self.setting(rows),
            _ if self.random.u32(..3) == 0 => self.walk(),
            _ => self.question(rows),
        })
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    /// An address, often where a region starts or ends, or next to that.
    fn address(&mut self, rows: &Rows) -> u64 {
        let table = &rows[[0, 0, 1, 1, 2][self.random.usize(..5)]];
        if table.is_empty() || self.chance(40) {
            let grains = self.random.u64(..self.grains);
            return self.low.saturating_add(grains * self.grain).saturating_add(self.crumbs());
        }
        let RawRegion { base, size, .. } = table[self.random.usize(..table.len())];
        let edge = if self.random.bool() { base } else { base + size };
        match self.random.u32(..10) {
            0 => edge.saturating_add(1),
            1 => edge.saturating_sub(1),
            2 => edge.saturating_add(self.grain),
            3 => edge.saturating_sub(self.grain),
            _ => edge,
        }
    }

    /// An address's offset from its grain: usually 0.
    fn crumbs(&mut self) -> u64 {
        if self.chance(90) { 0 } else { self.random.u64(..self.grain) }
    }

    fn span(&mut self, rows: &Rows) -> Span {
        let (base, other) = (self.address(rows), self.address(rows));
        // Calls that cover many regions leave few, so there are none before the tables are full.
        let pick = if self.filling > 0 { self.random.u32(50..1000) } else { self.random.u32(..400) };
        let size = match pick {
            0..6 => 0,
            6 => u64::MAX,
            7 => u64::MAX - base,
            // From one edge to another.
            8..20 => return Span { base: base.min(other), size: base.abs_diff(other) },
            20..40 => self.random.u64(..=self.grain),
            40..50 => self.random.u64(1..self.grains / 4) * self.grain,
            50..150 => self.random.u64(1..6) * self.grain + self.crumbs(),
            _ => self.random.u64(1..3) * self.grain + self.crumbs(),
        };
        Span { base, size }
    }

    fn node(&mut self) -> Option<NodeId> {
        if self.chance(self.variety) { NodeId::new(self.random.u32(..3)) } else { None }
    }

    fn memory_flags(&mut self) -> u32 {
        if !self.chance(self.variety / 2) {
            return 0;
        }
        let one = [
            RegionFlags::HOTPLUG,
            RegionFlags::MIRROR,
            RegionFlags::NOMAP,
            RegionFlags::DRIVER_MANAGED,
            RegionFlags::HOTPLUG | RegionFlags::MIRROR,
        ];
        one[self.random.usize(..one.len())].bits()
    }

    fn table(&mut self) -> TableKind {
        [TableKind::Memory, TableKind::Reserved, TableKind::Physmem][self.random.usize(..3)]
    }

    fn growing(&mut self, rows: &Rows) -> Operation {
        let span = self.span(rows);
        match self.random.u32(..20) {
            0..6 => Operation::Add(span),
            6..10 => Operation::AddNode { span, node: self.node(), flags: self.memory_flags() },
            10..17 => Operation::Reserve(span),
            17 => {
                let flags = if self.chance(self.variety) { RegionFlags::RSRV_NOINIT.bits() } else { 0 };
                Operation::ReserveRegion { span, node: self.node(), flags }
            }
            _ => Operation::PhysmemAdd(span),
        }
    }

    fn shrinking(&mut self, rows: &Rows) -> Operation {
        let span = self.span(rows);
        match self.random.u32(..60) {
            0 => Operation::TrimMemory { align: self.align() },
            1 => Operation::CapMemoryRange(self.large(rows)),
            2 => Operation::MemLimitRemoveMap(self.limit(rows)),
            3 => Operation::EnforceMemoryLimit(self.limit(rows)),
            4..30 => Operation::Remove(span),
            _ => Operation::Free(span),
        }
    }

    /// A range that leaves much of the tables intact.
    fn large(&mut self, rows: &Rows) -> Span {
        let base = if self.random.bool() { self.low } else { self.address(rows) };
        Span { base, size: self.random.u64(self.grains / 2..=self.grains + 1).saturating_mul(self.grain) }
    }

    /// A number of bytes up to all memory, and a little more.
    fn limit(&mut self, rows: &Rows) -> u64 {
        let size: u64 = rows[0].iter().map(|row| row.size).sum();
        let most = size.saturating_add(size / 8).max(1);
        let least = if self.random.bool() { 0 } else { most / 2 };
        self.random.u64(least..most)
    }

    fn marking(&mut self, rows: &Rows) -> Operation {
        let mut span = self.span(rows);
        let mark = match self.random.u32(..9) {
            0 => Mark::Hotplug,
            1 => Mark::ClearHotplug,
            2 => Mark::Mirror,
            3 => Mark::Nomap,
            4 => Mark::ClearNomap,
            5 => Mark::ReservedNoinit,
            _ => return Operation::SetNode { table: self.table(), span, node: self.node() },
        };
        // Linux records mirrored memory even for an empty range; ours has no empty ranges.
        if mark == Mark::Mirror && span.end() == span.base {
            span = Span { base: 0, size: 1 };
        }
        Operation::Mark(mark, span)
    }

    fn align(&mut self) -> u64 {
        match self.random.u32(..8) {
            0..3 => 0x1000,
            3..5 => 1 << self.random.u32(..13),
            5 => self.grain.max(8),
            6 => 1 << self.random.u32(..40),
            _ => 1,
        }
    }

    fn allocating(&mut self, rows: &Rows) -> Operation {
        let size = match self.random.u32(..40) {
            0 => 0,
            1 => self.random.u64(..),
            2..8 => self.random.u64(1..200),
            8..14 => self.random.u64(1..=self.grains / 8) * self.grain,
            _ => self.random.u64(1..5) * self.grain,
        };
        let align = if self.chance(5) { 0 } else { self.align() };
        let (a, b) = (self.address(rows), self.address(rows));
        let (start, end) = match self.random.u32(..8) {
            0..3 => (0, 0),
            3 => (a, 0),
            4 => (0, b),
            5 => (a, b),
            6 => (a, u64::MAX),
            _ => (a.min(b), a.max(b)),
        };
        let call = match self.random.u32(..20) {
            0..2 => AllocCall::RangeNid,
            2..4 => AllocCall::RangeExactNid,
            4..7 => AllocCall::PhysRange,
            7..10 => AllocCall::PhysTryNid,
            10..14 => AllocCall::TryNid,
            14..16 => AllocCall::ExactNid,
            16..19 => return Operation::FindInRange { size, align: align.max(1), start, end },
            _ => {
                let name = self.random.u8(..12);
                return Operation::ReserveMem { size, align: align.max(64), name };
            }
        };
        Operation::Alloc(Allocation { call, size, align, start, end, node: self.node() })
    }

    fn setting(&mut self, rows: &Rows) -> Operation {
        match self.random.u32(..9) {
            0..3 => Operation::SetBottomUp(self.random.bool()),
            3..5 => {
                let limit = if self.random.bool() { u64::MAX } else { self.address(rows) };
                Operation::SetCurrentLimit(limit)
            }
            5..7 => Operation::SetMovableNode(self.random.bool()),
            7 => Operation::SetMirroredKernelcore(self.random.bool()),
            _ => self.hand_over(rows),
        }
    }

    /// The end of early allocation, unless it would take longer than everything else together.
    fn hand_over(&mut self, rows: &Rows) -> Operation {
        const MOST: u64 = 64 << 30;
        if rows[0].iter().map(|row| row.size).sum::<u64>() > MOST {
            return Operation::Totals;
        }
        let all = self.random.bool();
        Operation::FreeAll { max_low_pfn: if all { u64::MAX } else { self.address(rows) >> 12 } }
    }

    fn question(&mut self, rows: &Rows) -> Operation {
        let span = self.span(rows);
        match self.random.u32(..12) {
            0 => Operation::IsMemory(span.base),
            1 => Operation::IsReserved(span.base),
            2 => Operation::IsMapMemory(span.base),
            3..5 => Operation::IsRegionMemory(span),
            5..7 => Operation::IsRegionReserved(span),
            7 => Operation::OverlapsRegion(self.table(), span),
            8 => Operation::SearchPfnNid(span.base >> 12),
            9 => Operation::ValidateNumaCoverage(self.random.u64(..=self.grains) * self.grain),
            10 => Operation::ReserveMemFindByName { name: self.random.u8(..11) },
            _ => {
                if self.random.bool() {
                    Operation::Totals
                } else {
                    Operation::FreeSize
                }
            }
        }
    }

    fn walk(&mut self) -> Operation {
        let node = if self.random.bool() { self.node() } else { None };
        // Any attributes may be asked for, even those that no region has.
        let flags = if self.random.bool() { 0 } else { self.random.u32(..32) };
        match self.random.u32(..8) {
            0..2 => Operation::WalkMemory { node, flags },
            2..5 => Operation::WalkFree { node, flags },
            5 => Operation::WalkReserved,
            6 => {
                let without = if self.random.bool() { TableKind::Memory } else { TableKind::Reserved };
                Operation::WalkPhysmem { without }
            }
            _ => Operation::WalkPfns { node },
        }
    }
}
