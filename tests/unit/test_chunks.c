/* SPDX-License-Identifier: MIT */
/* The chunk table: order, what is dropped, and finding rows by address against a linear search. */
#include "heap/chunks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void add(struct chunks *chunks, vaddr mem, uint64_t usable)
{
	chunks_add(chunks, mem, usable, CHUNK_IN_USE, CHUNK_HEAP);
}

static void check_verified(const struct chunks *chunks)
{
	char *complaint = chunks_verify(chunks);

	if (complaint)
		ck_abort_msg("%s", complaint);
}

START_TEST(an_empty_table_finds_nothing)
{
	struct chunks chunks;

	chunks_init(&chunks);
	ck_assert_uint_eq(chunks_seal(&chunks), 0);
	ck_assert_uint_eq(chunks_at(&chunks, 0), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1000), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, UINT64_MAX), CHUNK_NONE);
	check_verified(&chunks);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(rows_are_sorted_with_all_their_columns)
{
	struct chunks chunks;

	chunks_init(&chunks);
	chunks_add(&chunks, 0x3000, 30, CHUNK_TOP, CHUNK_HEAP);
	chunks_add(&chunks, 0x1000, 10, CHUNK_TCACHE, CHUNK_MMAPPED);
	chunks_add(&chunks, 0x2000, 20, CHUNK_LARGE, CHUNK_PYMALLOC);
	ck_assert_uint_eq(chunks_seal(&chunks), 0);
	ck_assert_uint_eq(chunks.n, 3);
	for (unsigned i = 0; i < 3; i++) {
		static const uint8_t states[] = { CHUNK_TCACHE, CHUNK_LARGE, CHUNK_TOP };
		static const uint8_t kinds[] = { CHUNK_MMAPPED, CHUNK_PYMALLOC, CHUNK_HEAP };

		ck_assert_uint_eq(chunks.mem[i], (i + 1) * 0x1000u);
		ck_assert_uint_eq(chunk_usable(&chunks, i), (i + 1) * 10u);
		ck_assert_uint_eq(chunks.state[i], states[i]);
		ck_assert_uint_eq(chunks.kind[i], kinds[i]);
	}
	check_verified(&chunks);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(rows_that_overlap_or_are_not_aligned_are_dropped)
{
	struct chunks chunks;

	chunks_init(&chunks);
	add(&chunks, 0x1000, 0x20);
	add(&chunks, 0x1010, 8);		   // inside the one before
	add(&chunks, 0x1020, 0);		   // right behind it: no overlap
	add(&chunks, 0x1020, 16);		   // the same address once more
	add(&chunks, 0x1038, 8);		   // not aligned
	add(&chunks, 0x1040, UINT64_MAX - 0x1040); // past the end of everything
	add(&chunks, 0x1050, 8);
	ck_assert_uint_eq(chunks_seal(&chunks), 4);
	ck_assert_uint_eq(chunks.n, 3);
	ck_assert_uint_eq(chunks.mem[0], 0x1000);
	ck_assert_uint_eq(chunks.mem[1], 0x1020);
	ck_assert_uint_eq(chunks.mem[2], 0x1050);
	check_verified(&chunks);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(unsorted_rows_that_overlap_are_dropped)
{
	struct chunks chunks;

	chunks_init(&chunks);
	add(&chunks, 0x1040, 0x18);
	add(&chunks, 0x1000, 0x48); // reaches into the one above, which goes
	add(&chunks, 0x1060, 0x18);
	ck_assert_uint_eq(chunks_seal(&chunks), 1);
	ck_assert_uint_eq(chunks.n, 2);
	ck_assert_uint_eq(chunks_at(&chunks, 0x1040), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1040), 0);
	ck_assert_uint_eq(chunks_at(&chunks, 0x1060), 1);
	check_verified(&chunks);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(addresses_inside_and_around_a_row)
{
	struct chunks chunks;

	chunks_init(&chunks);
	add(&chunks, 0x1010, 0x18);
	add(&chunks, 0x1030, 0);
	add(&chunks, 0x1040, 1);
	ck_assert_uint_eq(chunks_seal(&chunks), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x100f), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1010), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1011), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1027), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1028), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, 0x102f), CHUNK_NONE);
	// A row of no bytes is at its address, but holds none.
	ck_assert_uint_eq(chunks_at(&chunks, 0x1030), 1);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1030), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1040), 2);
	ck_assert_uint_eq(chunks_find(&chunks, 0x1041), CHUNK_NONE);
	ck_assert_uint_eq(chunks_at(&chunks, 0x1011), CHUNK_NONE);
	ck_assert_uint_eq(chunks_at(&chunks, 0x1020), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, 0), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, UINT64_MAX), CHUNK_NONE);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(a_row_larger_than_any_gap_reaches_across_it)
{
	struct chunks chunks;

	chunks_init(&chunks);
	add(&chunks, 0x100000, 0x10000000); // as large as a stretch of the index
	add(&chunks, 0x10100000, 0x20);
	add(&chunks, 0x7fff00000000, 0x20);
	ck_assert_uint_eq(chunks_seal(&chunks), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x100000), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x5000000), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x100fffff), 0);
	ck_assert_uint_eq(chunks_find(&chunks, 0x10100000), 1);
	ck_assert_uint_eq(chunks_find(&chunks, 0x10100020), CHUNK_NONE);
	ck_assert_uint_eq(chunks_find(&chunks, 0x7fff0000001f), 2);
	ck_assert_uint_eq(chunks_find(&chunks, 0x7fff00000020), CHUNK_NONE);
	chunks_deinit(&chunks);
}
END_TEST

