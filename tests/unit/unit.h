/* SPDX-License-Identifier: MIT */
/*
 * What every unit test file shares, so that a file is one suite and nothing else:
 *
 *	#include "base/text.h"
 *	#include "unit.h"
 *
 *	START_TEST(text_keeps_its_bytes)
 *	{
 *		ck_assert_int_eq(1, 1);
 *	}
 *	END_TEST
 *
 *	UNIT_SUITE("text", text_keeps_its_bytes, text_grows)
 *
 * UNIT_SUITE writes main(). Each test function is a case of its own and runs in a process of its
 * own, so an abort or a sanitizer report fails that one and the rest still run. Include this once,
 * last. Under the harness the results are TAP on stdout (CK_TAP_LOG_FILE_NAME=-); by hand they are
 * Check's own summary. CK_FORK=no keeps all in one process, for a debugger; CK_RUN_CASE=name runs
 * one test.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <stddef.h>
#include <stdlib.h>

#include <check.h>

#include "rounds.h"

/*
 * Check writes each assertion that holds into a file, so that it can say how far a test came that dies. A test with millions of them does
 * little else; here a line is written when it holds for the first time.
 */
static inline void unit_mark(const char *file, int line)
{
	static unsigned char marked[4096];

	if (line < (int)sizeof(marked)) {
		if (marked[line])
			return;
		marked[line] = 1;
	}
	_mark_point(file, line);
}
#define _mark_point(file, line) unit_mark(file, line)

/* Seconds a single test may take; generous, because sanitizers and valgrind are slow, and other tests run beside. */
enum { UNIT_TIMEOUT = 600 };

static int unit_main(const char *suite_name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(suite_name);
	for (size_t i = 0; i < count; i++) {
		TCase *one = tcase_create(tests[i]->name);
		tcase_set_timeout(one, UNIT_TIMEOUT);
		tcase_add_test(one, tests[i]);
		suite_add_tcase(suite, one);
	}
	SRunner *runner = srunner_create(suite);
	const char *tap = getenv("CK_TAP_LOG_FILE_NAME");
	srunner_run_all(runner, tap != NULL ? CK_SILENT : CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	// The harness has read the failures already and would count a bad status as one more.
	return failed != 0 && tap == NULL;
}

#define UNIT_SUITE(name, ...)                                                                      \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = {__VA_ARGS__};                                        \
		return unit_main(name, tests, sizeof(tests) / sizeof(tests[0]));                   \
	}

#endif
