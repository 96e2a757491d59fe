/*
 * Made by cbindgen of the comments in crates/capi/src. Do not edit: change those, and run
 *     PHYSMEM_HEADER=write cargo test -p physmem-capi --test header
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef PHYSMEM_H
#define PHYSMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * physmem: the early memory of a machine, as Linux's memblock keeps it.
 *
 * A memblock has three tables of regions: memory, reserved and physmem. It lies in storage of the caller's,
 * takes no memory by itself unless it is told to, and is changed and asked by the functions below.
 * examples/tour.c walks through them.
 *
 * Every pointer passed in is null or points to what its type says; where null is allowed, the function says so.
 * Null in other places gives PHYSMEM_STATUS_NULL_POINTER, false or 0. A memblock comes from
 * physmem_memblock_init(). Calls for one memblock come one at a time; functions that take it as `const` may run
 * beside each other. Different memblocks have nothing to do with each other.
 *
 * Addresses and sizes are in bytes. Ranges are half-open: `end` is the first address that is not inside.
 *
 * Functions that change a table give PHYSMEM_STATUS_INVALID_RANGE for what is no range. When the table has no
 * room for a change, they give PHYSMEM_STATUS_TABLE_FULL; if it may grow by itself and cannot, _CANNOT_GROW,
 * _NOT_MAPPED or _TOO_MANY_BUFFERS. Whatever the error, nothing was changed.
 *
 * Link with libphysmem_capi.a, and on Linux with what Rust's standard library needs: -lpthread -ldl -lm.
 */


// No node, or any node. Nodes are numbered from 0 to INT32_MAX - 1.
#define PHYSMEM_NO_NODE -1

// Bytes of storage that are enough for a memblock, for a static buffer. physmem_memblock_size() says exactly
// how many are.
#define PHYSMEM_MEMBLOCK_SIZE 16384

// The address of the storage must be a multiple of this.
#define PHYSMEM_MEMBLOCK_ALIGN 16

// How a call ended. Anything but PHYSMEM_STATUS_OK left the memblock as it was;
// physmem_memblock_last_error_message() then says more.
enum physmem_status {
    // Done.
    PHYSMEM_STATUS_OK = 0,
    // A pointer is null that may not be.
    PHYSMEM_STATUS_NULL_POINTER = 1,
    // A range is empty, or its end lies before its start.
    PHYSMEM_STATUS_INVALID_RANGE = 2,
    // A node is negative and not PHYSMEM_NO_NODE, or INT32_MAX.
    PHYSMEM_STATUS_INVALID_NODE = 3,
    // No table has this number.
    PHYSMEM_STATUS_INVALID_TABLE = 4,
    // A string is not UTF-8.
    PHYSMEM_STATUS_INVALID_TEXT = 5,
    // A request for 0 bytes, for a multiple of what is no power of two, or between addresses that leave
    // nothing.
    PHYSMEM_STATUS_INVALID_REQUEST = 6,
    // No free memory fits the request.
    PHYSMEM_STATUS_NO_SPACE = 7,
    // A table is full. Hand it memory with physmem_memblock_grow(), or let it take some by itself from the
    // start with physmem_memblock_allow_growth().
    PHYSMEM_STATUS_TABLE_FULL = 8,
    // A table is full, and there is no free memory for it to grow into.
    PHYSMEM_STATUS_CANNOT_GROW = 9,
    // A table was to grow, and the map function had no pointer, or none that is a multiple of 8, for the memory.
    PHYSMEM_STATUS_NOT_MAPPED = 10,
    // A table was handed memory 32 times. Hand over more at a time.
    PHYSMEM_STATUS_TOO_MANY_BUFFERS = 11,
    // The range holds tables of the memblock itself.
    PHYSMEM_STATUS_IN_USE = 12,
    // The name is taken, or all eight are.
    PHYSMEM_STATUS_NAME_TAKEN = 13,
    // The name, or the parameter, is not what it should be.
    PHYSMEM_STATUS_INVALID_NAME = 14,
    // An error of a kind that this list does not have yet.
    PHYSMEM_STATUS_OTHER = 15,
};

