/*
 * live_dlclose_module.h - what tests/live_dlclose.c and its module share
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_LIVE_DLCLOSE_MODULE_H
#define TESTS_LIVE_DLCLOSE_MODULE_H

#include <stdbool.h>

/* What the module's destructors do, and what they find. The host owns it. */
struct module_late {
	bool fini_first;           /* call secmalloc_fini() in the destructor */
	bool ends_process;         /* in the last destructor, with status 0 if
	                              it could use the library */
	void *chunk, *other;       /* which they free */
	bool destructor_could_use; /* the library, in a destructor */
	bool cxx_object_could_use; /* the same where a C++ object is destroyed,
	                              after all destructors */
};

#endif /* TESTS_LIVE_DLCLOSE_MODULE_H */
