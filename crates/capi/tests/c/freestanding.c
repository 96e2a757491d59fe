/*
 * A program without a C library or Rust's standard library, like a boot loader.
 *
 * It is linked with -nostdlib, so any other symbol that the archive needs is an error.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "physmem.h"

/* Both the C and the Rust compiler emit calls to these. */
void *memcpy(void *to, const void *from, size_t size)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	while (size--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t < f)
		return memcpy(to, from, size);
	while (size--)
		t[size] = f[size];
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	unsigned char *t = to;

	while (size--)
		*t++ = (unsigned char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

int bcmp(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size);
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

_Noreturn void physmem_panic(const char *message, size_t length)
{
	(void)message;
	(void)length;
	for (;;)
		;
}

static _Alignas(PHYSMEM_MEMBLOCK_ALIGN) unsigned char storage[PHYSMEM_MEMBLOCK_SIZE];

/* Linked but never run: there is no startup code. */
void _start(void)
{
	struct physmem_memblock *memblock = physmem_memblock_init(storage, sizeof(storage), 4096);
	struct physmem_request request = physmem_request(4096);
	struct physmem_range range;
	char text[256];

	physmem_memblock_add(memblock, 0x1000, 0x80000000, NULL);
	physmem_memblock_alloc(memblock, &request, &range);
	physmem_memblock_last_error_message(memblock, text, sizeof(text));
	physmem_memblock_dump(memblock, PHYSMEM_TABLE_MEMORY, text, sizeof(text));
	for (;;)
		;
}
