/*
 * hide.h - hides values from the compiler
 *
 * The tests intentionally do what the compiler warns about: they request too
 * much memory, write past the end and use freed memory. The compiler may assume
 * that none of this happens. It may also assume that a new chunk does not have
 * the address of another chunk, past or present, so a comparison of their
 * addresses needs both hidden.
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
