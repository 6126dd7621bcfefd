/* SPDX-License-Identifier: MIT */
/* Typed arrays: growth keeps what is there, and asks the allocator seldom. */
#include <stdint.h>

#include "base/array.h"
#include "unit.h"

typedef ARRAY(uint64_t) number_array;

START_TEST(zero_bytes_are_an_empty_array)
{
	number_array numbers = {0};

	ck_assert_uint_eq(numbers.n, 0);
	array_deinit(&numbers);
	ck_assert_ptr_null(numbers.v);
}
END_TEST

START_TEST(growth_keeps_the_elements)
{
	number_array numbers = {0};
	size_t moves = 0;

	for (uint64_t i = 0; i < 100000; i++) {
		size_t capacity = numbers.capacity;

		if (i % 2)
			array_append(&numbers, i * i);
		else
			*array_push(&numbers) = i * i;
		moves += numbers.capacity != capacity;
	}
	ck_assert_uint_eq(numbers.n, 100000);
	for (uint64_t i = 0; i < numbers.n; i++)
		ck_assert_uint_eq(numbers.v[i], i * i);
	ck_assert_uint_lt(moves, 40);
	array_deinit(&numbers);
	ck_assert_uint_eq(numbers.n, 0);
	ck_assert_uint_eq(numbers.capacity, 0);
}
END_TEST

START_TEST(reserved_room_is_there)
{
	number_array numbers = {0};

	array_reserve(&numbers, 1000);
	ck_assert_uint_ge(numbers.capacity, 1000);
	ck_assert_uint_eq(numbers.n, 0);

	uint64_t *before = numbers.v;

	for (uint64_t i = 0; i < 1000; i++)
		array_append(&numbers, i);
	ck_assert_ptr_eq(numbers.v, before);
	array_deinit(&numbers);
}
END_TEST

UNIT_SUITE("array", zero_bytes_are_an_empty_array, growth_keeps_the_elements,
	   reserved_room_is_there)
