/*
 * An arena that has grown, has a hole, or has grown into it again is checked,
 * audited and explained as any other. Guards lie at both ends of what is
 * joined, which is one mapping, however many steps it grew in. Growing and
 * trimming make only the system calls that secmalloc(7) names.
 *
 * SPDX-License-Identifier: ISC
 */
#include "faults.h"
#include "filter.h"
#include "grown.h"

#include <sys/syscall.h>

#define LOCKED SECMALLOC_VERIFY_LOCKED
#define ADVICE SECMALLOC_VERIFY_ADVICE
#define SECRET SECMALLOC_VERIFY_SECRET

static bool start(void)
{
	return grown_make((struct secmalloc_config){0});
}

static int not_started(void)
{
	return tap_reason[0] != '\0' ? TAP_CANNOT : 90;
}

/* ---- secmalloc_verify() and secmalloc_audit() -----------------------------
 */

static bool passes(void)
{
	unsigned checks = LOCKED | ADVICE;

	if (backing_is_secret())
		checks |= SECRET;
	if (secmalloc_verify(checks) == 0)
		return true;
	tap_note("%s", secmalloc_error());
	return false;
}

/* Control: one page that lacks advice, or is not locked any more, is noticed.
 * Secret memory needs no lock. */
static bool is_noticed(unsigned char *at)
{
	void *page = (void *)((uintptr_t)at & ~(uintptr_t)4095);
	bool seen;

	madvise(page, 4096, MADV_DOFORK);
	seen = secmalloc_verify(ADVICE) == -1 && errno == EPERM;
	madvise(page, 4096, MADV_DONTFORK);
	if (!backing_is_secret()) {
		munlock(page, 4096);
		seen = seen && secmalloc_verify(LOCKED) == -1 && errno == EPERM
		       && mlock(page, 4096) == 0;
	}
	return seen && passes();
}

static int is_verified(void)
{
	if (!start())
		return not_started();
	return grown_is_well() && passes() && is_noticed(grown.initial)
	       && is_noticed(grown.small) && is_noticed(grown.last)
	       && is_noticed(grown.last + GROWN_LARGE - 1)
	       && (grown_state == GROWN_HOLED || is_noticed(grown_hole()));
}

/* Control: a byte behind a chunk was overwritten. */
static int is_audited(void)
{
	unsigned char *behind;

	if (!start())
		return not_started();
	behind = grown.last + GROWN_LARGE;
	if (!grown_is_well())
		return 2;
	*behind ^= 1;
	if (secmalloc_audit() != -1 || errno != EBADMSG)
		return 3;
	*behind ^= 1;
	return secmalloc_audit() == 0;
}

/* ---- secmalloc_explain() ---------------------------------------------------
 */

static char said[200];

static bool is_said(const unsigned char *at, const char *words)
{
	if (secmalloc_explain(at, said, sizeof(said)) == 0 && strlen(said) < 120
	    && strstr(said, words) != NULL)
		return true;
	tap_note("no '%s' in '%s'", words, said);
	return false;
}

/* A hole is neither a chunk nor free memory, but the library's. */
static bool hole_is_explained(void)
{
	static const char *const wrong[] = {"chunk", "free slot",
	                                    "inside free memory",
	                                    "not an address of this library"};

	if (!is_said(grown_hole(), ""))
		return false;
	tap_note("in the hole: %s", said);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (strstr(said, wrong[i]) != NULL)
			return false;
	return true;
}

/* Whether memory that can be used is mapped at an address. *mapping is its
 * mapping. */
static bool is_open(uintptr_t at, struct proc_mapping *mapping)
{
	return proc_mapping_of((void *)at, mapping)
	       && strncmp(mapping->access, "rw-", 3) == 0
	       && strstr(mapping->flags, " lo") != NULL;
}

/* The range of accessible memory around an address, which may be of several
 * mappings. */
