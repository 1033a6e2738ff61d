/*
 * inject.h - the kernel calls that an arena needs, each of which can fail once
 *
 * For programs that link the library's objects. The linker sends the calls of
 * these objects through the wrappers in this file (--wrap).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_INJECT_H
#define TESTS_INJECT_H

#include "backing.h"
#include "fails.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

WRAP(void *, mmap, (void *at, size_t n, int prot, int flags, int fd, off_t off),
     (at, n, prot, flags, fd, off), MAP_FAILED)
WRAP(int, mprotect, (void *at, size_t n, int prot), (at, n, prot), -1)
WRAP(int, mlock, (const void *at, size_t n), (at, n), -1)
WRAP(ssize_t, getrandom, (void *at, size_t n, unsigned flags), (at, n, flags),
     -1)

WRAP(void *, mremap, (void *at, size_t n, size_t to, int flags, void *new),
     (at, n, to, flags, new), MAP_FAILED)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), -1)

/* Refuse membarrier(), as a system call filter would that was installed after
 * secmalloc_init(). */
static bool refuse_barrier;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	long arg[3];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 3; i++)
		arg[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_membarrier && refuse_barrier) {
		errno = EPERM;
		return -1;
	}
	if (number == SYS_memfd_secret && fails_now("memfd_secret"))
		return -1;
	return __real_syscall(number, arg[0], arg[1], arg[2]);
}

/* madvise() treats this advice as unknown to the kernel. Other advice can fail
 * through fails_now(). */
static int unknown_advice = -1;

int __real_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice)
{
	if (advice == unknown_advice) {
		errno = EINVAL;
		return -1;
	}
	return fails_now("madvise") ? -1 : __real_madvise(at, n, advice);
}

#endif /* TESTS_INJECT_H */
