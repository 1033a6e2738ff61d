/*
 * hide.h - values that the compiler is not to see through
 *
 * The tests do on purpose what the compiler warns of: ask for too much, write
 * past the end, use what was freed. It also may assume that none of it happens,
 * and that a new chunk does not lie where another one lies or lay: a comparison
 * of their addresses needs both hidden.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_HIDE_H
#define TESTS_HIDE_H

#include <stddef.h>

static inline void *hide(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static inline size_t hide_size(size_t n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

#endif /* TESTS_HIDE_H */
