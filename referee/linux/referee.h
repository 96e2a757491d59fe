/*
 * Linux's memblock behind plain functions of 64-bit integers, for tests and measurements.
 *
 * Everything in this directory is ours. calls.c includes Linux's own mm/memblock.c from a tree that build.sh
 * unpacks outside the repository.
 */
#ifndef REFEREE_H
#define REFEREE_H

#include <stdbool.h>
#include <stdint.h>

/* Results of a guarded call that Linux did not return from. */
#define REFEREE_PANIC (-1000001)
#define REFEREE_BUG (-1000002)
/* The call was not made: it would have corrupted the heap. */
#define REFEREE_REFUSED (-1000003)

/*
 * How a call that panics returns: referee_stop() jumps to the place set here, with the reason in
 * referee_stop_reason. Without a place (in the unguarded library), it aborts.
 */
extern void *referee_return_to[5];
extern bool referee_can_return;
extern int referee_stop_reason;

/* The result of slab_is_available(): whether region arrays are allocated by kmalloc() or by memblock itself.
/* */
extern bool referee_slab;

/* Where memblock_free_all() reports; the counts continue beyond the capacities. */
struct referee_record {
	uint64_t *entries;
	uint64_t capacity;
	uint64_t count;
};
extern struct referee_record referee_freed;	/* pfn, order */
extern struct referee_record referee_unfreed;	/* start, end, node */

extern uint64_t referee_warnings;
extern char referee_message[256];

#endif
