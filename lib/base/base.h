/*
 * base.h - what every module may use: attributes and checked arithmetic
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_BASE_H
#define SMI_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__)
#error "secmalloc needs a compiler with GNU C builtins (gcc or clang)"
#endif

#define SMI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SMI_INLINE            inline __attribute__((always_inline))
#define SMI_APART             __attribute__((noinline))
#define SMI_UNLIKELY(x)       __builtin_expect(!!(x), 0)

/*
 * A function that reads what another thread may be writing, and whose answer is
 * looked into again under exclusion before anything comes of it. It calls
 * nothing that is not marked likewise.
 */
#define SMI_RACY __attribute__((no_sanitize_thread))

/* Words at any address, of whatever type it holds. */
typedef uint64_t __attribute__((may_alias, aligned(1))) smi_word;

/* Sixteen bytes at a multiple of sixteen: a vector register where there is
 * one, and two words elsewhere. */
typedef uint64_t __attribute__((may_alias, vector_size(16))) smi_granule;

/* The alignment of every chunk, and the step of the small size classes. */
#define SMI_ALIGN_BYTES ((size_t)16)

/*
 * A unit is the smallest block: what a pool is counted in. It is the size at
 * which 32 slots of the smallest class fill it, one word of a slab's bitmap.
 */
#define SMI_UNIT_SHIFT 9
#define SMI_UNIT_BYTES ((size_t)1 << SMI_UNIT_SHIFT)

/* No unit, no slab: an index that none has. */
#define SMI_NONE UINT32_MAX

/* Sums and products that say when they do not fit. */
static inline bool smi_add_overflows(size_t a, size_t b, size_t *sum)
{
	return __builtin_add_overflow(a, b, sum);
}

static inline bool smi_mul_overflows(size_t a, size_t b, size_t *product)
{
	return __builtin_mul_overflow(a, b, product);
}

static inline bool smi_is_pow2(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* n to a multiple of `step`, a power of two. The caller knows that it fits. */
static inline size_t smi_round_up(size_t n, size_t step)
{
	return (n + step - 1) & ~(step - 1);
}

static inline size_t smi_round_down(size_t n, size_t step)
{
	return n & ~(step - 1);
}

/* The largest k with 2^k <= n, n > 0. */
static inline unsigned smi_log2_floor(size_t n)
{
	return (unsigned)(8 * sizeof(unsigned long long)) - 1u
	       - (unsigned)__builtin_clzll((unsigned long long)n);
}

/* The smallest k with 2^k >= n, n > 0. */
static inline unsigned smi_log2_ceil(size_t n)
{
	return n == 1 ? 0 : smi_log2_floor(n - 1) + 1;
}

/* Whether [at, at + bytes) touches [start, start + length); bytes > 0. */
static inline bool smi_range_touches(uintptr_t start, size_t length,
                                     uintptr_t at, size_t bytes)
{
	return at < start + length && bytes > (start > at ? start - at : 0);
}

/* The units that `bytes` take, bytes > 0 and far below SIZE_MAX. */
static inline size_t smi_units_for(size_t bytes)
{
	return (bytes + SMI_UNIT_BYTES - 1) >> SMI_UNIT_SHIFT;
}

#endif /* SMI_BASE_H */
