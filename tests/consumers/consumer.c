/*
 * The smallest use of an installed secmalloc, built by the projects beside it.
 * It prints the version of the library that runs. Exit status 77: this process
 * may not lock memory, and the words say why.
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

/* The exit status after secmalloc_init() failed with this error. */
static int no_arena(int error)
{
	fail("no arena");
	return error == EPERM || error == ENOMEM || error == ENOTSUP ? 77 : 1;
}

/* Whether the header is that of the library. */
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
		return fail("the header is of another version");
	if (secmalloc_init(&config) != 0)
		return no_arena(errno);
	chunk = secmalloc(sizeof word);
	if (chunk == NULL)
		return fail("no chunk");
	if (memcmp(chunk, zero, sizeof zero) != 0)
		return fail("the chunk is not zero");
	memcpy(chunk, word, sizeof word);
	if (memcmp(chunk, word, sizeof word) != 0 || !secmalloc_owns(chunk))
		return fail("the chunk does not hold what it was given");
	secfree(chunk);
	secmalloc_fini();
	puts(secmalloc_version());
	return 0;
}