/* Two rows that far apart are in one page of the index or in two, and found either way. */
START_TEST(gaps_around_the_size_of_a_page)
{
	for (vaddr start = 0x1000; start < 0x1400; start += 112)
		for (uint64_t gap = 64 * 1024 - 0x1500; gap < 64 * 1024 + 1100; gap += 16) {
			struct chunks chunks;
			vaddr second = start + (gap & ~UINT64_C(15));

			chunks_init(&chunks);
			add(&chunks, start, 0x18);
			add(&chunks, second, 0x18);
			if (chunks_seal(&chunks) != 0 ||
			    chunks_find(&chunks, start + 0x17) != 0 ||
			    chunks_find(&chunks, second - 1) != CHUNK_NONE ||
			    chunks_find(&chunks, second) != 1 ||
			    chunks_find(&chunks, second + 0x18) != CHUNK_NONE)
				ck_abort_msg("start 0x%" PRIx64 ", gap 0x%" PRIx64, start, gap);
			check_verified(&chunks);
			chunks_deinit(&chunks);
		}
}
END_TEST

START_TEST(rows_at_the_end_of_the_address_space)
{
	static const vaddr ends[] = {
		UINT64_MAX - 15,
		UINT64_MAX - 31,
		UINT64_MAX - 1023 - 16,
		UINT64_MAX - 1023,
		UINT64_MAX - 2047,
		UINT64_MAX - 64 * 1024 + 1,
		UINT64_MAX - 1024 * 1024 + 1,
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct chunks chunks;

		chunks_init(&chunks);
		add(&chunks, 0x1000, 0x18);
		add(&chunks, ends[i], 8);
		size_t dropped = chunks_seal(&chunks);

		ck_assert_uint_eq(chunks.n + dropped, 2);
		check_verified(&chunks);
		ck_assert_uint_eq(chunks_at(&chunks, ends[i]), dropped ? CHUNK_NONE : 1);
		ck_assert_uint_eq(chunks_find(&chunks, ends[i] + 7), dropped ? CHUNK_NONE : 1);
		chunks_deinit(&chunks);
	}
}
END_TEST

static chunk_id naive_at(const struct chunks *chunks, vaddr mem)
{
	for (size_t i = 0; i < chunks->n; i++)
		if (chunks->mem[i] == mem)
			return (chunk_id)i;
	return CHUNK_NONE;
}

static chunk_id naive_find(const struct chunks *chunks, vaddr address)
{
	for (size_t i = 0; i < chunks->n; i++)
		if (address >= chunks->mem[i] && address - chunks->mem[i] < chunk_usable(chunks, i))
			return (chunk_id)i;
	return CHUNK_NONE;
}

/* A random number with many zeros in front, often. */
static uint64_t any(unsigned bits)
{
	uint64_t value = (uint64_t)rand() << 31 ^ (uint64_t)rand();

	return value & ((UINT64_C(1) << (unsigned)rand() % bits) - 1);
}

START_TEST(random_tables_agree_with_a_linear_search)
{
	srand(7);
	for (int table = 0; table < unit_rounds(3000); table++) {
		struct chunks chunks;
		vaddr at = 0x1000 + (any(40) & ~UINT64_C(15));
		unsigned n = 1 + (unsigned)rand() % 40, gap_bits = 5 + (unsigned)rand() % 16;

		chunks_init(&chunks);
		for (unsigned i = 0; i < n; i++) {
			uint64_t usable = rand() % 8 ? any(9) : any(18);

			add(&chunks, at, usable);
			at = (at + usable + 16 + any(gap_bits)) & ~UINT64_C(15);
		}
		// In any order.
		for (unsigned i = 0; i < (table % 2 ? n : 0); i++) {
			unsigned k = (unsigned)rand() % n;
			vaddr mem = chunks.mem[i];
			uint64_t usable = chunk_usable(&chunks, i);

			chunks.mem[i] = chunks.mem[k];
			chunks_set_usable(&chunks, i, chunk_usable(&chunks, k));
			chunks.mem[k] = mem;
			chunks_set_usable(&chunks, k, usable);
		}
		ck_assert_uint_eq(chunks_seal(&chunks), 0);
		ck_assert_uint_eq(chunks.n, n);
		check_verified(&chunks);
		for (unsigned i = 0; i < 100; i++) {
			size_t row = (size_t)rand() % chunks.n;
			vaddr probe = chunks.mem[row] + chunk_usable(&chunks, row) + any(12) - any(12);

			// A plain comparison: Check writes a record for each assertion.
			if (chunks_find(&chunks, probe) != naive_find(&chunks, probe) ||
			    chunks_at(&chunks, probe) != naive_at(&chunks, probe) ||
			    chunks_at(&chunks, chunks.mem[row]) != row)
				ck_abort_msg("table %d, address 0x%" PRIx64, table, probe);
		}
		chunks_deinit(&chunks);
	}
}
END_TEST

