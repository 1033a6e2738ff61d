/*
 * backing.h - runs a suite in the kind of memory that TEST_BACKING names
 *
 * The suites named secret_ set TEST_BACKING=secret in the environment. Then
 * each secmalloc_init() that does not ask for another kind of memory asks for
 * SECMALLOC_BACKING_SECRET. Include this file after secmalloc.h. If the kernel
 * does not have secret memory, the whole suite is skipped.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_BACKING_H
#define TESTS_BACKING_H

#include <errno.h>
#include <secmalloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static inline bool backing_is_secret(void)
{
	const char *name = getenv("TEST_BACKING");

	return name != NULL && strcmp(name, "secret") == 0;
}

/* Ask the kernel, without the library, whether it has secret memory. */
static inline bool backing_secret_exists(void)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

__attribute__((constructor)) static void backing_skip(void)
{
	if (!backing_is_secret() || backing_secret_exists())
		return;
	printf("1..0 # SKIP the kernel has no memfd_secret\n");
	exit(0);
}

static inline int backing_init(const struct secmalloc_config *config)
{
	struct secmalloc_config other = {0};

	if (config == NULL && !backing_is_secret())
		return secmalloc_init(NULL);
	if (config != NULL)
		other = *config;
	if (backing_is_secret() && other.backing == SECMALLOC_BACKING_LOCKED)
		other.backing = SECMALLOC_BACKING_SECRET;
	return secmalloc_init(&other);
}
#define secmalloc_init(config) backing_init(config)

#endif /* TESTS_BACKING_H */
