/* One message about the findings of several checks. */
/* SPDX-License-Identifier: ISC */
#include "report/verdict.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct smi_verdict verdict;

START_TEST(without_findings_the_verdict_is_success)
{
	errno = 7;
	smi_last_error_set(7, "before");
	smi_verdict_start(&verdict, "call");
	ck_assert_int_eq(smi_verdict_give(&verdict), 0);
	ck_assert_int_eq(errno, 7);
	ck_assert_str_eq(smi_last_error_words(), "before");
}
END_TEST

START_TEST(findings_are_joined_into_one_message)
{
	smi_verdict_start(&verdict, "call");
	smi_verdict_unknown(&verdict, "one %zu", (size_t)1);
	ck_assert_int_eq(smi_verdict_give(&verdict), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_str_eq(smi_last_error_words(), "call: one 1");

	smi_verdict_start(&verdict, "call");
	smi_verdict_unknown(&verdict, "one %zu", (size_t)1);
	smi_verdict_fail(&verdict, "two");
	smi_verdict_unknown(&verdict, "three");
	ck_assert_int_eq(smi_verdict_give(&verdict), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_str_eq(smi_last_error_words(), "call: one 1; two; three");
}
END_TEST

/* Each finding appears as a whole or is counted, whatever its length. */
START_TEST(findings_that_do_not_fit_are_counted)
{
	static char long_one[800], want[900];

	for (size_t length = 1; length < 600; length++) {
		size_t fit = 0, room = SMI_LAST_ERROR_BYTES - 32 - 1 - 6;

		memset(long_one, 'x', length);
		long_one[length] = '\0';
		smi_verdict_start(&verdict, "call");
		for (int i = 0; i < 700; i++)
			smi_verdict_fail(&verdict, "%s", long_one);
		ck_assert_int_eq(smi_verdict_give(&verdict), -1);
		strcpy(want, "call: ");
		for (; room > length + (fit > 0 ? 2 : 0); fit++) {
			strcat(strcat(want, fit > 0 ? "; " : ""), long_one);
			room -= length + (fit > 0 ? 2 : 0);
		}
		snprintf(want + strlen(want), 40, "; and %zu more", 700 - fit);
		ck_assert_str_eq(smi_last_error_words(), want);
	}
}
END_TEST

UNIT_MAIN("verdict", without_findings_the_verdict_is_success,
          findings_are_joined_into_one_message,
          findings_that_do_not_fit_are_counted)
