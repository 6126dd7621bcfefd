/* SPDX-License-Identifier: MIT */
#include "base/ranges.h"

#include <string.h>

#include "unit.h"

enum { SPACE = 200, NOBODY = 255 };

static uint64_t state = 7;

static uint64_t dice(uint64_t sides)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((state * UINT64_C(0x2545F4914F6CDD1D)) >> 13) % sides;
}

/* Random ranges, and whose each byte is. */
static range_array random_ranges(uint8_t owner[SPACE])
{
	range_array ranges = {0};
	size_t n = dice(20);

	memset(owner, NOBODY, SPACE);
	for (size_t i = 0; i < n; i++) {
		vaddr start = dice(SPACE), end = start + dice(SPACE - start + 1);
		uint64_t tag = dice(4);

		ranges_add(&ranges, start, end, tag);
		for (vaddr at = start; at < end; at++) {
			if (owner[at] == NOBODY)
				owner[at] = (uint8_t)tag;
		}
	}
	ranges_settle(&ranges);
	return ranges;
}

static void check_owners(const range_array *ranges, const uint8_t owner[SPACE])
{
	for (size_t i = 0; i < ranges->n; i++) {
		ck_assert_uint_lt(ranges->v[i].start, ranges->v[i].end);
		ck_assert(i == 0 || ranges->v[i - 1].end <= ranges->v[i].start);
	}
	for (vaddr at = 0; at < SPACE; at++) {
		const struct range *range = ranges_find(ranges, at);

		ck_assert_uint_eq(range ? range->tag : NOBODY, owner[at]);
	}
}

START_TEST(the_first_to_claim_a_byte_has_it)
{
	for (int i = 0; i < unit_rounds(3000); i++) {
		uint8_t owner[SPACE];
		range_array ranges = random_ranges(owner);

		check_owners(&ranges, owner);
		array_deinit(&ranges);
	}
}
END_TEST

START_TEST(sets_are_subtracted_and_merged)
{
	for (int i = 0; i < unit_rounds(3000); i++) {
		uint8_t owner[SPACE], other_owner[SPACE];
		range_array ranges = random_ranges(owner), others = random_ranges(other_owner);

		ranges_subtract(&ranges, &others);
		for (size_t at = 0; at < SPACE; at++) {
			if (other_owner[at] != NOBODY)
				owner[at] = NOBODY;
		}
		check_owners(&ranges, owner);
		ranges_merge(&ranges, &others);
		for (size_t at = 0; at < SPACE; at++) {
			if (other_owner[at] != NOBODY)
				owner[at] = other_owner[at];
		}
		check_owners(&ranges, owner);
		array_deinit(&ranges);
		array_deinit(&others);
	}
}
END_TEST

START_TEST(the_ends_of_the_address_space)
{
	range_array ranges = {0};

	ranges_settle(&ranges);
	ck_assert_ptr_null(ranges_find(&ranges, 0));
	ranges_add(&ranges, UINT64_MAX - 10, UINT64_MAX, 1);
	ranges_add(&ranges, 0, 10, 2);
	ranges_add(&ranges, 5, 5, 3);
	ranges_settle(&ranges);
	ck_assert_uint_eq(ranges.n, 2);
	ck_assert_uint_eq(ranges_find(&ranges, UINT64_MAX - 1)->tag, 1);
	ck_assert_ptr_null(ranges_find(&ranges, UINT64_MAX));
	array_deinit(&ranges);
}
END_TEST

UNIT_SUITE("ranges", the_first_to_claim_a_byte_has_it, sets_are_subtracted_and_merged, the_ends_of_the_address_space)
