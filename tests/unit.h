/*
 * unit.h - the main program of a unit suite, run by Check
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include "tap.h"
#include "watchdog.h"

#include <check.h>
#include <stdlib.h>

/* Like ck_assert(), but faster, because it does not tell Check each time the
 * condition holds. For conditions that are checked a million times. */
#define unit_check(condition)                           \
	do {                                            \
		if (!(condition))                       \
			ck_abort_msg("%s", #condition); \
	} while (0)

/* Run the tests of one module, each in a process of its own. */
static inline int unit_run(const char *module, const TTest *const *tests,
                           size_t count)
{
	Suite *suite;
	SRunner *runner;

	/* Check stores the results of its tests in temporary files. */
	tap_needs_temporary_files();
	suite = suite_create(module);
	runner = srunner_create(suite);
	for (size_t i = 0; i < count; i++) {
		TCase *group = tcase_create(module);

		tcase_set_timeout(group, WATCHDOG_WAIT_SECONDS);
		tcase_add_test(group, tests[i]);
		suite_add_tcase(suite, group);
	}
	/* If Check runs all tests in one process, as for a debugger, the limit
	 * would apply to all of them together. */
	if (srunner_fork_status(runner) == CK_FORK)
		watchdog_limit_cpu(120);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	srunner_free(runner);
	/* The printed lines report the failures. */
	return EXIT_SUCCESS;
}

/* The main program of a module's suite, and of a suite that locks `kib` KiB at
 * one time. */
#define UNIT_MAIN(module, ...) UNIT_MAIN_LOCKING(module, 0, __VA_ARGS__)
#define UNIT_MAIN_LOCKING(module, kib, ...)                        \
	int main(void)                                             \
	{                                                          \
		const TTest *const tests[] = {__VA_ARGS__};        \
                                                                   \
		if ((kib) > 0)                                     \
			tap_needs_lock(kib);                       \
		return unit_run(module, tests,                     \
		                sizeof(tests) / sizeof(tests[0])); \
	}

#endif /* TESTS_UNIT_H */