static void range_of(const unsigned char *at, unsigned char **first,
                     unsigned char **end)
{
	struct proc_mapping mapping;
	uintptr_t low = (uintptr_t)at, high = (uintptr_t)at + 1;

	while (is_open(low, &mapping) && mapping.start > 0) {
		low = mapping.start - 1;
	}
	while (is_open(high - 1, &mapping) || is_open(high, &mapping))
		high = mapping.end + 1;
	*first = (unsigned char *)low + 1;
	*end = (unsigned char *)high - 1;
}

static int is_explained(void)
{
	unsigned char *first, *end, *beyond;

	if (!start())
		return not_started();
	if (!is_said(grown.last + 5, "byte 5 of a chunk of 1048576 bytes")
	    || !is_said(grown.last + GROWN_LARGE + 3,
	                "3 bytes past the end of a chunk of 1048576 bytes")
	    || !is_said(grown.small, "byte 0 of a chunk of 10000 bytes")
	    || (grown_state == GROWN_HOLED && !hole_is_explained())
	    || (grown_state == GROWN_REFILLED
	        && !is_said(grown_hole(), "of a chunk of 1048576 bytes")))
		return 2;
	range_of(grown.initial, &first, &beyond);
	range_of(grown.last, &beyond, &end);
	return is_said(first - 1, "guard") && is_said(end, "guard");
}

/* ---- Guards and mappings ---------------------------------------------------
 */

static bool fault(const unsigned char *at)
{
	return reads_fault((const char *)at) && writes_fault((const char *)at);
}

/* The bytes before and after a range fault, and those at its ends do not. */
static bool has_guards(const unsigned char *at)
{
	unsigned char *first, *end;

	range_of(at, &first, &end);
	if (first < at && end > at && fault(first - 1) && fault(first - 4096)
	    && fault(end) && fault(end + 4095)
	    && !writes_fault((const char *)first)
	    && !writes_fault((const char *)end - 1))
		return true;
	tap_note("[%p, %p) around %p", (void *)first, (void *)end,
	         (const void *)at);
	return false;
}

static int is_guarded(void)
{
	unsigned char *first, *end;

	if (!start())
		return not_started();
	/* Without a hole all chunks lie in one range. */
	range_of(grown.initial + 4096, &first, &end);
	return has_guards(grown.initial + 4096)
	       && has_guards(grown.small + 4096)
	       && has_guards(grown.last + 4096)
	       && (grown_state == GROWN_HOLED
	           || (grown.last > first && grown.last + GROWN_LARGE <= end));
}

/* An overflow runs into the guard: each byte up to there is the arena's. */
static int an_overflow_faults(void)
{
	unsigned char *first, *end;
	volatile unsigned char *at;

	if (!start())
		return 0;
	range_of(grown.last, &first, &end);
	for (at = grown.last + GROWN_LARGE; at < end + 4096; at++)
		*at = 1;
	return 0;
}

/* Joined memory is one mapping, or with secret memory one for each growth. A
 * growth adds a share of what there is, so that there are few of them. */
static int steps_add_no_mappings(void)
{
	static const struct secmalloc_config config = {0};
	size_t before, after, most = backing_is_secret() ? 60 : 0;
	char *chunk;

	proc_settle();
	if (secmalloc_init(&config) != 0)
		return tap_cannot("%s", secmalloc_error());
	chunk = hide(secmalloc(GROWN_POOL));
	chunk = hide(secrealloc(chunk, 4 * GROWN_POOL));
	before = proc_mappings();
	for (size_t size = 4 * GROWN_POOL; size <= 2 * GROWN_LARGE;
	     size += 4096)
		chunk = hide(secrealloc(chunk, size));
	after = proc_mappings();
	tap_note("%zu mappings, and then %zu", before, after);
	return chunk != NULL && after <= before + most;
}

