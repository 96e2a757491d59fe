//! Linux's own memblock interface: the symbols and the `struct memblock` of include/linux/memblock.h (6.12).
//!
//! With the feature `linux-abi`, the archive has every function of that header that mm/memblock.c defines,
//! except those listed below, and the data symbols `memblock` and `physmem`; also `max_pfn` and related
//! variables, which Linux defines in the same file. Use Linux's own header. Linux's memblock tests, the
//! simulator in tools/testing/memblock, link and pass.
//!
//! # One copy of the state
//!
//! The public struct is the only state: there is no copy, index or version next to it. Linux's macros walk
//! the arrays, and C code sets fields as it likes, so each call works with what it finds. A call that changes
//! a table lends [`memblock::RegionTable`] the few records around its range, lets it do the work, and writes
//! the result back ([`lend`]). That costs a search and one move of the records above: O(log n + move). An
//! array grows only where Linux's would, in the same steps ([`change`]).
//!
//! # Settings
//!
//! Values that Linux's configuration fixes at compile time are fixed at compile time here too: [`config`].
//! Values set by boot parameters are read from the kernel's own variables: [`switches`].
//!
//! Memory is accessed at its physical address ([`address`]). So this suits a simulator, a boot loader, or a
//! kernel that runs with memory identity-mapped.
//!
//! # Safety contract
//!
//! As with Linux's memblock, which has no lock:
//!
//! 1. While a call that changes something runs, no other call runs, and nobody else uses the structs.
//! 2. `regions` of each `struct memblock_type` points to an array of at least `max` initialized records.
//! 3. Pointers passed in are valid for what the call does, or null where that is allowed.
//! 4. Free memory is RAM that nobody uses, at its physical address: tables grow into it after
//!    `memblock_allow_resize`, and `memblock_alloc_try_nid` fills it with zeros.
//!
//! # Where it differs from Linux 6.12
//!
//! Linux's tests see no difference. Plain bugs of Linux are not reproduced:
//!
//! - `memblock_trim_memory` updates `total_size`.
//! - `memblock_remove` does not let the memory table grow into the range that is being removed.
//! - The memory table's new array is reserved before the old one is freed, so that the reserved table cannot
//!   grow into the same memory meanwhile.
//! - The fifth region of `physmem` does not free the kernel's static array.
//! - `memblock_cap_memory_range(base, ~0)` keeps reservations inside, where Linux's sum wraps. A NOMAP region
//!   that crosses an end of the range stays in one piece.
//! - `memblock_end_of_DRAM` without memory is 0; Linux reads before the array.
//! - Regions that touch and are alike are merged by every call that touches them, including removals and
//!   trimming.
//! - `memblock_set_node` recognizes the three tables by address, and refuses any other with -EINVAL.
//! - Of a region's flags, bits 0 to 15 are kept; Linux 6.12 has five.
//!
//! - An allocation of 0 bytes between addresses that leave nothing is refused.
//!
//! These quirks are kept, because callers can see them: any other allocation of 0 bytes succeeds and reserves
//! nothing; an alignment that is not a power of two returns an address that is not a multiple of it; freeing,
//! marking and removing memory first need room in the table, and so can fail, or panic before
//! `memblock_allow_resize`; nothing stops a caller from freeing or cutting off the memory that holds a table.
//!
//! # What is not here
//!
//! - `memblock_free_all`, `memblock_free_late`, `memblock_discard`, `reset_all_zones_managed_pages`,
//!   `__next_mem_pfn_range_in_zone`: they work on `struct page`, `struct zone` and the page allocator, and
//!   only the kernel's own build knows their layout.
//! - `reserve_mem_find_by_name`: its results come from the boot parameter `reserve_mem=`, which Linux parses
//!   in a function that cannot be called from outside.
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
