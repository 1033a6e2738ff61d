/*
 * The smallest use of an installed secmalloc. The projects next to this file
 * build it. It prints the version of the library that it runs with. Exit status
 * 77 means that this process may not lock memory, and the output says why.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <secmalloc.h>

static int fail(const char *what)
{
	printf("%s: %s\n", what, secmalloc_error());
	return 1;
}

/* The exit status after secmalloc_init() has failed with this errno. */
static int no_arena(int error)
{
	fail("no arena");
	return error == EPERM || error == ENOMEM || error == ENOTSUP ? 77 : 1;
}

/* Whether the header and the library have the same version. */
static int versions_agree(void)
{
	char text[32];
	unsigned number = SECMALLOC_VERSION_NUMBER;

	snprintf(text, sizeof text, "%u.%u.%u", number >> 16,
	         number >> 8 & 0xff, number & 0xff);
	return strcmp(text, secmalloc_version()) == 0;
}

int main(void)
{
	static const char zero[16], word[16] = "correct horse";
	struct secmalloc_config config = {.initial_pools = 1};
	char *chunk;

	if (!versions_agree())
		return fail(
			"the header and the library have different versions");
	if (secmalloc_init(&config) != 0)
		return no_arena(errno);
	chunk = secmalloc(sizeof word);
	if (chunk == NULL)
		return fail("no chunk");
	if (memcmp(chunk, zero, sizeof zero) != 0)
		return fail("the chunk is not zeroed");
	memcpy(chunk, word, sizeof word);
	if (memcmp(chunk, word, sizeof word) != 0 || !secmalloc_owns(chunk))
		return fail("the chunk does not hold what was written to it");
	secfree(chunk);
	secmalloc_fini();
	puts(secmalloc_version());
	return 0;
}
