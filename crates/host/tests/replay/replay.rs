//! A boot made again on a memblock of ours.

use firmware::log::{MemblockCall, MemblockCallKind, MemblockRequest};
use memblock::{Chunk, HandOver, Memblock, PhysRange, Region, RegionFlags, TableKind};

use crate::captures::Capture;
use crate::events::{Dump, Event};
use crate::tally::Tally;

/// Chunks for each table; no boot needs more.
const CHUNKS: usize = 8;

/// Where the nodes in our tables come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// The blocks that the log says the kernel put on nodes: what the next dump shows of nodes and of HOTPLUG
    /// is then told beforehand.
    Log,
    /// The dumps themselves. The kernel read a device tree and logged nothing of it: what a dump shows of
    /// nodes is only set and merged again.
    Dump,
}

/// A boot that is being made again, and how much of it came out right.
pub(crate) struct Replay {
    pub(crate) memblock: Memblock<'static>,
    is_started: bool,
    /// Dumps that are still to come.
    dumps_left: usize,
    /// The cut that `mem=` asks for and Linux does not log, until it is made.
    memory_limit: Option<u64>,
    is_arm64: bool,
    pub(crate) nodes: Nodes,
    /// Calls since the first dump, and since the last.
    pub(crate) calls: usize,
    pub(crate) calls_since_dump: usize,
    /// Allocations that could not be compared, for the attributes of memory were not known yet.
    pub(crate) unknown: usize,
    /// The rows of the dumps.
    pub(crate) dumped: Tally,
    pub(crate) allocations: Tally,
}

impl Replay {
    /// A boot from its beginning, that is, from the first dump in its log.
    pub(crate) fn of_boot(capture: &Capture) -> Self {
        let mut memblock = Memblock::new();
        for table in [TableKind::Memory, TableKind::Reserved] {
            memblock.grow(table, vec![Chunk::EMPTY; CHUNKS].leak()).unwrap();
        }
        memblock.set_movable_node(capture.has_parameter("movable_node"));
        memblock.set_mirrored_kernelcore(capture.has_parameter("kernelcore=mirror"));
        Self { is_started: false, ..Self::new(memblock, capture) }
    }

    /// What happened after the step before.
    pub(crate) fn of_step(before: Self, capture: &Capture) -> Self {
        Self { nodes: before.nodes, ..Self::new(before.memblock, capture) }
    }

    fn new(memblock: Memblock<'static>, capture: &Capture) -> Self {
        Self {
            memblock,
            is_started: true,
            dumps_left: 0,
            memory_limit: capture.memory_limit(),
            is_arm64: capture.is_arm64(),
            nodes: Nodes::Dump,
            calls: 0,
            calls_since_dump: 0,
            unknown: 0,
            dumped: Tally::default(),
            allocations: Tally::default(),
        }
    }

