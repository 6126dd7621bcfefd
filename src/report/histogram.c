/* SPDX-License-Identifier: MIT */
#include "report/histogram.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "heap/sizes.h"

enum {
	/** A size stands alone when it holds at least one part in this many of all bytes, */
	ALONE_PART = 64,
	/** and one in this many of its range (else it is one of a crowd), */
	ALONE_RANGE_PART = 4,
	/** and of all such sizes, the largest so many. */
	ALONE_MAX = 10,
};

static void row_add(struct histogram_row *row, const struct histogram_row *more)
{
	if (!more->sizes)
		return;
	if (!row->sizes || more->min < row->min)
		row->min = more->min;
	if (!row->sizes || more->max > row->max)
		row->max = more->max;
	row->sizes += more->sizes;
	row->count += more->count;
	row->bytes += more->bytes;
}

static struct histogram_row row_of(const struct size_count *size)
{
	return (struct histogram_row){ size->usable, size->usable, 1, size->count,
				       size->usable * size->count };
}

static int compare_bytes(const void *left, const void *right)
{
	const struct histogram_row *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->max > b->max ? -1 : a->max < b->max;
}

static int compare_count(const void *left, const void *right)
{
	const struct histogram_row *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return compare_bytes(left, right);
}

static int compare_size(const void *left, const void *right)
{
	const struct histogram_row *a = left, *b = right;

	return size_range_compare(a->min, a->max, b->min, b->max);
}

static void sort_rows(struct histogram *histogram, enum histogram_order order)
{
	static int (*const compare[])(const void *, const void *) = {
		[HISTOGRAM_BY_BYTES] = compare_bytes,
		[HISTOGRAM_BY_COUNT] = compare_count,
		[HISTOGRAM_BY_SIZE] = compare_size,
		[HISTOGRAM_BY_RETAINED] = compare_bytes,
	};

	if (histogram->rows.n)
		qsort(histogram->rows.v, histogram->rows.n, sizeof(*histogram->rows.v),
		      compare[order]);
}

/* The range of a size: (2^(k-1), 2^k]. */
static unsigned range_of(uint64_t usable)
{
	return usable > 1 ? 64u - (unsigned)__builtin_clzll(usable - 1) : 0;
}

/* Replaces the rows that do not stand alone by one row for each range. Rows are sorted by bytes. */
static void fold(struct histogram *histogram, const struct histogram_options *options)
{
	struct histogram_row ranges[65] = { 0 };
	uint64_t range_bytes[65] = { 0 };
	size_t kept = 0;

	// Few enough to be shown as they are.
	if (options->mode == HISTOGRAM_FOLDED && options->limit &&
	    histogram->rows.n <= options->limit)
		return;
	for (size_t i = 0; i < histogram->rows.n; i++)
		range_bytes[range_of(histogram->rows.v[i].min)] += histogram->rows.v[i].bytes;
	for (size_t i = 0; i < histogram->rows.n; i++) {
		struct histogram_row row = histogram->rows.v[i];
		bool alone = options->mode == HISTOGRAM_FOLDED && kept < ALONE_MAX &&
			     row.bytes >= histogram->total.bytes / ALONE_PART &&
			     row.bytes >= range_bytes[range_of(row.min)] / ALONE_RANGE_PART;

		if (alone)
			histogram->rows.v[kept++] = row;
		else
			row_add(&ranges[range_of(row.min)], &row);
	}
	histogram->rows.n = kept;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (ranges[i].sizes)
			array_append(&histogram->rows, ranges[i]);
}

static void cut(struct histogram *histogram, size_t limit)
{
	if (!limit || histogram->rows.n <= limit)
		return;
	histogram->rest_rows = histogram->rows.n - limit;
	for (size_t i = limit; i < histogram->rows.n; i++)
		row_add(&histogram->rest, &histogram->rows.v[i]);
	histogram->rows.n = limit;
}

/* The sizes of the chunks that are wanted. */
static void sizes_count_wanted(const struct chunks *chunks, const struct histogram_options *options, size_count_array *ret)
{
	struct sizes sizes;

	if (!options->groups) {
		sizes_in_use(chunks, ret);
		return;
	}
	sizes_init(&sizes);
	for (size_t i = 0; i < chunks->n; i++)
		if (chunks->state[i] == CHUNK_IN_USE && options->groups[i] == options->group)
			sizes_at(&sizes, chunk_usable(chunks, (chunk_id)i))->count++;
	sizes_list(&sizes, ret);
	sizes_deinit(&sizes);
}

void histogram_compute(const struct chunks *chunks, const struct histogram_options *options,
		       struct histogram *ret)
{
	struct histogram histogram = { 0 };
	size_count_array list;

	sizes_count_wanted(chunks, options, &list);
	for (size_t i = 0; i < list.n; i++) {
		struct histogram_row row = row_of(&list.v[i]);

		if (row.min < options->min_size) {
			row_add(&histogram.below, &row);
			continue;
		}
		row_add(&histogram.total, &row);
		array_append(&histogram.rows, row);
	}
	array_deinit(&list);

	sort_rows(&histogram, HISTOGRAM_BY_BYTES);
	if (options->mode != HISTOGRAM_EXACT)
		fold(&histogram, options);
	sort_rows(&histogram, options->order);
	cut(&histogram, options->limit);
	*ret = histogram;
}

void histogram_deinit(struct histogram *histogram)
{
	array_deinit(&histogram->rows);
}
