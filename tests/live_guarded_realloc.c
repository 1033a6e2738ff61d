/*
 * secrealloc() moves a guarded chunk to another cell. If there is no other
 * cell, it resizes the chunk in its own.
 *
 * SPDX-License-Identifier: ISC
 */
#include "child.h"
#include "guarded.h"

static bool resized(void)
{
	char *chunk, *moved;

	start();
	chunk = secmalloc_guarded(32);
	strcpy(chunk, "secret");
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	moved = secrealloc(chunk, 48);
	if (moved == NULL || strcmp(moved, "secret") != 0
	    || (uintptr_t)(moved + 48) % page != 0 || moved[47] != 0)
		return false;
	moved = secrealloc(moved, 4);
	/* A resize that fails leaves the chunk and its access as they are. */
	secmalloc_protect(moved, SECMALLOC_NOACCESS);
	errno = 0;
	if (secrealloc(moved, hide_size(SIZE_MAX)) != NULL || errno != ENOMEM
	    || !reads_fault(moved))
		return false;
	secmalloc_protect(moved, SECMALLOC_READONLY);
	return memcmp(moved, "secr", 4) == 0 && stats_now().guarded_chunks == 1
	       && secmalloc_audit() == 0;
}

/* There is only one cell, and no more can be locked. */
static bool resized_where_it_is(void)
{
	char *chunk;

	start_with(1, 0);
	if (!child_be_ordinary(0))
		case_skip("the process cannot become an ordinary user");
	chunk = secmalloc_guarded(64);
	memset(chunk, 'x', 64);
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	/* The present size, too. */
	chunk = secrealloc(chunk, 64);
	if (chunk == NULL)
		return false;
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	chunk = secrealloc(chunk, 32);
	if (chunk == NULL || chunk[0] != 'x' || chunk[31] != 'x'
	    || !writes_fault(chunk + 32) || secmalloc_audit() != 0)
		return false;
	chunk = secrealloc(chunk, 4000);
	if (chunk == NULL || chunk[31] != 'x' || chunk[32] != 0
	    || chunk[3999] != 0 || !writes_fault(chunk + 4000)
	    || secmalloc_audit() != 0)
		return false;
	errno = 0;
	if (secrealloc(chunk, 5000) != NULL || errno != ENOMEM
	    || chunk[31] != 'x')
		return false;
	secfree(chunk);
	return stats_now().chunks == 0 && secmalloc_audit() == 0;
}

int main(void)
{
	guarded_start();
	try_case("secrealloc moves a guarded chunk to another cell", resized);
	try_case(
		"secrealloc resizes a guarded chunk in its cell if there is no "
		"other",
		resized_where_it_is);
	tap_done();
}
