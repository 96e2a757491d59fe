//! Linux's memblock in `no_std` Rust: which memory a machine has, who owns it, and how it may be used,
//! from the firmware's map to the page allocator.
//!
//! No heap, no panic, any number of regions. A change or a search for memory costs O(log n). Behavior is that
//! of Linux 6.12, checked call by call against Linux's own code, except where it [differs on
//! purpose](#where-it-differs-from-linux).
//!
//! # A kernel's first minutes
//!
//! A [`Memblock`] holds three [`RegionTable`]s: *memory*, *reserved* and *physmem*. A [`Region`] is a
//! [`PhysRange`] with a [`NodeId`] and [`RegionFlags`]; a range is never empty and never wraps, so nothing
//! needs to be checked twice.
//!
//! ```
//! use memblock::{HandOver, Memblock, NodeId, PhysRange, Region, Request, Selection};
//!
//! let range = PhysRange::new;
//! let mut memblock = Memblock::new(); // `const`: a `static` behind a lock can hold it
//!
//! // The firmware's map: RAM on two nodes, the upper one can be unplugged.
//! let node = NodeId::new;
//! memblock.add_node(Region { node: node(0), ..Region::plain(range(0x0000_1000, 0x8000_0000)?) })?;
//! memblock.add_node(Region { node: node(1), ..Region::plain(range(0x1_0000_0000, 0x1_8000_0000)?) })?;
//! memblock.mark_hotplug(range(0x1_0000_0000, 0x1_8000_0000)?)?;
//! memblock.set_movable_node(true);
//!
//! // Who uses what already.
//! memblock.reserve_for(range(0x100_0000, 0x300_0000)?, "kernel")?;
//!
//! // Early allocation: top-down, aligned, near its user, and not in hot-pluggable memory.
//! let request = Request { align: 4096, node: node(0), tag: Some("page tables"), ..Request::new(0x8000) };
//! let page_tables = memblock.alloc(&request)?;
//! assert_eq!(page_tables, range(0x7fff_8000, 0x8000_0000)?);
//!
//! // A failed allocation says why.
//! let error = memblock.alloc(&Request { align: 1 << 30, ..Request::new(1 << 30) }).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "cannot allocate 1073741824 bytes at a multiple of 1073741824: the largest suitable hole is \
//!      40000000-7fff7fff (1073709056 bytes), next to 7fff8000-7fffffff, reserved for page tables; \
//!      of 4294963200 bytes of memory, 2147483648 are hot-pluggable, which movable_node avoids, \
//!      33587200 are reserved",
//! );
//!
//! // Tables print as /sys/kernel/debug/memblock does.
//! assert_eq!(
//!     memblock.reserved().to_string(),
//!     "   0: 0x0000000001000000..0x0000000002ffffff    x NONE\n   \
//!         1: 0x000000007fff8000..0x000000007fffffff    x NONE\n",
//! );
//!
//! // Free memory, lazily, from either end; and finally all of it, in blocks for the page allocator.
//! let free = memblock.free_ranges(Selection::ANY).map(|piece| piece.range.size()).sum::<u64>();
//! let pages: u64 = memblock.free_all(HandOver::default())?.map(|block| block.pages()).sum();
//! assert_eq!(pages * 4096, free + 0x8000_0000); // hot-pluggable memory goes to the page allocator, too
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/tiny-kernel` in the repository does this for real: it boots under QEMU, reads the firmware's map
//! and the ACPI SRAT, lets the tables grow, and hands its memory to an allocator.
//!
//! # Storage
//!
//! A table has room for 64 regions inside. For more it needs memory, as a slice of [`Chunk`]s: from a
//! `static` ([`ChunkStore`]), from pages ([`Chunk::fill`]), or taken by the table itself from the memory it
//! manages, once [`Memblock::allow_growth`] says how to reach that memory. A full table takes 24.25 bytes per
//! region. A change that finds no room changes nothing and reports how much is missing.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | the tables, settings, marks and queries of a machine | [`Memblock`] |
//! | allocation | [`Memblock::alloc`], [`Request`], [`AllocError`], [`Direction`] |
//! | who reserved what | [`Memblock::reserve_for`], [`Memblock::reserved_owners`] |
//! | the end of early allocation | [`Memblock::free_all`], [`HandOver`] |
//! | `mem=`, `reserve_mem=` | [`Memblock::mem_limit_remove_map`], [`ReserveMem`] |
//! | one table, also useful on its own | [`RegionTable`] |
//! | which regions a walk shows | [`Selection`] |
//! | union, intersection and difference of sorted ranges | [`ranges`] |
//!
//! # Where it differs from Linux
//!
//! Observed on Linux 6.12's own code: `referee/tests/differences` in the repository shows both answers.
//! Random sequences of all calls found no other difference.
//!
//! | Linux 6.12 | here |
//! |---|---|
//! | the memory table may grow into the very range that is being removed | never into what is being added, removed, reserved or marked |
//! | growing `physmem` frees its static array out of `reserved` | a table keeps what it was given |
//! | own tables can be freed, removed, cut off and made NOMAP like any memory | refused: [`MemblockError::InUse`] |
//! | a full table before `memblock_allow_resize` panics | an error, and nothing is changed |
//! | `memblock_trim_memory` leaves `total_size` too large | totals are exact |
//! | allocating 0 bytes returns an address past the end of memory | [`AllocFailure::ZeroSize`] |
//! | an alignment that is not a power of two returns a misaligned address | [`AllocFailure::Alignment`] |
//! | alignment 0 means a cache line | refused, like any other that is not a power of two |
//! | 0 means "no memory", "no room in a table" or "no such range" | [`AllocError`] with the request, the largest hole, and what is in the way |
//! | `memblock_cap_memory_range` with a size that wraps deletes reservations inside | a range cannot wrap |
//! | trimming memory in the last bytes of the address space rounds its start up to 0 | a region that holds no aligned part is dropped |
//! | memory that starts in the last page of the address space gets the page frames from 0 up | it has no page frame |
//! | capping leaves a NOMAP region that crosses the end in two pieces | regions are always merged |
//! | `memblock_estimated_nr_free_pages` goes below zero when reservations lie outside memory | [`Memblock::free_size`] counts what is free |
//! | `memblock_is_region_memory` is false across regions that touch and differ | true if every byte is memory |
//! | removing memory that is still reserved is silent | [`Removed::still_reserved`] |
//! | `memblock_end_of_DRAM` of an empty map reads outside the array | `None` |
//! | the last byte of the address space is dropped silently | [`RangeError`]: a half-open range cannot hold it |
//! | "no node" is -1 or `MAX_NUMNODES`, and regions that differ in that do not merge | `None` |
//! | the hand-over may report NOMAP memory twice, if the reserved table grows meanwhile | it makes room first |
//! | reservations are anonymous | reservations may have owners; those of different owners do not merge |
//! | `memblock_overlaps_region` and others accept empty ranges | there are no empty ranges |
//! | the free walk returns empty pieces where different reservations touch | no piece is empty |
//! | a walk silently continues after the table has changed | the borrow checker refuses it |
//! | numbers in `reserve_mem=` that are too large wrap modulo 2^64 | [`ReserveMemError::Syntax`] |
//!
//! # Features
//!
//! `serde`: serializes ranges, nodes and regions.
#![no_std]

// Unsafe code is forbidden everywhere except in `store`, which turns raw memory into chunks.
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
mod select;
mod store;
#[forbid(unsafe_code)]
mod table;
#[forbid(unsafe_code)]
mod tree;

pub use alloc::{AllocError, AllocFailure, Attempt, Attempts, Direction, Request, SearchSettings, Shortage};
pub use arena::TooManySlabs;
pub use chunk::Chunk;
pub use flags::RegionFlags;
pub use memblock::{
    FreeBlock, FreeBlocks, FreeRanges, HandOver, Memblock, MemblockError, MemoryPfnRanges, MemoryRanges,
    Owned, PhysmemRanges, Removed, ReserveMem, ReserveMemError, ReservedOwners, TableKind,
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