// A memblock: the tables of one machine. What is inside is not for C.
struct physmem_memblock;

// Attributes of a region, joined by `|`: PHYSMEM_HOTPLUG and those below, with the values of Linux's
// `enum memblock_flags`. Other bits below bit 16 are kept as they are, higher ones are dropped.
typedef uint32_t physmem_flags;

// A range of addresses with one node and one set of attributes.
struct physmem_region {
    // First address.
    uint64_t start;
    // First address behind.
    uint64_t end;
    // The node, or PHYSMEM_NO_NODE.
    int32_t node;
    // The attributes.
    physmem_flags flags;
};

// One of the tables of a memblock: PHYSMEM_TABLE_MEMORY, PHYSMEM_TABLE_RESERVED or PHYSMEM_TABLE_PHYSMEM.
typedef uint32_t physmem_table;

// A request for memory. Start from physmem_request(), and set what differs.
struct physmem_request {
    // Bytes wanted, at least 1.
    uint64_t size;
    // The first address is a multiple of this, a power of two. 0 stands for 64, a cache line.
    uint64_t align;
    // Lowest address allowed. Page 0 is never given.
    uint64_t min;
    // First address not allowed. 0 stands for the current limit; anything else counts even above that.
    uint64_t max;
    // The node wanted, PHYSMEM_NO_NODE for any.
    int32_t node;
    // Rather nothing than memory of another node.
    bool exact_node;
    // Rather memory below `min` than nothing.
    bool min_is_optional;
    // Who asks, in UTF-8, kept with the reservation and named in messages. May be null. The string must stay
    // as it is for as long as the memblock is used.
    const char *owner;
};

// Physical addresses, in bytes: `start` is the first, `end` the first one behind. `start` is less than `end`.
// The last byte of the address space, 2^64 - 1, is in no range.
struct physmem_range {
    // First address.
    uint64_t start;
    // First address behind.
    uint64_t end;
};

// Gives the pointer to the first byte of the physical memory `start` to `end`, whole pages that are mapped in
// one piece; or null if they are not. `context` is what physmem_memblock_allow_growth() was given. It must not
// call anything of this header for the same memblock.
typedef void *(*physmem_map)(void *context, uint64_t start, uint64_t end);

// Which memory a walk shows.
//
// { PHYSMEM_NO_NODE, 0 } shows what may be allocated: all but PHYSMEM_NOMAP, PHYSMEM_DRIVER_MANAGED and, with
// movable_node, PHYSMEM_HOTPLUG. Naming one of these three in `flags` adds such memory. Naming PHYSMEM_MIRROR
// or PHYSMEM_KHO_SCRATCH leaves only such memory.
struct physmem_selection {
    // Only memory of this node; PHYSMEM_NO_NODE for all.
    int32_t node;
    // Attributes asked for.
    physmem_flags flags;
};

// Page frames of one node: `start` is the number of the first, `end` of the first one behind.
struct physmem_pages {
    // First page frame number.
    uint64_t start;
    // First page frame number behind.
    uint64_t end;
    // The node, or PHYSMEM_NO_NODE.
    int32_t node;
};

// Takes 2^`order` free pages from page frame `pfn` on, of `node` or PHYSMEM_NO_NODE. `context` is what
// physmem_memblock_free_all() was given. It must not call anything of this header for the same memblock.
typedef void (*physmem_take_pages)(void *context, uint64_t pfn, uint32_t order, int32_t node);

// What memory there is.
#define PHYSMEM_TABLE_MEMORY 0

// What must not be handed out. It need not lie in memory.
#define PHYSMEM_TABLE_RESERVED 1

// What memory is really there, whatever a limit left of PHYSMEM_TABLE_MEMORY.
#define PHYSMEM_TABLE_PHYSMEM 2

// Firmware says that this memory may be unplugged.
#define PHYSMEM_HOTPLUG 1

// Mirrored memory.
#define PHYSMEM_MIRROR 2

