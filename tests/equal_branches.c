/*
 * Compares memory that valgrind treats as undefined, so that valgrind reports
 * each branch and each address that depends on its contents. With the argument
 * "control", the comparison is one that stops at the first difference, which
 * valgrind must report. equal_time.sh runs this program.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "hide.h"

#include <secmalloc.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

static int equal_early(const unsigned char *a, const unsigned char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	static unsigned char a[100], b[100];
	int result = 0;

	memset(hide(a), 1, sizeof(a));
	memset(hide(b), 1, sizeof(b));
	for (size_t differ = 0; differ < sizeof(a); differ += 9) {
		b[differ] ^= 1;
		VALGRIND_MAKE_MEM_UNDEFINED(a, sizeof(a));
		VALGRIND_MAKE_MEM_UNDEFINED(b, sizeof(b));
		if (argc > 1 && strcmp(argv[1], "control") == 0)
			result = equal_early(hide(a), hide(b), sizeof(a));
		else
			result = secmalloc_equal(a, b, sizeof(a));
		VALGRIND_MAKE_MEM_DEFINED(a, sizeof(a));
		VALGRIND_MAKE_MEM_DEFINED(b, sizeof(b));
		VALGRIND_MAKE_MEM_DEFINED(&result, sizeof(result));
		b[differ] ^= 1;
		if (result != 0)
			return 1;
	}
	return 0;
}
