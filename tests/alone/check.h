/*
 * check.h - the parts of Check that the unit suites use, in one header
 *
 * For targets without Check: tools/check-ports makes configure use this header
 * instead. Each test runs in a process of its own. The results are printed in
 * the Test Anything Protocol.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_ALONE_CHECK_H
#define TESTS_ALONE_CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
	const char *name;
	void (*run)(int);
} TTest;

#define START_TEST(test)                                      \
	static void test##_run(int);                          \
	static const TTest test##_test = {#test, test##_run}; \
	static const TTest *const test = &test##_test;        \
	static void test##_run(int loop __attribute__((unused)))
#define END_TEST

/* ---- Assertions --------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static inline _Noreturn void ck_fail(
	const char *file, int line, const char *format, ...)
{
	va_list list;

	printf("# %s:%d: ", file, line);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

#define ck_abort_msg(...) ck_fail(__FILE__, __LINE__, __VA_ARGS__)
#define ck_assert_msg(fact, ...)                                  \
	do {                                                      \
		if (!(fact))                                      \
			ck_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)
#define ck_assert(fact) ck_assert_msg(fact, "failed: %s", #fact)

#define ck_compare(type, format, a, op, b)                            \
	do {                                                          \
		type ck_a = (type)(a), ck_b = (type)(b);              \
                                                                      \
		ck_assert_msg(ck_a op ck_b,                           \
		              "not so: %s: %" format " and %" format, \
		              #a " " #op " " #b, ck_a, ck_b);         \
	} while (0)
#define ck_assert_int_eq(a, b)  ck_compare(intmax_t, PRIdMAX, a, ==, b)
#define ck_assert_int_ge(a, b)  ck_compare(intmax_t, PRIdMAX, a, >=, b)
#define ck_assert_uint_eq(a, b) ck_compare(uintmax_t, PRIuMAX, a, ==, b)
#define ck_assert_uint_ne(a, b) ck_compare(uintmax_t, PRIuMAX, a, !=, b)
#define ck_assert_uint_ge(a, b) ck_compare(uintmax_t, PRIuMAX, a, >=, b)
#define ck_assert_uint_gt(a, b) ck_compare(uintmax_t, PRIuMAX, a, >, b)
#define ck_assert_uint_le(a, b) ck_compare(uintmax_t, PRIuMAX, a, <=, b)
#define ck_assert_uint_lt(a, b) ck_compare(uintmax_t, PRIuMAX, a, <, b)
#define ck_assert_ptr_eq(a, b)  ck_compare(uintptr_t, PRIxPTR, a, ==, b)
#define ck_assert_ptr_ne(a, b)  ck_compare(uintptr_t, PRIxPTR, a, !=, b)
#define ck_assert_ptr_nonnull(a) \
	ck_assert_msg((a) != NULL, "failed: %s", #a " != NULL")
#define ck_assert_ptr_null(a) \
	ck_assert_msg((a) == NULL, "failed: %s", #a " == NULL")
#define ck_assert_mem_eq(a, b, n)           \
	ck_assert_msg(memcmp(a, b, n) == 0, \
	              "not so: the bytes of %s are equal", #a " and " #b)

static inline int ck_differ(const char *a, const char *b)
{
	return a == NULL || b == NULL || strcmp(a, b) != 0;
}
#define ck_assert_str_eq(a, b)                                           \
	ck_assert_msg(!ck_differ(a, b), "not so: %s: \"%s\" and \"%s\"", \
	              #a " == " #b, a, b)

/* ---- Running the tests -------------------------------------------------- */

#define CK_MOST_TESTS 64
#define CK_SILENT     0
#define CK_FORK       1

typedef struct {
	const char *name;
	int tests;
	unsigned seconds;
	const TTest *test[CK_MOST_TESTS];
} Suite;
typedef Suite SRunner;
typedef struct {
	const TTest *test;
	unsigned seconds;
} TCase;

static inline Suite *suite_create(const char *name)
{
	static Suite suite;

	suite.name = name;
	return &suite;
}

static inline SRunner *srunner_create(Suite *suite)
{
	return suite;
}

static inline TCase *tcase_create(const char *name)
{
	static TCase one;

	(void)name;
	return &one;
}

static inline void tcase_set_timeout(TCase *one, unsigned seconds)
{
	one->seconds = seconds;
}

static inline void tcase_add_test(TCase *one, const TTest *test)
{
	one->test = test;
}

static inline void suite_add_tcase(Suite *suite, const TCase *one)
{
	if (suite->tests == CK_MOST_TESTS)
		abort();
	suite->seconds = one->seconds;
	suite->test[suite->tests++] = one->test;
}

static inline int srunner_fork_status(const SRunner *runner)
{
	(void)runner;
	return CK_FORK;
}

static inline void srunner_set_tap(SRunner *runner, const char *file)
{
	(void)runner;
	(void)file;
}

static inline void srunner_free(SRunner *runner)
{
	(void)runner;
}

static inline void srunner_run_all(SRunner *runner, int how)
{
	(void)how;
	printf("1..%d\n", runner->tests);
	for (int i = 0; i < runner->tests; i++) {
		pid_t child;
		int status = -1;

		fflush(stdout);
		child = fork();
		if (child == 0) {
			alarm(runner->seconds);
			runner->test[i]->run(0);
			_exit(0);
		}
		waitpid(child, &status, 0);
		printf("%sok %d - %s: %s (status %d)\n",
		       status == 0 ? "" : "not ", i + 1, runner->name,
		       runner->test[i]->name, status);
	}
	fflush(stdout);
}

#endif /* TESTS_ALONE_CHECK_H */