    /// Makes everything happen again.
    pub(crate) fn run(&mut self, events: &[Event<'_>]) {
        self.dumps_left = events.iter().filter(|event| matches!(event, Event::Dump(_))).count();
        if !self.is_started && !self.is_arm64 {
            self.first_memory(events);
        }
        let mut events = events.iter().peekable();
        while let Some(event) = events.next() {
            match event {
                Event::Dump(dump) => self.dump(dump),
                _ if !self.is_started => {}
                Event::Call(call) => self.call(call.as_ref()),
                Event::Request(request) if self.knows_attributes() => {
                    let given = events.next_if(|next| given(next).is_some()).and_then(given);
                    self.allocate(request, given);
                }
                Event::Request(_) => self.unknown += 1,
                // One dump shows the nodes already; two stand around the moment when memory gets them.
                Event::Nodes(blocks) if self.dumps_left > 0 => self.put_on_nodes(blocks),
                Event::Nodes(_) => {}
                Event::HandedOver => drop(self.memblock.free_all(HandOver::default()).unwrap()),
            }
        }
    }

    /// On arm64, what makes memory NOMAP is not logged, nor what puts it on nodes, and a dump follows it all.
    fn knows_attributes(&self) -> bool {
        !self.is_arm64 || self.dumps_left == 0
    }

    /// x86 logs all memory it adds, where the log has its beginning, cuts it to whole pages and dumps it.
    fn first_memory(&mut self, events: &[Event<'_>]) {
        let mut memblock = Memblock::new();
        for event in events {
            match event {
                Event::Call(Some(call)) if call.kind == MemblockCallKind::Add => {
                    memblock.add(call.range).unwrap();
                }
                Event::Dump(dump) if !memblock.memory().is_empty() => {
                    memblock.trim_memory(memblock.page_size().bytes());
                    self.dumped.compare("memory at first", memblock.memory().iter(), &dump.memory);
                    return;
                }
                Event::Dump(_) => return,
                _ => {}
            }
        }
    }

    fn dump(&mut self, dump: &Dump) {
        self.dumps_left -= 1;
        self.calls_since_dump = 0;
        if !self.is_started {
            self.is_started = true;
            for region in &dump.memory {
                self.memblock.add_node(*region).unwrap();
            }
            for region in &dump.reserved {
                self.memblock.reserve_region(*region).unwrap();
            }
            // x86 keeps early allocations near the kernel until it knows what can be unplugged.
            self.memblock.set_bottom_up(self.memblock.movable_node() && !self.is_arm64);
            return;
        }
        self.memblock.set_bottom_up(false);
        let tables = [(TableKind::Memory, &dump.memory), (TableKind::Reserved, &dump.reserved)];
        for (table, regions) in tables {
            for region in regions {
                self.take_over(table, region);
            }
            self.dumped.compare(table, self.memblock.table(table).iter(), regions);
        }
    }

    /// Sets what the log does not tell of a region, by the calls that Linux made.
    fn take_over(&mut self, table: TableKind, region: &Region) {
        if region.flags.contains(RegionFlags::NOMAP) {
            self.memblock.mark_nomap(region.range).unwrap();
        }
        if region.flags.contains(RegionFlags::MIRROR) {
            self.memblock.mark_mirror(region.range).unwrap();
        }
        if self.nodes == Nodes::Dump {
            self.memblock.set_node(table, region.range, region.node).unwrap();
            if region.flags.contains(RegionFlags::HOTPLUG) {
                self.memblock.mark_hotplug(region.range).unwrap();
            }
        }
    }

    /// Puts memory and reservations on nodes as 6.12 is seen to: blocks without memory do not count, blocks of
    /// a node with none of another between them are one, and a node with reservations cannot be unplugged.
    fn put_on_nodes(&mut self, blocks: &[Region]) {
        self.nodes = Nodes::Log;
        let memblock = &mut self.memblock;
        for block in blocks.iter().filter(|block| block.flags.contains(RegionFlags::HOTPLUG)) {
            memblock.mark_hotplug(block.range).unwrap();
        }
        let memory = memblock.memory().span().unwrap();
        let mut blocks: Vec<Region> =
            blocks.iter().filter(|block| memblock.memory().overlaps(block.range)).copied().collect();
        blocks.sort_by_key(|block| block.range.start());
        let mut joined: Vec<Region> = Vec::new();
        for block in blocks {
            let range = block.range.intersect(memory).unwrap();
            match joined.last_mut().filter(|last| last.node == block.node) {
                Some(last) => last.range = last.range.hull(range),
                None => joined.push(Region { range, ..block }),
            }
        }
        for block in &joined {
            for table in [TableKind::Memory, TableKind::Reserved] {
                memblock.set_node(table, block.range, block.node).unwrap();
            }
        }
        for block in joined {
            if memblock.reserved().iter().any(|region| region.node == block.node) {
                memblock.clear_hotplug(block.range).unwrap();
            }
        }
    }

    fn count_call(&mut self) {
        self.calls += 1;
        self.calls_since_dump += 1;
    }

    fn call(&mut self, call: Option<&MemblockCall<'_>>) {
        // What is freed late goes to the page allocator and changes no table.
        if call.is_some_and(|call| call.kind == MemblockCallKind::FreeLate) {
            return;
        }
        self.count_call();
        let Some(call) = call else { return };
        let MemblockCall { range, node, flags, .. } = *call;
        // arm64 adds the kernel again after it has cut memory off.
        let cuts = call.kind == MemblockCallKind::Add && call.caller.starts_with(b"arm64_memblock_init+");
        if let Some(limit) = self.memory_limit.take_if(|_| cuts) {
            self.memblock.mem_limit_remove_map(limit).unwrap();
        }
        match call.kind {
            MemblockCallKind::Add => drop(self.memblock.add(range).unwrap()),
            MemblockCallKind::AddNode => drop(self.memblock.add_node(Region { range, node, flags }).unwrap()),
            MemblockCallKind::Remove => drop(self.memblock.remove(range).unwrap()),
            MemblockCallKind::Reserve => drop(self.memblock.reserve(range).unwrap()),
            MemblockCallKind::Free => drop(self.memblock.free(range).unwrap()),
            MemblockCallKind::FreeLate => {}
        }
    }

    /// Allocates, and goes on with what Linux gave.
    fn allocate(&mut self, asked: &MemblockRequest<'_>, given: Option<PhysRange>) {
        if given.is_some() {
            self.count_call();
        }
        let ours = self.memblock.alloc(&asked.request).ok();
        let caller = String::from_utf8_lossy(asked.caller);
        self.allocations.count(ours == given, || {
            format!("{} for {caller}: {ours:?}, Linux gave {given:?}", asked.request)
        });
        if ours != given {
            ours.map(|range| self.memblock.free(range).unwrap());
            given.map(|range| self.memblock.reserve(range).unwrap());
        }
    }
}

/// What an allocation was given, if this event is the reservation it made.
fn given(event: &Event<'_>) -> Option<PhysRange> {
    let Event::Call(Some(call)) = event else { return None };
    let is_allocation = call.kind == MemblockCallKind::Reserve;
    (is_allocation && call.caller.starts_with(b"memblock_alloc_range_nid+")).then_some(call.range)
}
