/* SPDX-License-Identifier: MIT */
/*
 * Growth: rows add up however they are folded and cut; how a row grew; what belongs together.
 */
#include <string.h>

#include "base/cleanup.h"
#include "report/print_growth.h"
#include "snapshot/growth.h"
#include "snapshot_builder.h"
#include "unit.h"
#include "written.h"

/* A step: pairs of a size and how many there are, ended by a size of 0. */
static void add_step(struct series *series, const uint64_t *pairs)
{
	struct chunks chunks;
	vaddr mem = 0x10000;

	chunks_init(&chunks);
	for (; pairs[0]; pairs += 2)
		for (uint64_t i = 0; i < pairs[1]; i++) {
			chunks_add(&chunks, mem, pairs[0], CHUNK_IN_USE, CHUNK_HEAP);
			// Free ones do not count.
			chunks_add(&chunks, mem + pairs[0] / 16 * 16 + 16, 24, CHUNK_TCACHE,
				   CHUNK_HEAP);
			mem += pairs[0] / 16 * 16 + 64;
		}
	ck_assert_uint_eq(chunks_seal(&chunks), 0);
	series_add_sizes(series, &chunks);
	chunks_deinit(&chunks);
}

static void add_steps(struct series *series, const uint64_t *const *steps)
{
	series_init(series);
	for (; *steps; steps++)
		add_step(series, *steps);
}

START_TEST(series_remember)
{
	static const uint64_t one[] = { 24, 3, 40, 1, 0 }, two[] = { 40, 2, 100000, 5, 0 },
			      three[] = { 24, 1, 0 };
	static const uint64_t *const steps[] = { one, two, three, NULL };
	struct series series;

	add_steps(&series, steps);
	ck_assert_uint_eq(series.steps.n, 3);
	ck_assert_uint_eq(series.keys.n, 3);
	for (size_t row = 0; row < 3; row++) {
		static const uint64_t expected[3][3] = { { 3, 0, 1 }, { 1, 2, 0 }, { 0, 5, 0 } };
		size_t at = series.keys.v[row] == 24 ? 0 : series.keys.v[row] == 40 ? 1 : 2;

		for (size_t step = 0; step < 3; step++) {
			ck_assert_uint_eq(series_get(&series, row, step).count, expected[at][step]);
			ck_assert_uint_eq(series_get(&series, row, step).bytes,
					  expected[at][step] * series.keys.v[row]);
		}
	}
	for (unsigned i = 0; i < 6; i++)
		add_step(&series, one);
	series_thin(&series);
	ck_assert_uint_eq(series.steps.n, 5);
	ck_assert_uint_eq(series_get(&series, 0, 1).count, 1);
	ck_assert_uint_eq(series_get(&series, 0, 4).count, 3);
	add_step(&series, two);
	series_thin(&series);
	// Of an even number the last remains, too.
	ck_assert_uint_eq(series.steps.n, 4);
	ck_assert_uint_eq(series_get(&series, 0, 3).count, 0);
	series_deinit(&series);
}
END_TEST

/* Sizes without end, and steps in which they come and go. */
static void random_series(struct series *series, size_t steps)
{
	series_init(series);
	for (size_t i = 0; i < steps; i++) {
		uint64_t pairs[401];

		for (size_t j = 0; j < 200; j++) {
			pairs[2 * j] = rand() % 3
					       ? 24 + (uint64_t)rand() % 100 * 16
					       : 1 + ((uint64_t)rand() << (unsigned)rand() % 10) %
								 3000000;
			pairs[2 * j + 1] = (uint64_t)rand() % 20;
		}
		pairs[400] = 0;
		add_step(series, pairs);
	}
}

