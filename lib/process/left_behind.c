/*
 * left_behind.c - where the arenas lay that stayed behind in parents
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/left_behind.h"

#include "os/os.h"
#include "report/fatal.h"

#include <errno.h>

struct record {
	const struct record *next;
	void *at;
	size_t bytes;
};

/* The record of the last arena that was left behind. It moves to a page of that
 * arena's reservation only when there is another one, since most processes
 * never have two, and opening a page would slow down each fork. */
static struct record last;

static void keep(void *at, size_t bytes, bool zeros)
{
	if (smi_os_block(at, bytes, zeros) != 0)
		smi_fatal_die(NULL,
		              "fork: the addresses of the parent's pools "
		              "could not be kept %s in the child (errno %d)",
		              zeros ? "zero" : "inaccessible", errno);
}

void smi_left_behind_add(void *at, size_t bytes, bool zeros)
{
	struct record *before = NULL;

	keep(at, bytes, zeros);
	if (last.bytes > 0) {
		before = last.at;
		if (smi_os_open(before, smi_os_page_bytes()) != 0)
			smi_fatal_die(NULL,
			              "fork: no memory to record where the "
			              "parent's pools were (errno %d)",
			              errno);
		*before = last;
	}
	last = (struct record){.next = before, .at = at, .bytes = bytes};
}

bool smi_left_behind_touches(const void *at, size_t bytes)
{
	for (const struct record *r = &last; r != NULL; r = r->next)
		if (smi_range_touches((uintptr_t)r->at, r->bytes, (uintptr_t)at,
		                      bytes))
			return true;
	return false;
}

bool smi_left_behind_any(void)
{
	return last.bytes > 0;
}
