/* SPDX-License-Identifier: MIT */
#include "base/names.h"

#include <stdio.h>

#include "unit.h"

/* Numbers come in order, and the same ones again, also after the table has grown. */
START_TEST(names_have_numbers)
{
	enum { N = 5000 };
	struct names names = { 0 };
	char name[32];

	for (unsigned round = 0; round < 2; round++)
		for (uint32_t i = 0; i < N; i++) {
			snprintf(name, sizeof(name), "%x", i * 7919);
			ck_assert_uint_eq(names_number(&names, name), i);
			ck_assert_str_eq(names.v.v[i], name);
		}
	ck_assert_uint_eq(names.v.n, N);
	ck_assert_uint_eq(names_number(&names, ""), N);
	ck_assert_uint_eq(names_number(&names, ""), N);
	names_deinit(&names);
	ck_assert_uint_eq(names.v.n, 0);
}
END_TEST

UNIT_SUITE("names", names_have_numbers)