START_TEST(rows_add_up)
{
	srand(5);
	for (int round = 0; round < unit_rounds(40); round++) {
		struct series series;
		size_t steps = 2 + (size_t)rand() % 5;

		random_series(&series, steps);
		for (unsigned variant = 0; variant < 48; variant++) {
			struct growth_options options = {
				.mode = (enum growth_mode)(variant % 3),
				.order = (enum growth_order)(variant / 3 % 4),
				.limit = variant / 12 % 2 ? 7 : 0,
				.only_changed = variant / 24 % 2,
				.min_size = round % 2 ? 500 : 0,
				.from = round % 3 ? 0 : steps - 2,
				.to = steps - 1,
			};
			struct growth growth;
			uint64_t sizes = 0, from = 0, to = 0, last = 0, grown = 0, shrunk = 0;

			growth_compute(&series, &options, &growth);
			ck_assert_uint_eq(growth.steps, options.to - options.from + 1);
			for (size_t i = 0; i < growth.rows.n; i++) {
				const struct growth_row *row = &growth.rows.v[i];

				ck_assert_uint_le(row->min, row->max);
				ck_assert_uint_ge(row->min, options.min_size);
				ck_assert_uint_eq(row->bytes[0], row->from.bytes);
				ck_assert_uint_eq(row->bytes[growth.steps - 1], row->to.bytes);
				sizes += row->sizes;
				from += row->from.bytes;
				to += row->to.count;
				last += row->to.bytes;
			}
			ck_assert_uint_eq(sizes + growth.rest.sizes + growth.unchanged.sizes,
					  growth.total.sizes);
			ck_assert_uint_eq(from + growth.rest.from.bytes +
						  growth.unchanged.from.bytes,
					  growth.total.from.bytes);
			ck_assert_uint_eq(to + growth.rest.to.count + growth.unchanged.to.count,
					  growth.total.to.count);
			ck_assert_uint_eq(last + growth.rest.to.bytes + growth.unchanged.to.bytes,
					  growth.total.to.bytes);
			ck_assert_uint_eq(growth.unchanged.from.count, growth.unchanged.to.count);
			ck_assert(!options.limit || growth.rows.n <= options.limit);
			for (size_t row = 0; row < series.keys.n; row++) {
				uint64_t a = series_get(&series, row, options.from).bytes,
					 b = series_get(&series, row, options.to).bytes;

				if (series.keys.v[row] < options.min_size)
					continue;
				grown += b > a ? b - a : 0;
				shrunk += a > b ? a - b : 0;
			}
			ck_assert_uint_eq(growth.grown, grown);
			ck_assert_uint_eq(growth.shrunk, shrunk);
			ck_assert_int_eq(growth_bytes(&growth.total), (int64_t)(grown - shrunk));
			growth_deinit(&growth);
		}
		series_deinit(&series);
	}
}
END_TEST

static void grew(enum growth_kind kind, size_t steps, const uint64_t *bytes)
{
	ck_assert_msg(growth_classify(bytes, steps) == kind, "%s, not %s",
		      growth_kind_name(growth_classify(bytes, steps)), growth_kind_name(kind));
}
#define GREW(kind, ...)                                                                            \
	grew(kind, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t),                         \
	     (const uint64_t[]){ __VA_ARGS__ })

START_TEST(ways_of_growing)
{
	grew(GROWTH_NONE, 0, NULL);
	GREW(GROWTH_NONE, 5);
	GREW(GROWTH_NONE, 5, 50);
	GREW(GROWTH_NONE, 5, 5, 5, 5);
	GREW(GROWTH_NONE, 9, 8, 7, 6);
	GREW(GROWTH_NONE, 5, 90, 5);
	GREW(GROWTH_STEADILY, 10, 20, 30);
	GREW(GROWTH_STEADILY, 10, 20, 31, 40, 52, 60);
	GREW(GROWTH_STEADILY, 100, 110, 120, 120, 130, 139, 150, 160, 170, 180, 190);
	GREW(GROWTH_STEADILY, 100, 120, 119, 140, 160, 180);
	GREW(GROWTH_ONCE, 10, 10, 50, 50, 50);
	GREW(GROWTH_ONCE, 10, 50, 50);
	GREW(GROWTH_ONCE, 10, 10, 10, 500, 501);
	GREW(GROWTH_AT_TIMES, 10, 10, 50, 50, 90, 90, 130, 130);
	GREW(GROWTH_AT_TIMES, 10, 12, 14, 100, 102, 130);
	GREW(GROWTH_UP_AND_DOWN, 10, 50, 20, 60, 30);
	GREW(GROWTH_UP_AND_DOWN, 0, 100, 50);
}
END_TEST

