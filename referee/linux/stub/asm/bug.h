/* Stands in for asm/bug.h: warnings are counted, bugs end the call (kernel.c). */
#ifndef REFEREE_BUG_H
#define REFEREE_BUG_H

#include <linux/compiler.h>
#include <stdio.h>

void referee_warn(int line) __attribute__((cold));
void referee_bug(const char *condition, int line) __attribute__((noreturn, cold));

#define WARN_ON(condition) ({					\
	int warned_ = !!(condition);				\
	if (__builtin_expect(warned_, 0))			\
		referee_warn(__LINE__);				\
	warned_;						\
})
#define WARN(condition, ...) WARN_ON(condition)
#define WARN_ON_ONCE(condition) WARN_ON(condition)
#define WARN_ONCE(condition, ...) WARN_ON(condition)

#define BUG_ON(condition) do {					\
	if (__builtin_expect(!!(condition), 0))			\
		referee_bug(#condition, __LINE__);		\
} while (0)

#endif
