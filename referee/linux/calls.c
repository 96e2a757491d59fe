/*
 * Every call of Linux's memblock, with 64-bit integers for arguments and results.
 *
 * mm/memblock.c is included, not linked, because some of the functions called are static.
 *
 * Built twice. The guarded library returns REFEREE_PANIC or REFEREE_BUG where Linux would not return. In the
 * library for measurements (-DUNGUARDED) there is nothing between the caller and Linux's code.
 */
#include <linux/mm.h>

/* A page whose reservation has no node: the simulator's header would say node 0. */
#define early_pfn_to_nid(pfn) NUMA_NO_NODE

#include LINUX_MEMBLOCK_C

#include "referee.h"

/* Only these are exported: the two libraries would clash in anything called memblock_*. */
#define API __attribute__((visibility("default")))

enum table { MEMORY, RESERVED, PHYSMEM };
/* Another value for "table", where it says which regions to leave out. */
#define NO_TABLE (~0ull)

#ifdef UNGUARDED
#define GUARDED(type, call) return (type)(call)
#else
/* No local variable is read after the jump, so none can be stale. */
#define GUARDED(type, call) do {					\
	type answer_;							\
									\
	if (__builtin_setjmp(referee_return_to))			\
		return (type)(s64)referee_stop_reason;			\
	referee_can_return = true;					\
	answer_ = (type)(call);						\
	referee_can_return = false;					\
	return answer_;							\
} while (0)
#endif

static struct memblock_type *table(u64 number)
{
	switch (number) {
	case MEMORY:
		return &memblock.memory;
	case RESERVED:
		return &memblock.reserved;
	default:
		return &physmem;
	}
}

/* Settings */

/* Linux recognizes an empty table by its first region, and never reads past the last one. */
static void empty(struct memblock_type *type)
{
	memset(type->regions, 0, sizeof(type->regions[0]));
	type->cnt = 0;
	type->total_size = 0;
}

/* Empties the tables, which keep their arrays. Changes nothing else. */
API void linux_clear(void)
{
	empty(&memblock.memory);
	empty(&memblock.reserved);
	empty(&physmem);
}

static void restart(struct memblock_type *type, struct memblock_region *first, unsigned long max, int *in_slab)
{
	if (*in_slab)
		kfree(type->regions);
	*in_slab = 0;
	type->regions = first;
	type->max = max;
	empty(type);
}

/* Linux's own array for physmem has room for 4, and must not be grown: see linux_boot_physmem_array(). */
static struct memblock_region physmem_regions[1 << 14];

/* Resets everything to the state at the start of a kernel, except that tables may grow, with kmalloc(). */
API void linux_reset(void)
{
	int never_in_slab = 0;

	restart(&memblock.memory, memblock_memory_init_regions, INIT_MEMBLOCK_MEMORY_REGIONS,
		&memblock_memory_in_slab);
	restart(&memblock.reserved, memblock_reserved_init_regions, INIT_MEMBLOCK_RESERVED_REGIONS,
		&memblock_reserved_in_slab);
	restart(&physmem, physmem_regions, ARRAY_SIZE(physmem_regions), &never_in_slab);

	memblock.bottom_up = false;
	memblock.current_limit = MEMBLOCK_ALLOC_ANYWHERE;
	system_has_some_mirror = false;
	mirrored_kernelcore = false;
	movable_node_enabled = false;
	memblock_can_resize = 1;
	reserved_mem_count = 0;
	reset_managed_pages_done = 0;
	max_low_pfn = ~0ul;

	referee_slab = true;
	referee_warnings = 0;
	referee_mirror_fallbacks = 0;
	referee_message[0] = '\0';
}

/* Off: a full table is a panic, as before memblock_allow_resize(). */
API void linux_set_can_grow(u64 on)
{
	memblock_can_resize = !!on;
}

/* On: region arrays are allocated in the memory that memblock manages, as before slab is available. */
API void linux_set_grow_in_memory(u64 on)
{
	referee_slab = !on;
}

/*
 * Gives physmem the array that it has in a kernel, and returns its address. When it is full, Linux frees it
 * as if memblock had allocated it (deliberate difference PHYSMEM_ARRAY_FREED).
 */