// Not in the kernel's direct map; never allocated.
#define PHYSMEM_NOMAP 4

// Added by a driver, never in firmware's map; never allocated.
#define PHYSMEM_DRIVER_MANAGED 8

// Of a reservation: its page structures are not to be initialised.
#define PHYSMEM_RSRV_NOINIT 16

// Of a reservation: the kernel's own, not firmware's.
#define PHYSMEM_RSRV_KERN 32

// Scratch memory of kexec handover.
#define PHYSMEM_KHO_SCRATCH 64

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Bytes a memblock takes. At most PHYSMEM_MEMBLOCK_SIZE.
size_t physmem_memblock_size(void);

// What the address of a memblock must be a multiple of. At most PHYSMEM_MEMBLOCK_ALIGN.
size_t physmem_memblock_align(void);

// Makes an empty memblock in `storage`, `size` bytes that are yours, for a machine with pages of `page_size`
// bytes. The storage must stay where it is, and be left alone, as long as the memblock is used; nothing has to
// be done when that is over. For a moment, as much stack is needed.
//
// Gives the memblock, or null: `storage` is null, not aligned or too small, or `page_size` is no power of two.
struct physmem_memblock *physmem_memblock_init(void *storage,
                                               size_t size,
                                               uint64_t page_size);

// Adds memory without node or attributes. What is memory already stays as it is.
//
// The bytes that are new are written to `added`, which may be null.
enum physmem_status physmem_memblock_add(struct physmem_memblock *memblock,
                                         uint64_t start,
                                         uint64_t end,
                                         uint64_t *added);

// Adds memory of a node with attributes; otherwise as physmem_memblock_add().
enum physmem_status physmem_memblock_add_node(struct physmem_memblock *memblock,
                                              struct physmem_region region,
                                              uint64_t *added);

// Adds to physmem; otherwise as physmem_memblock_add().
enum physmem_status physmem_memblock_physmem_add(struct physmem_memblock *memblock,
                                                 uint64_t start,
                                                 uint64_t end,
                                                 uint64_t *added);

// Takes a range out of memory. Reservations stay.
//
// The bytes that went are written to `removed`, and how many of them are still reserved, so that somebody may
// be using them, to `still_reserved`. Both may be null. PHYSMEM_STATUS_IN_USE for the memblock's own tables.
enum physmem_status physmem_memblock_remove(struct physmem_memblock *memblock,
                                            uint64_t start,
                                            uint64_t end,
                                            uint64_t *removed,
                                            uint64_t *still_reserved);

// Reserves a range, which need not be memory, without node or attributes.
//
// The bytes that were not reserved before are written to `reserved`, which may be null.
enum physmem_status physmem_memblock_reserve(struct physmem_memblock *memblock,
                                             uint64_t start,
                                             uint64_t end,
                                             uint64_t *reserved);

// Reserves a range of a node with attributes; otherwise as physmem_memblock_reserve().
enum physmem_status physmem_memblock_reserve_region(struct physmem_memblock *memblock,
                                                    struct physmem_region region,
                                                    uint64_t *reserved);

// Reserves a range and notes who for; otherwise as physmem_memblock_reserve().
//
// `owner` is in UTF-8 and must stay as it is for as long as the memblock is used. 125 names are told apart.
// Regions of different owners do not merge.
enum physmem_status physmem_memblock_reserve_for(struct physmem_memblock *memblock,
                                                 uint64_t start,
                                                 uint64_t end,
                                                 const char *owner,
                                                 uint64_t *reserved);

// Ends what is reserved of a range.
//
// The bytes that were reserved are written to `freed`, which may be null. PHYSMEM_STATUS_IN_USE for the
// memblock's own tables.
enum physmem_status physmem_memblock_free(struct physmem_memblock *memblock,
                                          uint64_t start,
                                          uint64_t end,
                                          uint64_t *freed);

