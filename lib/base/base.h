/*
 * base.h - what every module may use: attributes, units and checked arithmetic
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
 * For every variable that is thread-local. With this TLS model its offset is
 * fixed when the library is loaded, so that neither the loader nor malloc() is
 * called when a thread first uses it. glibc has little room for such variables
 * in libraries that dlopen() loads, and other libcs have none: they provide
 * for the variables when they load the library or when a thread starts.
 */
#if defined(__GLIBC__)
#define SMI_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define SMI_TLS_MODEL
#endif

/*
 * Marks a function that reads data which another thread may be writing. If it
 * finds something wrong, that is only a suspicion: the caller checks again
 * under exclusion before acting on it. An SMI_RACY function calls only
 * functions that are marked SMI_RACY too.
 */
#define SMI_RACY __attribute__((no_sanitize_thread))

/* A 64-bit word at any address, whatever the type of the object there. */
typedef uint64_t __attribute__((may_alias, aligned(1))) smi_word;

/* Sixteen bytes at a multiple of sixteen: a vector register where the processor
 * has one, two words elsewhere. */
typedef uint64_t __attribute__((may_alias, vector_size(16))) smi_granule;

/* The alignment of every chunk, and the step of the small size classes. */
#define SMI_ALIGN_BYTES ((size_t)16)

/*
 * A unit is the smallest block of a pool, and pools are measured in units. At
 * this size 32 slots of the smallest class fill one unit, and their bits fill
 * one word of a slab's bitmap.
 */
#define SMI_UNIT_SHIFT 9
#define SMI_UNIT_BYTES ((size_t)1 << SMI_UNIT_SHIFT)

/* The index that stands for no unit, slab, slot or pool. */
#define SMI_NONE UINT32_MAX

/* Sums and products. Each function returns true if the result does not fit. */
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

/* Round n up to a multiple of `step`, a power of two. The caller makes sure
 * that the result fits. */
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

/* The number of units that `bytes` take; bytes > 0 and far below SIZE_MAX. */
static inline size_t smi_units_for(size_t bytes)
{
	return (bytes + SMI_UNIT_BYTES - 1) >> SMI_UNIT_SHIFT;
}

#endif /* SMI_BASE_H */