API u64 linux_boot_physmem_array(void)
{
	physmem.regions = memblock_physmem_init_regions;
	physmem.max = INIT_PHYSMEM_REGIONS;
	return (u64)memblock_physmem_init_regions;
}

/* Doubles a table's array until it has room for that many regions. */
API s64 linux_make_room(u64 number, u64 regions)
{
	struct memblock_type *type = table(number);

	/* Its array is not from kmalloc(), but kfree() might get it. */
	if (type == &physmem && type->max < regions)
		return REFEREE_REFUSED;
	while (type->max < regions)
		if (memblock_double_array(type, 0, 0))
			return -ENOMEM;
	return 0;
}

/* Fills a table with these regions, which must be sorted and merged, as Linux would have them. */
API s64 linux_load(u64 number, const struct memblock_region *regions, u64 count)
{
	struct memblock_type *type = table(number);

	if (linux_make_room(number, count))
		return -ENOMEM;
	empty(type);
	memcpy(type->regions, regions, count * sizeof(*regions));
	type->cnt = count;
	while (count--)
		type->total_size += regions[count].size;
	return 0;
}

API void linux_set_bottom_up(u64 on)
{
	memblock_set_bottom_up(on);
}

API void linux_set_current_limit(u64 limit)
{
	memblock_set_current_limit(limit);
}

API void linux_set_movable_node(u64 on)
{
	movable_node_enabled = on;
}

API void linux_set_mirrored_kernelcore(u64 on)
{
	mirrored_kernelcore = on;
}

/* The end of the memory that memblock_free_all() hands over. */
API void linux_set_max_low_pfn(u64 pfn)
{
	max_low_pfn = pfn;
}

/* Changes */

API s64 linux_add(u64 base, u64 size)
{
	GUARDED(s64, memblock_add(base, size));
}

API s64 linux_add_node(u64 base, u64 size, s64 nid, u64 flags)
{
	GUARDED(s64, memblock_add_node(base, size, nid, flags));
}

API s64 linux_remove(u64 base, u64 size)
{
	GUARDED(s64, memblock_remove(base, size));
}

API s64 linux_reserve(u64 base, u64 size)
{
	GUARDED(s64, memblock_reserve(base, size));
}

/* memblock_reserve() with a node and flags, which 6.12 has no function for. */
API s64 linux_reserve_region(u64 base, u64 size, s64 nid, u64 flags)
{
	GUARDED(s64, memblock_add_range(&memblock.reserved, base, size, nid, flags));
}

API s64 linux_phys_free(u64 base, u64 size)
{
	GUARDED(s64, memblock_phys_free(base, size));
}

/* Refused instead of growing, except into memory: as in linux_make_room(). */
API s64 linux_physmem_add(u64 base, u64 size)
{
	if (referee_slab && physmem.cnt * 2 + 1 > physmem.max)
		return REFEREE_REFUSED;
	GUARDED(s64, memblock_physmem_add(base, size));
}

API s64 linux_set_node(u64 number, u64 base, u64 size, s64 nid)
{
	GUARDED(s64, memblock_set_node(base, size, table(number), nid));
}

API s64 linux_mark_hotplug(u64 base, u64 size)
{
	GUARDED(s64, memblock_mark_hotplug(base, size));
}

API s64 linux_clear_hotplug(u64 base, u64 size)
{
	GUARDED(s64, memblock_clear_hotplug(base, size));
}

API s64 linux_mark_mirror(u64 base, u64 size)
{
	GUARDED(s64, memblock_mark_mirror(base, size));
}

API s64 linux_mark_nomap(u64 base, u64 size)
{
	GUARDED(s64, memblock_mark_nomap(base, size));
}

API s64 linux_clear_nomap(u64 base, u64 size)
{
	GUARDED(s64, memblock_clear_nomap(base, size));
}

API s64 linux_reserved_mark_noinit(u64 base, u64 size)
{
	GUARDED(s64, memblock_reserved_mark_noinit(base, size));
}

API s64 linux_trim_memory(u64 align)
{
	GUARDED(s64, (memblock_trim_memory(align), 0));
}

