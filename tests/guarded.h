/*
 * guarded.h - an arena with guarded chunks, and tests of whether an access
 * faults
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include "config.h"

#include "backing.h"
#include "case.h"
#include "hide.h"

#include <errno.h>
#include <secmalloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

#define CELLS 8

static size_t page;

static inline void start_with(size_t chunks, size_t size)
{
	struct secmalloc_config config = {
		.guarded_chunks = chunks,
		.guarded_size = size,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
}

static inline void start(void)
{
	start_with(CELLS, 0);
}

static inline struct secmalloc_stats stats_now(void)
{
	struct secmalloc_stats stats = {0};

	secmalloc_stats(&stats);
	return stats;
}

static sigjmp_buf after_fault;
static volatile uintptr_t fault_address;

static inline void note_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	fault_address = (uintptr_t)info->si_addr;
	siglongjmp(after_fault, 1);
}

/* Whether an access faults at exactly this address: a read, or a write of the
 * byte that is already there. */
static inline bool faults(const char *at, bool write)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
	volatile char *byte = (volatile char *)(uintptr_t)at;

	action.sa_sigaction = note_fault;
	sigaction(SIGSEGV, &action, NULL);
	fault_address = 0;
	if (sigsetjmp(after_fault, 1) == 0) {
		char c = *byte;

		if (write)
			*byte = c;
		return false;
	}
	return fault_address == (uintptr_t)at;
}
static inline bool reads_fault(const char *at)
{
	return faults(at, false);
}
static inline bool writes_fault(const char *at)
{
	return faults(at, true);
}

static inline bool all_refuse(void *ptr, int code)
{
	int got[3] = {0};

	errno = 0;
	if (secmalloc_protect(ptr, SECMALLOC_NOACCESS) == -1)
		got[0] = errno;
	if (secmalloc_open(ptr, SECMALLOC_READONLY) == -1)
		got[1] = errno;
	if (secmalloc_close(ptr) == -1)
		got[2] = errno;
	return got[0] == code && got[1] == code && got[2] == code;
}

/* Call this before the first case. */
static inline void guarded_start(void)
{
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
}

#endif /* TESTS_GUARDED_H */