static int holes_that_are_refilled_add_none(void)
{
	size_t before;

	grown_state = GROWN_FULL;
	if (!start())
		return not_started();
	before = proc_mappings();
	for (int i = 0; i < 20; i++)
		if (grown_make_hole() == 0 || !grown_take_first())
			return 2;
	tap_note("%zu mappings, and then %zu", before, proc_mappings());
	return proc_mappings() <= before + (backing_is_secret() ? 60 : 2);
}

/* ---- System calls -------------------------------------------------------- */

/* A system call by all its numbers: which of them libc makes depends on the
 * machine. */
enum {
	MPROTECT,
	MLOCK,
	MUNLOCK,
	MADVISE,
	MMAP,
	MREMAP,
	CLOSE,
	PRLIMIT,
	FTRUNCATE,
	MEMFD_SECRET,
	SIGPROCMASK,
	OPEN,
	READ,
	CAPGET,
	CALLS
};
#define NUMBERS(...)                                                  \
	{                                                             \
		sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
		{                                                     \
			__VA_ARGS__                                   \
		}                                                     \
	}
static const struct {
	size_t count;
	uint32_t numbers[3];
} calls[CALLS] = {
	[MPROTECT] = NUMBERS(SYS_mprotect),
	[MLOCK] = NUMBERS(SYS_mlock),
	[MUNLOCK] = NUMBERS(SYS_munlock),
	[MADVISE] = NUMBERS(SYS_madvise),
#ifdef SYS_mmap2
	[MMAP] = NUMBERS(SYS_mmap2),
#else
	[MMAP] = NUMBERS(SYS_mmap),
#endif
	[MREMAP] = NUMBERS(SYS_mremap),
	[CLOSE] = NUMBERS(SYS_close),
#ifdef SYS_getrlimit
	[PRLIMIT] = NUMBERS(SYS_prlimit64, SYS_getrlimit),
#else
	[PRLIMIT] = NUMBERS(SYS_prlimit64),
#endif
#ifdef SYS_ftruncate64
	[FTRUNCATE] = NUMBERS(SYS_ftruncate, SYS_ftruncate64),
#else
	[FTRUNCATE] = NUMBERS(SYS_ftruncate),
#endif
	[MEMFD_SECRET] = NUMBERS(SYS_memfd_secret),
	[SIGPROCMASK] = NUMBERS(SYS_rt_sigprocmask),
#if defined(__GLIBC__)
	[OPEN] = NUMBERS(SYS_openat),
#elif defined(SYS_open)
	/* musl sets the flag that closes the descriptor again. */
	[OPEN] = NUMBERS(SYS_openat, SYS_open, SYS_fcntl),
#else
	[OPEN] = NUMBERS(SYS_openat, SYS_fcntl),
#endif
	[READ] = NUMBERS(SYS_read),
	[CAPGET] = NUMBERS(SYS_capget),
};

#define BIT(call) (1u << (call))
#define GROWING   (BIT(MPROTECT) | BIT(MLOCK))
#define GROWING_SECRET                                                  \
	(BIT(MPROTECT) | BIT(MEMFD_SECRET) | BIT(FTRUNCATE) | BIT(MMAP) \
	 | BIT(CLOSE) | BIT(MADVISE) | BIT(MREMAP) | BIT(SIGPROCMASK)   \
	 | BIT(PRLIMIT))
#define REFUSED (BIT(MUNLOCK) | BIT(MADVISE))
#define TELLING \
	(BIT(OPEN) | BIT(READ) | BIT(CLOSE) | BIT(PRLIMIT) | BIT(CAPGET))
#define GIVING_BACK (BIT(MMAP) | BIT(MUNLOCK) | BIT(MADVISE) | BIT(MREMAP))

/* What is allowed besides the end of the process. */
static unsigned allowed;

static void close_the_kernel(void)
{
	uint32_t numbers[FILTER_MOST] = {SYS_exit_group};
	size_t count = 1;

	for (unsigned call = 0; call < CALLS; call++)
		for (size_t i = 0; i < calls[call].count; i++)
			if ((allowed & BIT(call)) != 0)
				numbers[count++] = calls[call].numbers[i];
	if (!filter_only(numbers, count))
		_exit(tap_cannot("no seccomp filter can be set"));
}

