/* Stands in for linux/mmzone.h: enough of zones for memblock_free_all(). */
#ifndef REFEREE_MMZONE_H
#define REFEREE_MMZONE_H

#include <linux/atomic.h>
#include <linux/memory_hotplug.h>

/* x86-64 and most others: blocks of up to 4 MiB. */
#define MAX_PAGE_ORDER 10
#define MAX_ORDER_NR_PAGES (1 << MAX_PAGE_ORDER)
#define pageblock_order MAX_PAGE_ORDER
#define pageblock_nr_pages BIT(pageblock_order)
#define pageblock_align(pfn) ALIGN((pfn), pageblock_nr_pages)
#define pageblock_start_pfn(pfn) ALIGN_DOWN((pfn), pageblock_nr_pages)

enum zone_type { ZONE_ONLY, __MAX_NR_ZONES };
#define MAX_NR_ZONES __MAX_NR_ZONES

struct zone {
	atomic_long_t managed_pages;
};

typedef struct pglist_data {
	struct zone node_zones[MAX_NR_ZONES];
} pg_data_t;

/* No node is online: nothing to reset before pages are freed. */
#define for_each_online_pgdat(pgdat) for ((pgdat) = NULL; (pgdat);)

#endif