// Sets the node of what a table has of a range. PHYSMEM_NO_NODE takes it away.
enum physmem_status physmem_memblock_set_node(struct physmem_memblock *memblock,
                                              physmem_table table,
                                              uint64_t start,
                                              uint64_t end,
                                              int32_t node);

// Shrinks every region of memory to multiples of `align` bytes, and drops those that hold none. 0 counts as 1.
//
// The bytes that went are written to `removed`, which may be null.
enum physmem_status physmem_memblock_trim_memory(struct physmem_memblock *memblock,
                                                 uint64_t align,
                                                 uint64_t *removed);

// Marks memory as hot-pluggable (PHYSMEM_HOTPLUG).
enum physmem_status physmem_memblock_mark_hotplug(struct physmem_memblock *memblock,
                                                  uint64_t start,
                                                  uint64_t end);

// Undoes physmem_memblock_mark_hotplug().
enum physmem_status physmem_memblock_clear_hotplug(struct physmem_memblock *memblock,
                                                   uint64_t start,
                                                   uint64_t end);

// Marks memory as mirrored (PHYSMEM_MIRROR), which allocations then prefer. Nothing happens without
// physmem_memblock_set_mirrored_kernelcore().
enum physmem_status physmem_memblock_mark_mirror(struct physmem_memblock *memblock,
                                                 uint64_t start,
                                                 uint64_t end);

// Marks memory as not to be mapped or allocated (PHYSMEM_NOMAP).
enum physmem_status physmem_memblock_mark_nomap(struct physmem_memblock *memblock,
                                                uint64_t start,
                                                uint64_t end);

// Undoes physmem_memblock_mark_nomap().
enum physmem_status physmem_memblock_clear_nomap(struct physmem_memblock *memblock,
                                                 uint64_t start,
                                                 uint64_t end);

// Marks memory as scratch memory of kexec handover (PHYSMEM_KHO_SCRATCH).
enum physmem_status physmem_memblock_mark_kho_scratch(struct physmem_memblock *memblock,
                                                      uint64_t start,
                                                      uint64_t end);

// Undoes physmem_memblock_mark_kho_scratch().
enum physmem_status physmem_memblock_clear_kho_scratch(struct physmem_memblock *memblock,
                                                       uint64_t start,
                                                       uint64_t end);

// Marks what is reserved as having no page structures to initialise (PHYSMEM_RSRV_NOINIT).
enum physmem_status physmem_memblock_reserved_mark_noinit(struct physmem_memblock *memblock,
                                                          uint64_t start,
                                                          uint64_t end);

// Marks what is reserved as the kernel's own (PHYSMEM_RSRV_KERN).
enum physmem_status physmem_memblock_reserved_mark_kern(struct physmem_memblock *memblock,
                                                        uint64_t start,
                                                        uint64_t end);

// A request for `size` bytes anywhere below the current limit, aligned to a cache line.
struct physmem_request physmem_request(uint64_t size);

// Finds free memory for a request, reserves it, and writes where it is to `range`. The memory itself is not
// touched, so it is not cleared.
//
// First fit, from the top unless physmem_memblock_set_bottom_up() said otherwise. Where the request leaves a
// choice, memory is searched as Linux does: as asked; on any node; both without insisting on mirrored memory;
// all of these below `min`.
//
// PHYSMEM_STATUS_INVALID_REQUEST, PHYSMEM_STATUS_NO_SPACE, or what stops a table from growing.
enum physmem_status physmem_memblock_alloc(struct physmem_memblock *memblock,
                                           const struct physmem_request *request,
                                           struct physmem_range *range);

// Finds what physmem_memblock_alloc() would give, and reserves nothing.
enum physmem_status physmem_memblock_find(struct physmem_memblock *memblock,
                                          const struct physmem_request *request,
                                          struct physmem_range *range);

// Hands a table `bytes` bytes at `buffer` to keep regions in. A table has room for 63 regions to begin with,
// and for about 32 to 64 more for each 1552 bytes handed over; at most 32 times.
//
// The buffer must stay where it is, and be left alone, as long as the memblock is used. What does not make up
// a whole chunk of 1552 bytes, or lies before the first address that is a multiple of 8, is not used.
enum physmem_status physmem_memblock_grow(struct physmem_memblock *memblock,
                                          physmem_table table,
                                          void *buffer,
                                          size_t bytes);

