/*
 * What Linux's memblock simulator needs besides its own files to run on a library that is not Linux's.
 *
 * Weak: a library may bring its own.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* A failed check aborts, and buffered output would be lost. */
static void __attribute__((constructor)) print_line_by_line(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

__attribute__((weak)) void *kmalloc(size_t size, unsigned int gfp)
{
	return malloc(size);
}

__attribute__((weak)) void kfree(void *pointer)
{
	free(pointer);
}

__attribute__((weak)) unsigned long long memparse(const char *text, char **end)
{
	return strtoull(text, end, 0);
}