API s64 linux_cap_memory_range(u64 base, u64 size)
{
	GUARDED(s64, (memblock_cap_memory_range(base, size), 0));
}

API s64 linux_mem_limit_remove_map(u64 limit)
{
	GUARDED(s64, (memblock_mem_limit_remove_map(limit), 0));
}

API s64 linux_enforce_memory_limit(u64 limit)
{
	GUARDED(s64, (memblock_enforce_memory_limit(limit), 0));
}

/*
 * Merges what the calls that limit memory leave unmerged (deliberate difference CapUnmerged), so that a
 * comparison can continue.
 */
API void linux_merge_memory(void)
{
	if (memblock.memory.cnt)
		memblock_merge_regions(&memblock.memory, 0, memblock.memory.cnt);
}

/* Allocation */

/*
 * memblock's allocations do not work once slab is available, and without slab arrays grow in the managed
 * memory. So grow the array first, if necessary, and hide slab meanwhile.
 */
static bool hide_slab(void)
{
	struct memblock_type *type = &memblock.reserved;
	bool was_there = referee_slab;

	if (was_there && __builtin_expect(type->cnt + 2 > type->max, 0) && memblock_can_resize)
		memblock_double_array(type, 0, 0);
	referee_slab = false;
	return was_there;
}

/* Physical addresses are virtual addresses here, and 0 is both no address and NULL. */
#define ALLOCATION(call) ({			\
	bool slab_ = hide_slab();		\
	u64 address_ = (u64)(call);		\
	referee_slab = slab_;			\
	address_;				\
})

API u64 linux_find_in_range(u64 size, u64 align, u64 start, u64 end)
{
	GUARDED(u64, memblock_find_in_range(start, end, size, align));
}

API u64 linux_alloc_range_nid(u64 size, u64 align, u64 start, u64 end, s64 nid, u64 exact)
{
	GUARDED(u64, ALLOCATION(memblock_alloc_range_nid(size, align, start, end, nid, exact)));
}

API u64 linux_phys_alloc_range(u64 size, u64 align, u64 start, u64 end)
{
	GUARDED(u64, ALLOCATION(memblock_phys_alloc_range(size, align, start, end)));
}

API u64 linux_phys_alloc_try_nid(u64 size, u64 align, s64 nid)
{
	GUARDED(u64, ALLOCATION(memblock_phys_alloc_try_nid(size, align, nid)));
}

/* The calls for virtual addresses that do not write to the memory. */
API u64 linux_alloc_try_nid_raw(u64 size, u64 align, u64 min, u64 max, s64 nid)
{
	GUARDED(u64, ALLOCATION(memblock_alloc_try_nid_raw(size, align, min, max, nid)));
}

API u64 linux_alloc_exact_nid_raw(u64 size, u64 align, u64 min, u64 max, s64 nid)
{
	GUARDED(u64, ALLOCATION(memblock_alloc_exact_nid_raw(size, align, min, max, nid)));
}

/* The value of the parameter reserve_mem=; 1 if it was accepted. */
API s64 linux_reserve_mem(const char *parameter)
{
	char copy[128];

	snprintf(copy, sizeof(copy), "%s", parameter);
	GUARDED(s64, ALLOCATION((s64)reserve_mem(copy)));
}

API s64 linux_reserve_mem_find_by_name(const char *name, u64 *start, u64 *size)
{
	phys_addr_t found_start = 0, found_size = 0;
	int found = reserve_mem_find_by_name(name, &found_start, &found_size);

	*start = found_start;
	*size = found_size;
	return found;
}

/* The memory that memblock_free_all() hands over: `freed` gets pairs, `unfreed` triples (referee.h). */
API s64 linux_free_all(u64 *freed, u64 freed_capacity, u64 *freed_count,
		       u64 *unfreed, u64 unfreed_capacity, u64 *unfreed_count)
{
	referee_freed = (struct referee_record){ freed, freed_capacity, 0 };
	referee_unfreed = (struct referee_record){ unfreed, unfreed_capacity, 0 };
	GUARDED(s64, (memblock_free_all(), *freed_count = referee_freed.count,
		      *unfreed_count = referee_unfreed.count, 0));
}

#include "queries.h"
