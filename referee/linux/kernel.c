/*
 * The kernel around mm/memblock.c, as far as memblock.c calls it: panics, warnings, slab, printk, the buddy
 * allocator.
 */
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/gfp.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/memblock.h>
#include "internal.h"

#include "referee.h"

bool movable_node_enabled;
bool mirrored_kernelcore;
unsigned long referee_mirror_fallbacks;

void *referee_return_to[5];
bool referee_can_return;
int referee_stop_reason;
bool referee_slab = true;
struct referee_record referee_freed;
struct referee_record referee_unfreed;
uint64_t referee_warnings;
char referee_message[256];

static void __attribute__((noreturn)) referee_stop(int reason)
{
	if (!referee_can_return) {
		fprintf(stderr, "Linux's memblock: %s\n", referee_message);
		abort();
	}
	referee_can_return = false;
	referee_stop_reason = reason;
	__builtin_longjmp(referee_return_to, 1);
}

void referee_panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(referee_message, sizeof(referee_message), format, arguments);
	va_end(arguments);
	referee_stop(REFEREE_PANIC);
}

void referee_bug(const char *condition, int line)
{
	snprintf(referee_message, sizeof(referee_message), "BUG_ON(%s) at memblock.c:%d", condition, line);
	referee_stop(REFEREE_BUG);
}

void referee_warn(int line)
{
	referee_warnings++;
	snprintf(referee_message, sizeof(referee_message), "WARN at memblock.c:%d", line);
}

int referee_printk(const char *format, ...)
{
	static int verbose = -1;
	va_list arguments;

	if (verbose < 0)
		verbose = getenv("REFEREE_VERBOSE") != NULL;
	if (!verbose)
		return 0;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	return 0;
}

bool slab_is_available(void)
{
	return referee_slab;
}

void *kmalloc(size_t size, gfp_t gfp)
{
	return malloc(size);
}

void kfree(void *pointer)
{
	free(pointer);
}

void atomic_long_set(atomic_long_t *value, long to)
{
}

/* As in lib/cmdline.c: a number with a suffix, in any base that C supports. */
unsigned long long memparse(const char *text, char **end)
{
	static const char suffixes[] = "KMGTPE";
	unsigned long long value = strtoull(text, end, 0);
	const char *suffix = **end ? strchr(suffixes, **end & ~0x20) : NULL;

	if (suffix) {
		value <<= 10 * (suffix - suffixes + 1);
		(*end)++;
	}
	return value;
}

/* linux/ctype.h: memblock.c only needs whitespace. */
#define SPACE 0x20
const unsigned char _ctype[256] = {
	['\t'] = SPACE, ['\n'] = SPACE, ['\v'] = SPACE, ['\f'] = SPACE, ['\r'] = SPACE, [' '] = SPACE,
};

void memblock_free_pages(struct page *page, unsigned long pfn, unsigned int order)
{
	struct referee_record *record = &referee_freed;

	if (record->count < record->capacity) {
		record->entries[2 * record->count] = pfn;
		record->entries[2 * record->count + 1] = order;
	}
	record->count++;
}

void reserve_bootmem_region(phys_addr_t start, phys_addr_t end, int nid)
{
	struct referee_record *record = &referee_unfreed;

	if (record->count < record->capacity) {
		record->entries[3 * record->count] = start;
		record->entries[3 * record->count + 1] = end;
		record->entries[3 * record->count + 2] = (uint64_t)(int64_t)nid;
	}
	record->count++;
}
