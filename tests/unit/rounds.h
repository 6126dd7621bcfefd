/* SPDX-License-Identifier: MIT */
/*
 * How many rounds a test goes through that tries what is random: all of them; under valgrind, which makes each fifty times as slow and looks
 * at every access of it, the share that UNIT_SHARE asks for (tests/unit/valgrind.t).
 */
#ifndef TESTS_UNIT_ROUNDS_H
#define TESTS_UNIT_ROUNDS_H

#include <stdlib.h>

static inline int unit_rounds(int rounds)
{
	const char *share = getenv("UNIT_SHARE");
	int divisor = share ? atoi(share) : 1;

	return divisor > 1 ? (rounds + divisor - 1) / divisor : rounds;
}

#endif
