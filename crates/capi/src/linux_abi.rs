//! Linux's own memblock interface: the symbols and the `struct memblock` of include/linux/memblock.h (6.12).
//!
//! With the feature `linux-abi`, the archive offers every function of that header that mm/memblock.c defines,
//! except those listed below, and the data symbols `memblock` and `physmem`; also `max_pfn` and its kin, which
//! Linux defines in the same file. Linux's header is the header.
//! Linux's own tests of memblock, the simulator in tools/testing/memblock, link and pass.
//!
//! # One truth
//!
//! The public struct is all there is: no copy, no index and no stamp lies beside it. Linux's macros walk the
//! arrays, and C code sets fields as it likes; so a call takes what it finds there. A call that changes a table
//! lends [`memblock::RegionTable`] the few records around its range, lets it do the work, and writes its
//! result back in their place ([`lend`]). That costs a search and one move of the records above: O(log n +
//! move). The array can grow only where Linux's would, in the same steps ([`change`]).
//!
//! # Settings
//!
//! What Linux's configuration fixes when it is compiled is fixed here in the same way: [`config`]. What boot
//! parameters set is read from the kernel's own variables: [`switches`].
//!
//! Memory is reached at its physical address ([`address`]). So this serves a simulator, a boot loader, or a
//! kernel as long as it runs with memory mapped one to one.
//!
//! # What a caller promises
//!
//! As with Linux's memblock, which has no lock:
//!
//! 1. While a call that changes something runs, no other call does, and nobody else uses the structs.
//! 2. `regions` of each `struct memblock_type` points to an array of at least `max` initialised records.
//! 3. Pointers passed in are null where that is allowed, and otherwise valid for what the call does.
//! 4. Free memory is RAM that nobody uses, at its physical address: tables grow into it after
//!    `memblock_allow_resize`, and `memblock_alloc_try_nid` fills it with zeros.
//!
//! # Where it differs from Linux 6.12
//!
//! Nothing that Linux's tests look at. Of the rest, what is a plain fault of Linux is not repeated:
//!
//! - `memblock_trim_memory` counts `total_size` down.
//! - `memblock_remove` does not let the memory table grow into the range that is being removed.
//! - The memory table's new array is reserved before the old one is freed, so that the reserved table, growing
//!   meanwhile, cannot take the same memory.
//! - The fifth region of `physmem` does not free the kernel's static array.
//! - `memblock_cap_memory_range(base, ~0)` keeps reservations inside, where Linux's sum wraps; a NOMAP region
//!   that crosses an end of the range stays in one piece.
//! - `memblock_end_of_DRAM` without memory is 0; Linux reads in front of the array.
//! - Regions that touch and are alike merge whenever a call comes by, also after removals and trimming.
//! - `memblock_set_node` knows the three tables by their addresses; any other is refused by -EINVAL.
//! - Of a region's flags, bits 0 to 15 are kept; Linux 6.12 has five.
//!
//! - An allocation of 0 bytes between addresses that leave nothing is refused.
//!
//! And these are kept, because callers see them: an allocation of 0 bytes succeeds otherwise, and reserves
//! nothing; an alignment that is no power of two gives an address that is no multiple of it; freeing memory,
//! marking it and removing it want room in the table first, and so can fail, or before `memblock_allow_resize`
//! panic; nothing stops a caller from freeing or cutting off the memory in which a table lies.
//!
//! # What is not here
//!
//! - `memblock_free_all`, `memblock_free_late`, `memblock_discard`, `reset_all_zones_managed_pages`,
//!   `__next_mem_pfn_range_in_zone`: they work on `struct page`, `struct zone` and the page allocator, whose
//!   layout only the kernel's own build knows.
//! - `reserve_mem_find_by_name`: what it finds comes from the boot parameter `reserve_mem=`, which Linux parses
//!   in a function that is not to be called from outside.
//! - Allocation and growth by the slab allocator once that is up, `accept_memory` and kmemleak.

mod address;
mod alloc;
mod change;
mod config;
mod dump;
mod exports;
mod fail;
mod fault;
mod flat;
mod globals;
mod layout;
mod lend;
mod limits;
mod linux;
mod nid;
mod query;
mod search;
mod switches;
#[cfg(test)]
mod tests;
mod walk;
