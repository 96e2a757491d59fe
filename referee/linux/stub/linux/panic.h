/* Stands in for linux/panic.h: a panic ends the call (kernel.c). */
#ifndef REFEREE_PANIC_H
#define REFEREE_PANIC_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void referee_panic(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));
#define panic referee_panic

#endif
