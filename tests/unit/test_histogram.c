/* SPDX-License-Identifier: MIT */
/* The histogram: whatever is folded or cut, the sums are those of the chunks. */
#include "report/histogram.h"
#include "snapshot_builder.h"
#include "unit.h"

/* Chunks of pseudo-random sizes, some of them free. */
static void random_chunks(struct chunks *chunks, size_t count, unsigned seed)
{
	vaddr mem = 0x10010;

	chunks_init(chunks);
	for (size_t i = 0; i < count; i++) {
		seed = seed * 1103515245 + 12345;

		unsigned random = seed >> 8;
		uint64_t usable = 24 + 16 * (uint64_t)(random % 37);

		if (random % 101 == 0)
			usable = 16 * (uint64_t)(random % 100000) + 8;
		if (random % 503 == 0)
			usable = 4096 * (uint64_t)(random % 5000) + 4080;
		chunks_add(chunks, mem, usable, random % 5 == 0 ? CHUNK_SMALL : CHUNK_IN_USE,
			   usable % 16 == 0 ? CHUNK_MMAPPED : CHUNK_HEAP);
		mem += (usable + 47) / 16 * 16;
	}
	ck_assert_uint_eq(chunks_seal(chunks), 0);
}

static struct histogram_row brute_force(const struct chunks *chunks, uint64_t min, uint64_t max)
{
	struct histogram_row row = { 0 };

	for (size_t i = 0; i < chunks->n; i++) {
		if (chunks->state[i] != CHUNK_IN_USE || chunk_usable(chunks, i) < min ||
		    chunk_usable(chunks, i) > max)
			continue;
		row.count++;
		row.bytes += chunk_usable(chunks, i);
	}
	return row;
}

static void adds_up(const struct chunks *chunks, const struct histogram_options *options)
{
	struct histogram histogram;
	struct histogram_row all = brute_force(chunks, options->min_size, UINT64_MAX);
	uint64_t count, bytes, sizes;

	histogram_compute(chunks, options, &histogram);
	ck_assert_uint_eq(histogram.total.count, all.count);
	ck_assert_uint_eq(histogram.total.bytes, all.bytes);
	if (options->min_size)
		ck_assert_uint_eq(histogram.below.count,
				  brute_force(chunks, 0, options->min_size - 1).count);
	ck_assert(!options->limit || histogram.rows.n <= options->limit);
	ck_assert(options->limit || histogram.rest_rows == 0);

	count = histogram.rest.count;
	bytes = histogram.rest.bytes;
	sizes = histogram.rest.sizes;
	for (size_t i = 0; i < histogram.rows.n; i++) {
		const struct histogram_row *row = &histogram.rows.v[i];

		count += row->count;
		bytes += row->bytes;
		sizes += row->sizes;
		ck_assert_uint_gt(row->count, 0);
		ck_assert_uint_le(row->min, row->max);
		ck_assert((row->sizes == 1) == (row->min == row->max));
		if (row->sizes == 1)
			ck_assert_uint_eq(row->count,
					  brute_force(chunks, row->min, row->max).count);
		if (i && options->order == HISTOGRAM_BY_BYTES)
			ck_assert_uint_ge(histogram.rows.v[i - 1].bytes, row->bytes);
		if (i && options->order == HISTOGRAM_BY_COUNT)
			ck_assert_uint_ge(histogram.rows.v[i - 1].count, row->count);
		if (i && options->order == HISTOGRAM_BY_SIZE)
			ck_assert_uint_ge(histogram.rows.v[i - 1].max, row->max);
	}
	ck_assert_uint_eq(count, all.count);
	ck_assert_uint_eq(bytes, all.bytes);
	ck_assert_uint_eq(sizes, histogram.total.sizes);
	histogram_deinit(&histogram);
}

