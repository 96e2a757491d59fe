//! Linux's memblock in `no_std` Rust: which memory a machine has, who owns it, and what may be done with it.
//!
//! No heap, no panic, any number of regions. Behaviour is that of Linux 6.12 unless an item says otherwise;
//! where Linux's memblock is known to go wrong, this one does it right, and the item says that too.
//!
//! # A tour
//!
//! [`Memblock`] keeps three [`RegionTable`]s. A [`Region`] is a [`PhysRange`] with a [`NodeId`] and
//! [`RegionFlags`]; a range is never empty and never wraps, so nothing has to be checked again.
//!
//! ```
//! use memblock::{Memblock, NodeId, PhysRange, Region, RegionFlags, Selection};
//!
//! let range = PhysRange::new;
//! let mut memblock = Memblock::new();
//!
//! // What the firmware says: RAM on two nodes, the upper one can be unplugged.
//! let node = NodeId::new;
//! memblock.add_node(Region { node: node(0), ..Region::plain(range(0x0000_1000, 0x8000_0000)?) })?;
//! memblock.add_node(Region { node: node(1), ..Region::plain(range(0x1_0000_0000, 0x1_8000_0000)?) })?;
//! memblock.mark_hotplug(range(0x1_0000_0000, 0x1_8000_0000)?)?;
//!
//! // What is taken: the kernel.
//! memblock.reserve(range(0x100_0000, 0x300_0000)?)?;
//!
//! // What is free, lazily, from either end.
//! let free: Vec<String> =
//!     memblock.free_ranges(Selection::ANY).map(|piece| piece.range.to_string()).collect();
//! assert_eq!(free, ["00001000-00ffffff", "03000000-7fffffff", "100000000-17fffffff"]);
//!
//! // With `movable_node`, hot-pluggable memory is out of bounds.
//! memblock.set_movable_node(true);
//! let highest = memblock.free_ranges(Selection::ANY).next_back().map(|piece| piece.range);
//! assert_eq!(highest, Some(range(0x300_0000, 0x8000_0000)?));
//!
//! // Tables print as /sys/kernel/debug/memblock does.
//! assert_eq!(
//!     memblock.memory().to_string(),
//!     "   0: 0x0000000000001000..0x000000007fffffff    0 NONE\n   \
//!         1: 0x0000000100000000..0x000000017fffffff    1 HOTPLUG\n",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Memblock`]: the tables of a machine, its marks, queries and walks.
//! - [`RegionTable`]: one table; also of use on its own. Takes memory as [`Chunk`]s.
//! - [`ranges`]: union, intersection and difference of any sorted ranges.
//! - [`Selection`]: which regions a walk shows.
//! - [`rules`]: which memory may be used for what, and why.
//!
//! # Features
//!
//! `serde`: ranges, nodes and regions can be serialised.
#![no_std]

// Unsafe code is forbidden everywhere but in `store`, which makes chunks of raw memory.
#[forbid(unsafe_code)]
mod alloc;
#[forbid(unsafe_code)]
mod arena;
#[forbid(unsafe_code)]
mod chunk;
#[forbid(unsafe_code)]
mod flags;
#[forbid(unsafe_code)]
mod gap;
#[forbid(unsafe_code)]
mod memblock;
#[cfg(test)]
#[forbid(unsafe_code)]
mod model;
#[forbid(unsafe_code)]
mod node;
#[forbid(unsafe_code)]
mod owner;
#[forbid(unsafe_code)]
mod pfn;
#[forbid(unsafe_code)]
mod range;
#[forbid(unsafe_code)]
pub mod ranges;
#[forbid(unsafe_code)]
mod region;
#[forbid(unsafe_code)]
pub mod rules;
#[forbid(unsafe_code)]
mod select;
mod store;
#[forbid(unsafe_code)]
mod table;
#[forbid(unsafe_code)]
mod tree;

pub use alloc::{
    AllocError, AllocFailure, Attempt, Attempts, Direction, Request, SearchSettings, Shortage,
};
pub use arena::TooManySlabs;
pub use chunk::Chunk;
pub use flags::RegionFlags;
pub use memblock::{
    FreeBlock, FreeBlocks, FreeRanges, HandOver, Memblock, MemblockError, MemoryPfnRanges, MemoryRanges, Owned,
    PhysmemRanges, Removed, ReserveMem, ReserveMemError, ReservedOwners, TableKind,
};
pub use node::NodeId;
pub use pfn::{PageSize, PfnRange};
pub use range::{PhysRange, RangeError};
pub use region::Region;
pub use select::{Selection, Skipped};
pub use store::{ChunkStore, DirectMap};
pub use table::{Gaps, RegionTable, Regions, TableFull};

#[cfg(test)]
extern crate std;