/* The sentence about a change from one step to another. */
static void says(const uint64_t *before, const uint64_t *after, const char *sentence)
{
	const uint64_t *const steps[] = { before, after, NULL };
	struct series series;
	struct growth growth;
	struct growth_options options = { .to = 1, .only_changed = true };
	struct writer *writer = write_in_memory(
		(struct writer_options){ .format = FORMAT_TEXT, .width = 1000 });

	add_steps(&series, steps);
	growth_compute(&series, &options, &growth);
	print_causes(writer, &growth, NULL, 0, 1, 0);

	_cleanup_free_ char *text = written(writer);

	ck_assert_str_eq(text, sentence);
	growth_deinit(&growth);
	series_deinit(&series);
}
#define PAIRS(...) ((const uint64_t[]){ __VA_ARGS__, 0 })

START_TEST(causes_are_named)
{
	says(PAIRS(24, 7), PAIRS(24, 7), "In use: the same, size by size.\n");
	says(PAIRS(24, 7), PAIRS(24, 7, 8200, 3968),
	     "In use: +31.0 MiB, 3,968 more chunks. 3,968 more of 8,200 bytes (+31.0 MiB) are 100 "
	     "% of the growth.\n");
	says(PAIRS(8200, 3968), PAIRS(8200, 3967),
	     "In use: -8.01 KiB, 1 fewer chunk. 1 fewer of 8,200 bytes (-8.01 KiB) is 100 % of "
	     "what went.\n");
	// Parts of one thing; another thing of which there are some times as many; and noise.
	says(PAIRS(24, 100, 56, 5, 1032, 9), PAIRS(24, 351, 56, 1260, 1032, 260, 40, 3),
	     "In use: +328 KiB, 1,760 more chunks. 251 more each of 1,032 and 24 bytes, with 5 of 56 bytes "
	     "to each (+327 KiB) are 100 % of the growth.\n");
	// Too few to belong together.
	says(PAIRS(24, 1), PAIRS(24, 1, 1000, 9, 2008, 9),
	     "In use: +26.4 KiB, 18 more chunks. 9 more of 2,008 bytes (+17.6 KiB) and 9 more of "
	     "1,000 bytes (+8.79 KiB) are 100 % of the "
	     "growth.\n");
	says(PAIRS(24, 10, 40, 6), PAIRS(24, 20),
	     "In use: as much as before, but not the same. 10 more of 24 bytes (+240 B) are 100 % "
	     "of the growth.\n");
	says(PAIRS(1000, 100, 2000, 100), PAIRS(1000, 20, 2000, 130),
	     "In use: -19.5 KiB, 50 fewer chunks. 80 fewer of 1,000 bytes (-78.1 KiB) are 100 % of "
	     "what went.\n");
}
END_TEST

START_TEST(trends_are_drawn)
{
	static const uint64_t bytes[] = { 5, 10, 15 }, flat[] = { 7, 7 };
	uint64_t many[100];
	char buffer[TREND_BYTES];
	struct writer *plain = write_in_memory((struct writer_options){ .format = FORMAT_TEXT });
	struct writer *utf8 = write_in_memory(
		(struct writer_options){ .format = FORMAT_TEXT, .has_utf8 = true });

	for (size_t i = 0; i < 100; i++)
		many[i] = UINT64_MAX - 99 + i;
	ck_assert_str_eq(trend_text(buffer, plain, bytes, 3), "059");
	ck_assert_str_eq(trend_text(buffer, plain, flat, 2), "00");
	ck_assert_str_eq(trend_text(buffer, plain, many, 100), "0112234455677889");
	ck_assert_str_eq(trend_text(buffer, utf8, bytes, 3), "\u2581\u2585\u2588");
	ck_assert_uint_eq(strlen(trend_text(buffer, utf8, many, 100)), TREND_BYTES - 1);
	free(written(plain));
	free(written(utf8));
}
END_TEST

UNIT_SUITE("growth", series_remember, rows_add_up, ways_of_growing, causes_are_named,
	   trends_are_drawn)