// From now on, lets tables take memory by themselves when they are full: free memory, which they reserve, and
// which `map` finds a pointer for. That memory is then the memblock's for ever: physmem_memblock_next_own()
// lists it.
//
// By calling this you promise that what `map` points to can be read and written for as long as the memblock is
// used, that different addresses are different memory, and that nobody uses memory but what the memblock gave
// them: reserve first what is in use. A null `map` is PHYSMEM_STATUS_NULL_POINTER.
enum physmem_status physmem_memblock_allow_growth(struct physmem_memblock *memblock,
                                                  physmem_map map,
                                                  void *context);

// The next region of a table upwards. Begin with a cursor of 0, and call until the result is false:
// `while (physmem_memblock_next_region(memblock, PHYSMEM_TABLE_RESERVED, &cursor, &region)) ...`
//
// False also for a null `memblock` or `cursor`, and for a table that does not exist. `region` may be null.
bool physmem_memblock_next_region(const struct physmem_memblock *memblock,
                                  physmem_table table,
                                  uint64_t *cursor,
                                  struct physmem_region *region);

// The next region of a table downwards. Begin with a cursor of UINT64_MAX; otherwise as
// physmem_memblock_next_region().
bool physmem_memblock_prev_region(const struct physmem_memblock *memblock,
                                  physmem_table table,
                                  uint64_t *cursor,
                                  struct physmem_region *region);

// The next region of memory upwards that `selection` shows; otherwise as physmem_memblock_next_region().
bool physmem_memblock_next_memory(const struct physmem_memblock *memblock,
                                  struct physmem_selection selection,
                                  uint64_t *cursor,
                                  struct physmem_region *region);

// The next region of memory downwards that `selection` shows; otherwise as physmem_memblock_prev_region().
bool physmem_memblock_prev_memory(const struct physmem_memblock *memblock,
                                  struct physmem_selection selection,
                                  uint64_t *cursor,
                                  struct physmem_region *region);

// The next piece upwards of memory that `selection` shows and that is not reserved, with node and attributes
// of the memory; otherwise as physmem_memblock_next_region().
bool physmem_memblock_next_free(const struct physmem_memblock *memblock,
                                struct physmem_selection selection,
                                uint64_t *cursor,
                                struct physmem_region *region);

// The next free piece downwards. Begin with a cursor of UINT64_MAX; otherwise as
// physmem_memblock_next_free().
bool physmem_memblock_prev_free(const struct physmem_memblock *memblock,
                                struct physmem_selection selection,
                                uint64_t *cursor,
                                struct physmem_region *region);

// The next piece upwards of what physmem has and table `without` has not; otherwise as
// physmem_memblock_next_region().
bool physmem_memblock_next_physmem(const struct physmem_memblock *memblock,
                                   physmem_table without,
                                   uint64_t *cursor,
                                   struct physmem_region *region);

// The whole pages of the next region of memory of a node, or with PHYSMEM_NO_NODE of any, that has some,
// whatever its attributes. Otherwise as physmem_memblock_next_region(); the cursor is an address here too.
bool physmem_memblock_next_pages(const struct physmem_memblock *memblock,
                                 int32_t node,
                                 uint64_t *cursor,
                                 struct physmem_pages *pages);

// The next range of memory that the memblock's own tables took; otherwise as physmem_memblock_next_region().
// Whoever needs the memblock no more collects these ranges, and may then use them.
bool physmem_memblock_next_own(const struct physmem_memblock *memblock,
                               uint64_t *cursor,
                               struct physmem_range *range);

// Whether an address is memory.
bool physmem_memblock_is_memory(const struct physmem_memblock *memblock, uint64_t address);

// Whether an address is memory that the kernel maps: not PHYSMEM_NOMAP.
bool physmem_memblock_is_map_memory(const struct physmem_memblock *memblock, uint64_t address);