/* Chunks as large as several stretches of the index, and as far apart. */
START_TEST(large_and_far_rows_agree_with_a_linear_search)
{
	srand(8);
	for (int table = 0; table < unit_rounds(1000); table++) {
		struct chunks chunks;
		vaddr at = 0x10000;
		unsigned n = 1 + (unsigned)rand() % 40;

		chunks_init(&chunks);
		for (unsigned i = 0; i < n; i++) {
			uint64_t usable = any(rand() % 4 ? 9 : 32);

			at = (at + (rand() % 4 ? 16 : any(38))) & ~UINT64_C(15);
			add(&chunks, at, usable);
			at = (at + usable + 23) & ~UINT64_C(15);
		}
		ck_assert_uint_eq(chunks_seal(&chunks), 0);
		check_verified(&chunks);
		for (unsigned i = 0; i < 200; i++) {
			size_t row = (size_t)rand() % chunks.n;
			vaddr probe = chunks.mem[row] + (i % 2 ? any(33) : chunk_usable(&chunks, row) + any(12) - any(12));

			if (chunks_find(&chunks, probe) != naive_find(&chunks, probe) ||
			    chunks_at(&chunks, probe) != naive_at(&chunks, probe))
				ck_abort_msg("table %d, address 0x%" PRIx64, table, probe);
			if (naive_find(&chunks, probe) != CHUNK_NONE)
				ck_assert(chunks_may_hold(&chunks, probe));
		}
		chunks_deinit(&chunks);
	}
}
END_TEST

START_TEST(bits_are_counted)
{
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t bits = any(63) << rand() % 2 ^ any(60);

		ck_assert_uint_eq(chunk_bits_count(bits), (unsigned)__builtin_popcountll(bits));
	}
	ck_assert_uint_eq(chunk_bits_count(UINT64_MAX), 64);
}
END_TEST

START_TEST(sizes_that_do_not_fit_the_column)
{
	static const uint64_t sizes[] = { 0, 24, 25, (UINT64_C(1) << 35) - 16, (UINT64_C(1) << 35) - 8, UINT64_C(1) << 35, UINT64_C(3) << 40, 7 };
	enum { N = sizeof(sizes) / sizeof(*sizes) };

	for (int backwards = 0; backwards < 2; backwards++) {
		struct chunks chunks;
		vaddr at[N], next = 0x10000;

		chunks_init(&chunks);
		for (size_t i = 0; i < N; i++) {
			at[i] = next;
			next = (next + sizes[i] + 31) & ~UINT64_C(15);
		}
		for (size_t i = 0; i < N; i++) {
			size_t k = backwards ? N - 1 - i : i;

			add(&chunks, at[k], sizes[k]);
		}
		ck_assert_uint_eq(chunks_seal(&chunks), 0);
		check_verified(&chunks);
		for (chunk_id i = 0; i < N; i++) {
			ck_assert_uint_eq(chunk_usable(&chunks, i), sizes[i]);
			ck_assert_uint_eq(chunks_find(&chunks, at[i] + sizes[i] - !!sizes[i]), sizes[i] ? i : CHUNK_NONE);
		}
		chunks_set_usable(&chunks, 2, 9);
		chunks_set_usable(&chunks, 6, 32);
		ck_assert_uint_eq(chunk_usable(&chunks, 2), 9);
		ck_assert_uint_eq(chunk_usable(&chunks, 6), 32);
		ck_assert_uint_eq(chunk_usable(&chunks, 7), 7);
		chunks_deinit(&chunks);
	}
}
END_TEST

