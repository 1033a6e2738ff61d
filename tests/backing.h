/*
 * backing.h - the same suite on the other kind of memory
 *
 * With TEST_BACKING=secret in the environment, as the suites named secret_ set
 * it, an init that asks for nothing else asks for SECMALLOC_BACKING_SECRET. To
 * be included after secmalloc.h. Where the kernel has no such memory, all of
 * the suite is skipped.
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

/* Whether the kernel has secret memory, asked without the library. */
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
