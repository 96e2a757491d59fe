/* Stands for mm/internal.h: what mm/memblock.c takes from the rest of the memory management. */
#ifndef REFEREE_INTERNAL_H
#define REFEREE_INTERNAL_H

/* memblock.c's only use: mirrored memory was asked for and did not suffice. */
#define pr_warn_ratelimited(...) (referee_mirror_fallbacks++)
extern unsigned long referee_mirror_fallbacks;

extern bool mirrored_kernelcore;

struct page {};

void memblock_free_pages(struct page *page, unsigned long pfn, unsigned int order);

static inline void accept_memory(phys_addr_t start, unsigned long size)
{
}

#endif