static _Noreturn void leave(int status)
{
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

/* Grow by small and by large chunks, in place, and by so much that further
 * metadata are opened. */
static int growing(void)
{
	static const struct secmalloc_config config = {.initial_pools = 1};
	void *chunk;

	if (secmalloc_init(&config) != 0)
		return tap_cannot("%s", secmalloc_error());
	close_the_kernel();
	for (int i = 0; i < 3000; i++)
		if (hide(secmalloc(100)) == NULL)
			leave(2);
	chunk = hide(secmalloc(GROWN_LARGE));
	chunk = hide(secrealloc(chunk, 2 * GROWN_LARGE));
	leave(chunk != NULL && secmalloc_reserve(2 * GROWN_LARGE) == 0);
}

static int trimming(void)
{
	if (!start())
		return not_started();
	close_the_kernel();
	secfree(grown.last);
	leave(secmalloc_trim() >= GROWN_LARGE - GROWN_REST);
}

/* A first chunk is too large for the limit, and a second one only as long as
 * nothing is given back. */
static int being_refused(void)
{
	if (!child_be_ordinary(GROWN_ENOUGH))
		return TAP_CANNOT;
	grown_state = GROWN_FULL;
	if (!start())
		return not_started();
	if (!grown_limit(4 * GROWN_POOL))
		return TAP_CANNOT;
	close_the_kernel();
	if (!grown_is_refused(GROWN_LARGE + GROWN_POOL))
		leave(2);
	secfree(grown.first);
	leave(hide(secmalloc(GROWN_LARGE + GROWN_POOL)) != NULL);
}

/* The calls are enough, and each of them is needed. */
static void try_calls(const char *what, int (*act)(void), unsigned plain,
                      unsigned secret)
{
	unsigned all = backing_is_secret() ? secret : plain;
	bool good = true;
	int end;

	allowed = all;
	end = in_child(act);
	for (unsigned call = 0; call < CALLS && end == 1; call++) {
		allowed = all & ~BIT(call);
		if (allowed != all && in_child(act) != 128 + SIGSYS) {
			tap_note("call %u is not needed", call);
			good = false;
		}
	}
	if (end == TAP_CANNOT)
		tap_skip_told(what);
	else
		tap_ok(end == 1 && good, "%s (%d)", what, end);
}

static int mapping_without_leave(void)
{
	allowed = 0;
	close_the_kernel();
	hide(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	leave(1);
}

int main(void)
{
	grown_start();
	grown_try("its locks and advice are verified", is_verified);
	grown_try("it is sound, and damage is noticed", is_audited);
	grown_try("its addresses are explained", is_explained);
	grown_try("guards surround it", is_guarded);
	grown_state = GROWN_FULL;
	tap_ok(in_child(an_overflow_faults) == 128 + SIGSEGV,
	       "an overflow at the end of the range faults");
	child_try("a range that grows in small steps needs no more mappings",
	          steps_add_no_mappings);
	child_try("nor does a hole that is filled again",
	          holes_that_are_refilled_add_none);
	tap_ok(in_child(mapping_without_leave) == 128 + SIGSYS,
	       "control: the filter kills a process for another call");
	try_calls("growing makes the system calls that are documented, and no "
	          "others",
	          growing, GROWING, GROWING_SECRET);
	for (grown_state = GROWN_FULL; grown_state <= GROWN_REFILLED;
	     grown_state++)
		try_calls(grown_state == GROWN_FULL
		                  ? "so does trimming"
		                  : "so does trimming when there was a hole",
		          trimming, GIVING_BACK, GIVING_BACK);
	try_calls("so does a growth that is refused", being_refused,
	          GROWING | REFUSED | TELLING | GIVING_BACK,
	          (GROWING_SECRET & ~BIT(MPROTECT)) | TELLING | GIVING_BACK);
	tap_done();
}
