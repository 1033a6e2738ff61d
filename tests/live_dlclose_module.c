/*
 * A module for tests/live_dlclose.c, which calls the library through it. It has
 * a copy of the library of its own, or uses the shared library.
 *
 * SPDX-License-Identifier: ISC
 */
#include "live_dlclose_module.h"

#include <secmalloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((visibility("default"))) void module_watch(
	struct module_late *late);

static struct module_late *watched;

void module_watch(struct module_late *late)
{
	watched = late;
}

/* Free a chunk, and use another one. */
static bool uses_chunks(void *chunk)
{
	char *fresh = secstrdup("fresh");
	bool good = fresh != NULL && strcmp(fresh, "fresh") == 0
	            && secmalloc_audit() == 0;

	secfree(chunk);
	secfree(fresh);
	return good;
}

__attribute__((destructor)) static void run_destructor(void)
{
	if (watched == NULL || watched->ends_process)
		return;
	if (watched->fini_first)
		secmalloc_fini();
	else
		watched->destructor_could_use = uses_chunks(watched->chunk);
}

/* The compiler registers the destructor of a C++ object in this way. As this is
 * done before the library's constructor runs, it is called later than what that
 * has registered. */
static void destroy_cxx_object(void)
{
	if (watched != NULL && !watched->ends_process && !watched->fini_first)
		watched->cxx_object_could_use = uses_chunks(watched->other);
}

__attribute__((constructor(101))) static void construct_cxx_object(void)
{
	atexit(destroy_cxx_object);
}

/* The library comes later in the module, so this runs after its destructors. */
__attribute__((destructor(101))) static void run_last_destructor(void)
{
	if (watched != NULL && watched->ends_process)
		_exit(uses_chunks(watched->chunk) ? 0 : 3);
}