START_TEST(every_mode_order_and_limit_adds_up)
{
	static const uint64_t minima[] = { 0, 25, 4096, 1 << 20, UINT64_MAX };
	struct chunks chunks;

	random_chunks(&chunks, 20000, 1);
	for (unsigned mode = 0; mode < 3; mode++)
		for (unsigned order = 0; order < 3; order++)
			for (unsigned limit = 0; limit < 40; limit += 3)
				for (unsigned m = 0; m < 5; m++)
					adds_up(&chunks, &(struct histogram_options){
								 .mode = (enum histogram_mode)mode,
								 .order = (enum histogram_order)order,
								 .limit = limit,
								 .min_size = minima[m] });
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(an_empty_table_has_no_rows)
{
	struct chunks chunks;
	struct histogram histogram;

	chunks_init(&chunks);
	histogram_compute(&chunks, &(struct histogram_options){ .limit = 16 }, &histogram);
	ck_assert_uint_eq(histogram.rows.n, 0);
	ck_assert_uint_eq(histogram.total.count, 0);
	histogram_deinit(&histogram);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(a_size_that_holds_much_stands_alone)
{
	struct heap heap;
	struct histogram histogram;

	heap_init(&heap);
	struct layout_at at = source_begin(&heap, 0x10000);

	// A crowd of sizes of one range, and among them one with half of the bytes.
	for (unsigned i = 0; i < 60; i++)
		chunks_next(&at, 10, 1032 + 16 * i, CHUNK_IN_USE);
	chunks_next(&at, 900, 1400, CHUNK_IN_USE);
	ck_assert_uint_eq(chunks_seal(&heap.chunks), 0);
	histogram_compute(&heap.chunks, &(struct histogram_options){ .limit = 16 }, &histogram);
	ck_assert_uint_eq(histogram.rows.n, 2);
	ck_assert_uint_eq(histogram.rows.v[0].min, 1400);
	ck_assert_uint_eq(histogram.rows.v[0].max, 1400);
	ck_assert_uint_eq(histogram.rows.v[0].count, 910);
	ck_assert_uint_eq(histogram.rows.v[1].count, 590);
	ck_assert_uint_eq(histogram.rows.v[1].min, 1032);
	ck_assert_uint_eq(histogram.rows.v[1].max, 1032 + 16 * 59);
	histogram_deinit(&histogram);
	heap_deinit(&heap);
}
END_TEST

START_TEST(few_sizes_are_not_folded)
{
	struct heap heap;
	struct histogram histogram;

	heap_init(&heap);
	struct layout_at at = source_begin(&heap, 0x10000);

	for (unsigned i = 0; i < 16; i++)
		chunks_next(&at, i + 1, 1032 + 16 * i, CHUNK_IN_USE);
	chunks_seal(&heap.chunks);
	histogram_compute(&heap.chunks, &(struct histogram_options){ .limit = 16 }, &histogram);
	ck_assert_uint_eq(histogram.rows.n, 16);
	histogram_deinit(&histogram);
	heap_deinit(&heap);
}
END_TEST

START_TEST(classes_are_powers_of_two)
{
	struct heap heap;
	struct histogram histogram;

	heap_init(&heap);
	struct layout_at at = source_begin(&heap, 0x10000);

	chunk_next(&at, 24, CHUNK_IN_USE);
	chunk_next(&at, 40, CHUNK_IN_USE);
	chunk_next(&at, 56, CHUNK_IN_USE);
	chunk_next(&at, 72, CHUNK_IN_USE);
	chunks_add(&heap.chunks, 0x100010, 64, CHUNK_IN_USE, CHUNK_MMAPPED);
	chunks_seal(&heap.chunks);
	histogram_compute(&heap.chunks,
			  &(struct histogram_options){ .mode = HISTOGRAM_CLASS, .order = HISTOGRAM_BY_SIZE },
			  &histogram);
	ck_assert_uint_eq(histogram.rows.n, 3);
	ck_assert_uint_eq(histogram.rows.v[0].min, 72);
	ck_assert_uint_eq(histogram.rows.v[1].min, 40);
	ck_assert_uint_eq(histogram.rows.v[1].max, 64);
	ck_assert_uint_eq(histogram.rows.v[1].sizes, 3);
	ck_assert_uint_eq(histogram.rows.v[2].max, 24);
	histogram_deinit(&histogram);
	heap_deinit(&heap);
}
END_TEST

UNIT_SUITE("histogram", every_mode_order_and_limit_adds_up, an_empty_table_has_no_rows,
	   a_size_that_holds_much_stands_alone, few_sizes_are_not_folded, classes_are_powers_of_two)
