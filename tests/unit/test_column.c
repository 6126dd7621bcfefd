/* SPDX-License-Identifier: MIT */
/* Columns: growth keeps what is there, new elements are zero, and room that is not used takes no memory. */
#include "base/column.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

START_TEST(growth_keeps_what_is_there_and_adds_zeros)
{
	size_t size = 0, wrong = 0;
	uint8_t *column = NULL;

	// Across the size from which huge pages are asked for, and by sizes that are no whole pages.
	for (size_t more = 1000; more < 16 * 1024 * 1024; more = more * 3 + 1) {
		column = column_grow(column, size, more);
		for (size_t i = 0; i < size; i += 7)
			wrong += column[i] != i / 7 % 251;
		for (size_t i = size; i < more; i++)
			wrong += column[i] != 0;
		for (size_t i = 0; i < more; i += 7)
			column[i] = (uint8_t)(i / 7 % 251);
		size = more;
	}
	ck_assert_uint_eq(wrong, 0);
	column_free(column, size);
}
END_TEST

START_TEST(room_that_is_not_used_takes_no_memory)
{
	size_t size = (size_t)8 << 30;
	uint8_t *column = column_grow(NULL, 0, size);
	unsigned char resident[16];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	column[0] = 1;
	column = column_grow(column, size, 2 * size);
	ck_assert_uint_eq(column[0], 1);
	column[2 * size - 1] = 2;
	ck_assert_int_eq(mincore(column + size, sizeof(resident) * page, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++)
		ck_assert_uint_eq(resident[i] & 1, 0);
	column_free(column, 2 * size);
}
END_TEST

START_TEST(a_sparse_column_takes_what_is_written)
{
	size_t size = 8 * 1024 * 1024, page = (size_t)sysconf(_SC_PAGESIZE), wrong = 0, taken = 0;
	uint8_t *column = column_sparse(size);
	unsigned char resident[8 * 1024 * 1024 / 4096];

	column[size / 2] = 1;
	ck_assert_uint_le(size / page, sizeof(resident));
	ck_assert_int_eq(mincore(column, size, resident), 0);
	for (size_t i = 0; i < size / page; i++)
		taken += resident[i] & 1;
	ck_assert_uint_eq(taken, 1);
	for (size_t i = 0; i < size; i++)
		wrong += column[i] != (i == size / 2);
	ck_assert_uint_eq(wrong, 0);
	column_free(column, size);
}
END_TEST

START_TEST(a_freed_column_is_gone)
{
	size_t size = 8 * 1024 * 1024;
	uint8_t *column = column_grow(NULL, 0, size);
	unsigned char resident;

	column_free(column, size);
	ck_assert_int_eq(mincore(column, 1, &resident), -1);
	ck_assert_int_eq(mincore(column + size - sysconf(_SC_PAGESIZE), 1, &resident), -1);
	column_free(NULL, 0);
}
END_TEST

UNIT_SUITE("column", growth_keeps_what_is_there_and_adds_zeros,
	   room_that_is_not_used_takes_no_memory, a_sparse_column_takes_what_is_written, a_freed_column_is_gone)
