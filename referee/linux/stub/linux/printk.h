/* Stands in for linux/printk.h: messages go to standard error if REFEREE_VERBOSE is set (kernel.c). */
#ifndef REFEREE_PRINTK_H
#define REFEREE_PRINTK_H

#include <stdio.h>
#include <asm/bug.h>

int referee_printk(const char *format, ...) __attribute__((cold));
#define printk referee_printk
#define pr_info printk
#define pr_debug printk
#define pr_cont printk
#define pr_err printk
#define pr_warn printk

#endif