// Whether an address is reserved.
bool physmem_memblock_is_reserved(const struct physmem_memblock *memblock, uint64_t address);

// Whether all of a range is memory.
bool physmem_memblock_is_region_memory(const struct physmem_memblock *memblock,
                                       uint64_t start,
                                       uint64_t end);

// Whether any of a range is reserved.
bool physmem_memblock_is_region_reserved(const struct physmem_memblock *memblock,
                                         uint64_t start,
                                         uint64_t end);

// Bytes of memory.
uint64_t physmem_memblock_memory_size(const struct physmem_memblock *memblock);

// Bytes reserved, in memory or not.
uint64_t physmem_memblock_reserved_size(const struct physmem_memblock *memblock);

// Bytes of memory that are not reserved, whatever their attributes.
uint64_t physmem_memblock_free_size(const struct physmem_memblock *memblock);

// Bytes of whole pages of memory that have no node.
uint64_t physmem_memblock_nodeless_size(const struct physmem_memblock *memblock);

// Bytes below `limit` reserved for the kernel itself (PHYSMEM_RSRV_KERN) on a node, or with PHYSMEM_NO_NODE on
// any.
uint64_t physmem_memblock_reserved_kern_size(const struct physmem_memblock *memblock,
                                             uint64_t limit,
                                             int32_t node);

// Number of regions in a table.
size_t physmem_memblock_region_count(const struct physmem_memblock *memblock, physmem_table table);

// Regions that can certainly be added to a table before it needs more memory.
size_t physmem_memblock_room(const struct physmem_memblock *memblock, physmem_table table);

// Whether a table has an address; the region that holds it is written to `region`, which may be null.
bool physmem_memblock_region_at(const struct physmem_memblock *memblock,
                                physmem_table table,
                                uint64_t address,
                                struct physmem_region *region);

// From the first address of memory to the first behind the last, gaps included. False without memory.
bool physmem_memblock_dram(const struct physmem_memblock *memblock,
                           struct physmem_range *range);

// The region of memory that holds page frame `pfn`, both ends rounded down to pages. False if it is no memory.
bool physmem_memblock_search_pfn(const struct physmem_memblock *memblock,
                                 uint64_t pfn,
                                 struct physmem_pages *pages);

// Whether memory was marked as mirrored.
bool physmem_memblock_has_mirror(const struct physmem_memblock *memblock);

// Whether memory is given out from the lowest address up. At first it is not.
enum physmem_status physmem_memblock_set_bottom_up(struct physmem_memblock *memblock, bool on);

// First address not allowed for requests that name none. At first there is no limit.
enum physmem_status physmem_memblock_set_current_limit(struct physmem_memblock *memblock,
                                                       uint64_t limit);

// The limit that physmem_memblock_set_current_limit() set; 0 for a null memblock.
uint64_t physmem_memblock_current_limit(const struct physmem_memblock *memblock);

// Whether PHYSMEM_HOTPLUG memory is spared, as Linux's boot parameter movable_node asks for.
enum physmem_status physmem_memblock_set_movable_node(struct physmem_memblock *memblock, bool on);

// Whether physmem_memblock_mark_mirror() marks anything, as Linux's boot parameter kernelcore=mirror asks for.
enum physmem_status physmem_memblock_set_mirrored_kernelcore(struct physmem_memblock *memblock,
                                                             bool on);

// Whether only PHYSMEM_KHO_SCRATCH memory is given out.
enum physmem_status physmem_memblock_set_kho_scratch_only(struct physmem_memblock *memblock,
                                                          bool on);

// Whether allocations are marked PHYSMEM_RSRV_KERN and get the node that was asked for, as in Linux later than
// 6.12.
enum physmem_status physmem_memblock_set_kern_accounting(struct physmem_memblock *memblock,
                                                         bool on);