START_TEST(the_table_grows)
{
	struct chunks chunks;

	chunks_init(&chunks);
	chunks_reserve(&chunks, 10);
	for (uint64_t i = 0; i < 300000; i++)
		chunks_add(&chunks, 0x10000 + i * 0x20, 0x18, i % 2 ? CHUNK_FAST : CHUNK_IN_USE,
			   CHUNK_HEAP);
	ck_assert_uint_eq(chunks_seal(&chunks), 0);
	ck_assert_uint_eq(chunks.n, 300000);
	for (uint64_t i = 0; i < 300000; i += 997) {
		ck_assert_uint_eq(chunks_find(&chunks, 0x10000 + i * 0x20 + 0x17), i);
		ck_assert_uint_eq(chunks_find(&chunks, 0x10000 + i * 0x20 + 0x18), CHUNK_NONE);
		ck_assert_uint_eq(chunks.state[i], i % 2 ? CHUNK_FAST : CHUNK_IN_USE);
	}
	check_verified(&chunks);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(rows_without_an_id_are_refused_and_counted)
{
	struct chunks chunks;

	chunks_init(&chunks);
	// Room for no more than there are ids; it is not used, so it takes no memory.
	chunks_reserve(&chunks, SIZE_MAX);
	ck_assert_uint_eq(chunks.capacity, INT32_MAX);
	add(&chunks, 0x1000, 0x18);
	// As if all ids were given away: the rows between are zero, and dropped.
	size_t n = chunks.n;

	chunks.n = chunks.capacity;
	add(&chunks, 0x2000, 0x18);
	add(&chunks, 0x3000, 0x18);
	ck_assert_uint_eq(chunks.n, INT32_MAX);
	ck_assert_uint_eq(chunks.refused, 2);
	chunks.n = n;
	ck_assert_uint_eq(chunks_seal(&chunks), 2);
	ck_assert_uint_eq(chunks.n, 1);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(verify_catches_each_broken_invariant)
{
	for (unsigned what = 0; what < 7; what++) {
		struct chunks chunks;

		chunks_init(&chunks);
		for (unsigned i = 0; i < 100; i++)
			add(&chunks, 0x1000 + i * 0x40, 0x38);
		ck_assert_uint_eq(chunks_seal(&chunks), 0);
		check_verified(&chunks);
		switch (what) {
		case 0: // the index says another row
			chunks.words[5].rank++;
			break;
		case 1: // or none
			chunks.words[5].bits = 0;
			break;
		case 2: // out of order
			chunks.mem[50] = 0x1000;
			break;
		case 3: // overlap
			chunks_set_usable(&chunks, 50, 0x41);
			break;
		case 4: // not aligned
			chunks.mem[50] += 8;
			break;
		case 5:
			chunks.state[50] = CHUNK_STATES;
			break;
		case 6:
			chunks.kind[50] = CHUNK_KINDS;
			break;
		}
		char *complaint = chunks_verify(&chunks);

		ck_assert_msg(complaint, "broken invariant %u is not noticed", what);
		free(complaint);
		chunks_deinit(&chunks);
	}
}
END_TEST

START_TEST(states_and_kinds_have_the_names_of_the_csv_contract)
{
	ck_assert_str_eq(chunk_state_name(CHUNK_IN_USE), "in-use");
	ck_assert_str_eq(chunk_state_name(CHUNK_INTERNAL), "internal");
	ck_assert_str_eq(chunk_state_name(CHUNK_TCACHE), "tcache");
	ck_assert_str_eq(chunk_state_name(CHUNK_FAST), "fast");
	ck_assert_str_eq(chunk_state_name(CHUNK_UNSORTED), "unsorted");
	ck_assert_str_eq(chunk_state_name(CHUNK_SMALL), "small");
	ck_assert_str_eq(chunk_state_name(CHUNK_LARGE), "large");
	ck_assert_str_eq(chunk_state_name(CHUNK_FREE), "free");
	ck_assert_str_eq(chunk_state_name(CHUNK_TOP), "top");
	ck_assert_str_eq(chunk_kind_name(CHUNK_HEAP), "heap");
	ck_assert_str_eq(chunk_kind_name(CHUNK_MMAPPED), "mmapped");
	ck_assert_str_eq(chunk_kind_name(CHUNK_PYMALLOC), "pymalloc");
}
END_TEST

UNIT_SUITE("chunks", an_empty_table_finds_nothing, rows_are_sorted_with_all_their_columns,
	   rows_that_overlap_or_are_not_aligned_are_dropped, unsorted_rows_that_overlap_are_dropped,
	   addresses_inside_and_around_a_row, a_row_larger_than_any_gap_reaches_across_it,
	   gaps_around_the_size_of_a_page, rows_at_the_end_of_the_address_space,
	   random_tables_agree_with_a_linear_search, large_and_far_rows_agree_with_a_linear_search,
	   bits_are_counted, sizes_that_do_not_fit_the_column, the_table_grows,
	   rows_without_an_id_are_refused_and_counted, verify_catches_each_broken_invariant,
	   states_and_kinds_have_the_names_of_the_csv_contract)
