/*
 * guarded.c - a key that is inaccessible while it is not in use, and what
 * happens to code that touches it then
 *
 *     examples/guarded            signs, and prints the signature
 *     examples/guarded overflow   writes a byte past the key
 *     examples/guarded closed     reads the key while it is inaccessible
 *
 * The last two end with SIGSEGV at that instruction, after a line that says
 * what was hit. An ordinary user needs a lock limit of two pages.
 *
 * SPDX-License-Identifier: ISC
 */
#include <err.h>
#include <secmalloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KEY_BYTES 32

static unsigned char *key;

/* Not cryptography: the point is that the key can be read only in here. */
static unsigned sign(const char *message)
{
	unsigned sum = 0;

	if (secmalloc_open(key, SECMALLOC_READONLY) != 0)
		errx(1, "%s", secmalloc_error());
	for (size_t i = 0; i < strlen(message); i++)
		sum = sum * 31 + (unsigned char)message[i] + key[i % KEY_BYTES];
	if (secmalloc_close(key) != 0)
		errx(1, "%s", secmalloc_error());
	return sum;
}

int main(int argc, char **argv)
{
	struct secmalloc_config config = {
		.guarded_chunks = 1,
		.flags = SECMALLOC_EXPLAIN_FAULTS,
	};
	const char *misdeed = argc > 1 ? argv[1] : "";
	volatile unsigned char *end;

	if (secmalloc_init(&config) != 0)
		errx(1, "%s", secmalloc_error());
	key = secmalloc_guarded(KEY_BYTES);
	if (key == NULL)
		errx(1, "%s", secmalloc_error());
	memset(key, 7, KEY_BYTES);
	/* Hides from the compiler that this points past the chunk. */
	end = (volatile unsigned char *)((uintptr_t)key + KEY_BYTES);
	if (strcmp(misdeed, "overflow") == 0)
		*end = 1;
	if (secmalloc_protect(key, SECMALLOC_NOACCESS) != 0)
		errx(1, "%s", secmalloc_error());
	if (strcmp(misdeed, "closed") == 0)
		return *(volatile unsigned char *)key;
	printf("signed with a key that is open only while signing: %08x\n",
	       sign("a message"));
	secfree(key);
	secmalloc_fini();
	return 0;
}