// Cuts off memory and reservations above the address at which `limit` bytes of memory are counted, lowest
// first. A limit of 0, or more than there is, changes nothing.
//
// The bytes of memory that went are written to `removed`, which may be null. PHYSMEM_STATUS_IN_USE if tables
// of the memblock lie above.
enum physmem_status physmem_memblock_enforce_memory_limit(struct physmem_memblock *memblock,
                                                          uint64_t limit,
                                                          uint64_t *removed);

// Keeps memory inside a range, and PHYSMEM_NOMAP memory elsewhere; takes out the rest, and all reservations
// outside. Without memory, nothing happens. Otherwise as physmem_memblock_enforce_memory_limit().
enum physmem_status physmem_memblock_cap_memory_range(struct physmem_memblock *memblock,
                                                      uint64_t start,
                                                      uint64_t end,
                                                      uint64_t *removed);

// Keeps the lowest `limit` bytes of memory, and PHYSMEM_NOMAP memory above; otherwise as
// physmem_memblock_enforce_memory_limit().
enum physmem_status physmem_memblock_mem_limit_remove_map(struct physmem_memblock *memblock,
                                                          uint64_t limit,
                                                          uint64_t *removed);

// Reserves memory as Linux's boot parameter reserve_mem= asks for: `parameter` is "SIZE:ALIGN:NAME", for
// example "20M:2M:trace". Where it is is written to `range`, which may be null.
//
// A name has 1 to 15 bytes, and there are eight at most. PHYSMEM_STATUS_INVALID_NAME, _NAME_TAKEN, or as
// physmem_memblock_alloc().
enum physmem_status physmem_memblock_reserve_mem(struct physmem_memblock *memblock,
                                                 const char *parameter,
                                                 struct physmem_range *range);

// Whether memory was reserved by a name; where it is is written to `range`, which may be null.
bool physmem_memblock_reserve_mem_find(const struct physmem_memblock *memblock,
                                       const char *name,
                                       struct physmem_range *range);

// Frees the memory that was reserved by a name, and the name. Where it was is written to `range`, which may be
// null. PHYSMEM_STATUS_INVALID_NAME if there is no such name.
enum physmem_status physmem_memblock_reserve_mem_release(struct physmem_memblock *memblock,
                                                         const char *name,
                                                         struct physmem_range *range);

// Ends early allocation: passes all free memory to `take`, for the page allocator, in blocks as large as
// alignment and `max_order` allow, lowest first, up to page frame `end_pfn` (UINT64_MAX for no end).
//
// First PHYSMEM_HOTPLUG is cleared everywhere, and reservations get the nodes of the memory they lie in. Memory
// that is PHYSMEM_NOMAP or PHYSMEM_DRIVER_MANAGED is not passed. The tables do not note what was taken.
enum physmem_status physmem_memblock_free_all(struct physmem_memblock *memblock,
                                              uint32_t max_order,
                                              uint64_t end_pfn,
                                              physmem_take_pages take,
                                              void *context);

// Writes what is known of the last call for this memblock that failed, as text: what was asked for, what stood
// in the way, and where. Empty if none failed.
//
// As snprintf(): at most `size` bytes are written to `buffer`, the last of them zero, and the result is the
// length of the whole text. `buffer` may be null if `size` is 0.
size_t physmem_memblock_last_error_message(const struct physmem_memblock *memblock,
                                           char *buffer,
                                           size_t size);

// Writes a table as text, one region a line, in the form of Linux's /sys/kernel/debug/memblock; otherwise as
// physmem_memblock_last_error_message().
size_t physmem_memblock_dump(const struct physmem_memblock *memblock,
                             physmem_table table,
                             char *buffer,
                             size_t size);

// Writes for whom an address was reserved; nothing if it is not reserved, or nobody said. Otherwise as
// physmem_memblock_last_error_message().
size_t physmem_memblock_owner_at(const struct physmem_memblock *memblock,
                                 uint64_t address,
                                 char *buffer,
                                 size_t size);

// The name of a status, for example "PHYSMEM_STATUS_NO_SPACE". Never null, and valid for ever.
const char *physmem_status_name(uint32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PHYSMEM_H */
