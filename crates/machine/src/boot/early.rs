//! The state of a booting kernel: its memblock, and a trace of every change.

use std::collections::BTreeMap;

use memblock::{
    AllocError, AllocFailure, Memblock, MemblockError, NodeId, PhysRange, Region, Request, TableKind,
};

use crate::boot::trace::{Step, Trace};

/// Why a boot ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The kernel panics for this reason.
    Panic(String),
    /// There is no memory to boot with.
    NoRam,
    /// The prediction itself cannot continue.
    Fault(MemblockError),
}

impl From<MemblockError> for Halt {
    fn from(fault: MemblockError) -> Self {
        Self::Fault(fault)
    }
}

/// The memblock of a boot in progress. Every change is recorded with the step it belongs to.
#[derive(Debug)]
pub(crate) struct Early<'m> {
    pub(crate) memblock: Memblock<'m>,
    pub(crate) trace: Trace,
    /// Where each node's data is.
    pub(crate) node_data: BTreeMap<u32, PhysRange>,
    /// The tables as the kernel last dumped them.
    pub(crate) dumped: Option<Dump>,
    /// Whether reservations of the kernel's own are marked RSRV_KERN, as its allocations are.
    pub(crate) marks_kernel: bool,
}

/// The tables at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// Memory regions with nodes and flags.
    pub memory: Vec<Region>,
    /// Reserved regions.
    pub reserved: Vec<Region>,
}

impl<'m> Early<'m> {
    pub(crate) fn new(memblock: Memblock<'m>) -> Self {
        Self {
            memblock,
            trace: Trace::default(),
            node_data: BTreeMap::new(),
            dumped: None,
            marks_kernel: false,
        }
    }

    /// Starts a kernel step; everything that follows belongs to it.
    pub(crate) fn begin(&mut self, step: Step) {
        self.trace.begin(step);
    }

    /// Records something that changes no table.
    pub(crate) fn note(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.trace.note(what, why);
    }

    pub(crate) fn add(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        self.memblock.add(range)?;
        self.note(format!("memblock_add: [{range}]"), why);
        Ok(())
    }

    pub(crate) fn remove(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        let _: memblock::Removed = self.memblock.remove(range)?;
        self.note(format!("memblock_remove: [{range}]"), why);
        Ok(())
    }

    pub(crate) fn reserve(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        self.memblock.reserve(range)?;
        self.note(format!("memblock_reserve: [{range}]"), why);
        Ok(())
    }

    /// Reserves what the kernel itself uses: its image, the initial ramdisk, setup_data
    /// (mm/memblock.c:memblock_reserve_kern, 6.16). Firmware's reservations are never marked.
    pub(crate) fn reserve_kern(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        if !self.marks_kernel {
            return self.reserve(range, why);
        }
        self.memblock.reserve_kern(range)?;
        self.note(format!("memblock_reserve: [{range}] RSRV_KERN"), why);
        Ok(())
    }

    pub(crate) fn free(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        self.memblock.free(range)?;
        self.note(format!("memblock_phys_free: [{range}]"), why);
        Ok(())
    }

    pub(crate) fn mark_nomap(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        self.memblock.mark_nomap(range)?;
        self.note(format!("memblock_mark_nomap: [{range}]"), why);
        Ok(())
    }

    pub(crate) fn mark_hotplug(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        self.memblock.mark_hotplug(range)?;
        self.note(format!("memblock_mark_hotplug: [{range}]"), why);
        Ok(())
    }

    pub(crate) fn clear_nomap(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        self.memblock.clear_nomap(range)?;
        self.note(format!("memblock_clear_nomap: [{range}]"), why);
        Ok(())
    }

    pub(crate) fn clear_hotplug(&mut self, range: PhysRange, why: &str) -> Result<(), Halt> {
        self.memblock.clear_hotplug(range)?;
        self.note(format!("memblock_clear_hotplug: [{range}]"), why);
        Ok(())
    }

    /// Assigns the parts of a range in a table to a node; the caller records it, once.
    pub(crate) fn set_node(
        &mut self,
        table: TableKind,
        range: PhysRange,
        node: Option<NodeId>,
    ) -> Result<(), Halt> {
        self.memblock.set_node(table, range, node)?;
        Ok(())
    }

    /// Allocates, or records that there is no room.
    pub(crate) fn try_alloc(&mut self, request: &Request, why: &str) -> Result<Option<PhysRange>, Halt> {
        match self.memblock.alloc(request) {
            Ok(range) => {
                self.note(format!("allocated [{range}]: {request}"), why);
                Ok(Some(range))
            }
            Err(AllocError { failure: AllocFailure::Table(fault), .. }) => Err(Halt::Fault(fault)),
            Err(error) => {
                self.note(error.to_string(), why);
                Ok(None)
            }
        }
    }

    /// Allocates what the kernel cannot do without.
    pub(crate) fn alloc(&mut self, request: &Request, why: &str) -> Result<PhysRange, Halt> {
        self.try_alloc(request, why)?.ok_or_else(|| Halt::Panic(format!("no memory for {why}: {request}")))
    }

    /// The kernel dumps its tables here, with `memblock=debug`.
    pub(crate) fn dump(&mut self) {
        self.dumped = Some(Dump {
            memory: self.regions(TableKind::Memory),
            reserved: self.regions(TableKind::Reserved),
        });
    }

    /// A copy of a table.
    pub(crate) fn regions(&self, table: TableKind) -> Vec<Region> {
        self.memblock.table(table).iter().collect()
    }
}
