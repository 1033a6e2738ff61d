/*
 * faults.h - tests of whether an access faults
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif /* TESTS_FAULTS_H */
