/*
 * The calls that change nothing: settings, regions, iterators, queries. Part of calls.c.
 */

API u64 linux_current_limit(void)
{
	return memblock_get_current_limit();
}

API u64 linux_has_mirror(void)
{
	return memblock_has_mirror();
}

API u64 linux_warnings(void)
{
	return referee_warnings;
}

API u64 linux_mirror_fallbacks(void)
{
	return referee_mirror_fallbacks;
}

/* The last panic, bug or warning. */
API const char *linux_message(void)
{
	return referee_message;
}

API u64 linux_region_count(u64 number)
{
	return table(number)->cnt;
}

API u64 linux_total_size(u64 number)
{
	return table(number)->total_size;
}

/* Returns the number of regions, and the first of them, up to the capacity. */
API u64 linux_regions(u64 number, struct memblock_region *regions, u64 capacity)
{
	const struct memblock_type *type = table(number);

	memcpy(regions, type->regions, min((u64)type->cnt, capacity) * sizeof(*regions));
	return type->cnt;
}

/* What the Rust side relies on. */
_Static_assert(sizeof(struct memblock_region) == 24, "base, size, flags, nid");
_Static_assert(offsetof(struct memblock_region, flags) == 16, "flags behind base and size");
_Static_assert(offsetof(struct memblock_region, nid) == 20, "nid behind flags");

/* Stores an iterator's piece; counting continues beyond the capacity. */
struct piece {
	u64 start;
	u64 end;
	s64 nid;
};

static void put(struct piece *pieces, u64 capacity, u64 *count, u64 start, u64 end, s64 nid)
{
	if (*count < capacity)
		pieces[*count] = (struct piece){ start, end, nid };
	(*count)++;
}

/* The ranges of a table minus those of another (or NO_TABLE), as every for_each_*_range walks them. */
API u64 linux_ranges(u64 of, u64 without, s64 nid, u64 flags, u64 descending,
		     struct piece *pieces, u64 capacity)
{
	struct memblock_type *a = table(of);
	struct memblock_type *b = without == NO_TABLE ? NULL : table(without);
	phys_addr_t start, end;
	u64 cursor, count = 0;
	int node;

	if (descending) {
		__for_each_mem_range_rev(cursor, a, b, nid, flags, &start, &end, &node)
			put(pieces, capacity, &count, start, end, node);
	} else {
		__for_each_mem_range(cursor, a, b, nid, flags, &start, &end, &node)
			put(pieces, capacity, &count, start, end, node);
	}
	return count;
}

/* Walks the free ranges and returns their total size: nothing but an iteration, to be timed. */
API u64 linux_free_size(s64 nid, u64 flags)
{
	phys_addr_t start, end;
	u64 cursor, size = 0;

	for_each_free_mem_range(cursor, nid, flags, &start, &end, NULL)
		size += end - start;
	return size;
}

API u64 linux_pfn_ranges(s64 nid, struct piece *pieces, u64 capacity)
{
	unsigned long start, end;
	u64 count = 0;
	int cursor, node;

	for_each_mem_pfn_range(cursor, nid, &start, &end, &node)
		put(pieces, capacity, &count, start, end, node);
	return count;
}

API u64 linux_is_memory(u64 address)
{
	return memblock_is_memory(address);
}

API u64 linux_is_reserved(u64 address)
{
	return memblock_is_reserved(address);
}

API u64 linux_is_map_memory(u64 address)
{
	return memblock_is_map_memory(address);
}

API u64 linux_is_region_memory(u64 base, u64 size)
{
	return memblock_is_region_memory(base, size);
}

API u64 linux_is_region_reserved(u64 base, u64 size)
{
	return memblock_is_region_reserved(base, size);
}

API u64 linux_overlaps_region(u64 number, u64 base, u64 size)
{
	return memblock_overlaps_region(table(number), base, size);
}

API s64 linux_search_pfn_nid(u64 pfn, u64 *start_pfn, u64 *end_pfn)
{
	unsigned long start = 0, end = 0;
	int nid = memblock_search_pfn_nid(pfn, &start, &end);

	*start_pfn = start;
	*end_pfn = end;
	return nid;
}

API u64 linux_start_of_dram(void)
{
	return memblock_start_of_DRAM();
}

/* Without a region, Linux would read the one before the first, so it is not called then. */
API u64 linux_end_of_dram(void)
{
	return memblock.memory.cnt ? memblock_end_of_DRAM() : 0;
}

API u64 linux_phys_mem_size(void)
{
	return memblock_phys_mem_size();
}

API u64 linux_reserved_size(void)
{
	return memblock_reserved_size();
}

API u64 linux_estimated_nr_free_pages(void)
{
	return memblock_estimated_nr_free_pages();
}

API u64 linux_validate_numa_coverage(u64 bytes)
{
	return memblock_validate_numa_coverage(bytes);
}
