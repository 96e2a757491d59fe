/*
 * A tour of physmem.h: from the firmware's map to the page allocator.
 *
 *     cargo build --release -p physmem-capi
 *     cc -Wall -Wextra -Icrates/capi/include crates/capi/examples/tour.c \
 *         target/release/libphysmem_capi.a -lpthread -ldl -lm -o tour && ./tour
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "physmem.h"

#define PAGE_SIZE 0x1000
#define MIB 0x100000

/* How to handle an error is up to you. Here it ends the program. */
static void must(const struct physmem_memblock *memblock, enum physmem_status status)
{
	char message[512];

	if (status == PHYSMEM_STATUS_OK)
		return;
	physmem_memblock_last_error_message(memblock, message, sizeof(message));
	fprintf(stderr, "%s: %s\n", physmem_status_name(status), message);
	exit(1);
}

static void show(const struct physmem_memblock *memblock, const char *title, uint32_t table)
{
	char text[2048];

	physmem_memblock_dump(memblock, table, text, sizeof(text));
	printf("%s\n%s", title, text);
}

static void show_free(const struct physmem_memblock *memblock)
{
	const struct physmem_selection any = { .node = PHYSMEM_NO_NODE, .flags = 0 };
	struct physmem_region piece;
	uint64_t cursor = 0;

	printf("free\n");
	while (physmem_memblock_next_free(memblock, any, &cursor, &piece))
		printf("  %#12" PRIx64 " - %#12" PRIx64 "  node %d\n", piece.start, piece.end, piece.node);
}

/* A buffer stands in for the RAM at 1 MiB. A kernel adds the offset of its direct map instead. */
static alignas(PAGE_SIZE) unsigned char ram[MIB];

static void *map(void *context, uint64_t start, uint64_t end)
{
	unsigned char *first = context;

	return MIB <= start && end <= 2 * MIB ? first + (start - MIB) : NULL;
}

static void take(void *context, uint64_t pfn, uint32_t order, int32_t node)
{
	uint64_t *pages = context;

	(void)pfn;
	(void)node;
	*pages += (uint64_t)1 << order;
}

int main(void)
{
	/* This is all the storage a memblock needs. */
	static alignas(PHYSMEM_MEMBLOCK_ALIGN) unsigned char storage[PHYSMEM_MEMBLOCK_SIZE];
	struct physmem_memblock *memblock = physmem_memblock_init(storage, sizeof(storage), PAGE_SIZE);

	if (!memblock)
		return 1;

	/* The firmware's map: RAM below 128 MiB on node 0, and above it on node 1, which can be unplugged. */
	must(memblock, physmem_memblock_add(memblock, 0x1000, 0x9f000, NULL));
	must(memblock, physmem_memblock_add_node(memblock,
		(struct physmem_region){ .start = MIB, .end = 128 * MIB, .node = 0 }, NULL));
	must(memblock, physmem_memblock_add_node(memblock,
		(struct physmem_region){ .start = 128 * MIB, .end = 256 * MIB, .node = 1,
					 .flags = PHYSMEM_HOTPLUG }, NULL));
	must(memblock, physmem_memblock_set_node(memblock, PHYSMEM_TABLE_MEMORY, 0, MIB, 0));

	/* What is in use already. */
	must(memblock, physmem_memblock_reserve_for(memblock, 16 * MIB, 32 * MIB, "kernel", NULL));
	must(memblock, physmem_memblock_reserve_for(memblock, 32 * MIB, 40 * MIB, "initrd", NULL));

	show(memblock, "memory", PHYSMEM_TABLE_MEMORY);
	show(memblock, "reserved", PHYSMEM_TABLE_RESERVED);

	/* Keep the kernel's own data out of memory that may be unplugged. */
	must(memblock, physmem_memblock_set_movable_node(memblock, true));
	show_free(memblock);

	/* An allocation, and one that fails: the error says what is in the way. */
	struct physmem_request request = physmem_request(2 * MIB);
	struct physmem_range range;

	request.align = 2 * MIB;
	request.owner = "page tables";
	must(memblock, physmem_memblock_alloc(memblock, &request, &range));
	printf("2 MiB at %#" PRIx64 "\n", range.start);

	request.size = 200 * (uint64_t)MIB;
	enum physmem_status status = physmem_memblock_alloc(memblock, &request, &range);
	char message[512];

	physmem_memblock_last_error_message(memblock, message, sizeof(message));
	printf("200 MiB: %s\n  %s\n", physmem_status_name(status), message);

	/*
	 * A table has room for 63 regions. Then it needs memory: a buffer of yours or, from here on, any free
	 * memory. This program has pointers only for its buffer, so allocations stay below 2 MiB.
	 */
	must(memblock, physmem_memblock_set_current_limit(memblock, 2 * MIB));
	must(memblock, physmem_memblock_allow_growth(memblock, map, ram));
	for (uint64_t i = 0; i < 1000; i++)
		must(memblock, physmem_memblock_reserve(memblock, 64 * MIB + i * 0x2000,
							64 * MIB + i * 0x2000 + 0x1000, NULL));
	printf("%zu reservations\n", physmem_memblock_region_count(memblock, PHYSMEM_TABLE_RESERVED));

	uint64_t cursor = 0, own = 0;

	while (physmem_memblock_next_own(memblock, &cursor, &range))
		own += range.end - range.start;
	printf("the tables took %" PRIu64 " KiB\n", own / 1024);

	/* The end of early allocation. */
	uint64_t pages = 0;

	must(memblock, physmem_memblock_free_all(memblock, 10, UINT64_MAX, take, &pages));
	printf("%" PRIu64 " MiB for the page allocator\n", pages * PAGE_SIZE / MIB);
	return 0;
}
