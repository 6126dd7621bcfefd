/* SPDX-License-Identifier: MIT */
#include "snapshot/growth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	/** A size stands alone when its change is at least one part in this many of all change, */
	ALONE_PART = 64,
	/** and one in this many of its range (else it is one of a crowd), */
	ALONE_RANGE_PART = 4,
	/** and of all such sizes, the largest so many. */
	ALONE_MAX = 10,
	/** Fewer chunks that came or went by the same number are no sign that they belong together. */
	TOGETHER_MIN = 10,
	/** A count is some times another's by chance once in so many cases, so it takes at least so many; and not more times than this. */
	MULTIPLE_MIN = 50,
	MULTIPLE_MAX = 16,
};

static uint64_t magnitude(int64_t change)
{
	return change < 0 ? 0 - (uint64_t)change : (uint64_t)change;
}

/* ---- how it grew ---- */

const char *growth_kind_name(enum growth_kind kind)
{
	static const char *const names[GROWTH_KINDS] = {
		[GROWTH_NONE] = "",
		[GROWTH_STEADILY] = "steadily",
		[GROWTH_AT_TIMES] = "at times",
		[GROWTH_ONCE] = "once",
		[GROWTH_UP_AND_DOWN] = "up and down",
	};

	assert((unsigned)kind < GROWTH_KINDS);
	return names[kind];
}

enum growth_kind growth_classify(const uint64_t *bytes, size_t steps)
{
	uint64_t up = 0, down = 0, most = 0;
	size_t ups = 0, intervals = steps ? steps - 1 : 0;

	for (size_t i = 0; i < intervals; i++) {
		uint64_t change = bytes[i + 1] > bytes[i] ? bytes[i + 1] - bytes[i]
							  : bytes[i] - bytes[i + 1];

		if (bytes[i + 1] > bytes[i]) {
			up += change;
			ups++;
			if (change > most)
				most = change;
		} else {
			down += change;
		}
	}
	// One interval tells that it grew, not how.
	if (intervals < 2 || up <= down)
		return GROWTH_NONE;
	if (down > up / 10)
		return GROWTH_UP_AND_DOWN;
	if (most >= up - up / 10)
		return GROWTH_ONCE;
	if (ups * 5 >= intervals * 4 && (intervals < 4 || most <= up / 2))
		return GROWTH_STEADILY;
	return GROWTH_AT_TIMES;
}

/* ---- rows ---- */

static void row_deinit(struct growth_row *row)
{
	free(row->bytes);
	*row = (struct growth_row){ 0 };
}

/* Adds a row to another, which may be empty. */
static void row_add(struct growth_row *row, const struct growth_row *more, size_t steps)
{
	if (!more->sizes)
		return;
	if (!row->sizes || more->min < row->min)
		row->min = more->min;
	if (!row->sizes || more->max > row->max)
		row->max = more->max;
	row->sizes += more->sizes;
	row->from.count += more->from.count;
	row->from.bytes += more->from.bytes;
	row->to.count += more->to.count;
	row->to.bytes += more->to.bytes;
	row->first.count += more->first.count;
	row->first.bytes += more->first.bytes;
	row->surviving += more->surviving;
	if (!row->bytes)
		row->bytes = xcalloc(steps, sizeof(*row->bytes));
	for (size_t i = 0; i < steps; i++)
		row->bytes[i] += more->bytes[i];
}

/* What is told from the bytes of all steps. */
static void row_finish(struct growth_row *row, size_t steps)
{
	row->never_shrank = true;
	for (size_t i = 0; i + 1 < steps && row->bytes; i++)
		row->never_shrank &= row->bytes[i + 1] >= row->bytes[i];
	row->kind = row->bytes ? growth_classify(row->bytes, steps) : GROWTH_NONE;
}

static uint64_t surviving_of(const struct sizes *sizes, uint64_t usable)
{
	// Looking a size up that is not there would put it there.
	return sizes ? sizes_count(sizes, usable) : 0;
}

static struct growth_row row_make(const struct series *series, size_t at,
				  const struct growth_options *options)
{
	uint64_t key = series->keys.v[at];
	struct growth_row row = {
		.min = key,
		.max = key,
		.sizes = 1,
		.from = series_get(series, at, options->from),
		.to = series_get(series, at, options->to),
		.first = series_get(series, at, 0),
		.surviving = surviving_of(options->surviving, key),
	};

	row.bytes = xcalloc(options->to - options->from + 1, sizeof(*row.bytes));
	for (size_t step = options->from; step <= options->to; step++)
		row.bytes[step - options->from] = series_get(series, at, step).bytes;
	return row;
}

/* The range of a size: (2^(k-1), 2^k]. */
static unsigned range_of(uint64_t usable)
{
	return usable > 1 ? 64u - (unsigned)__builtin_clzll(usable - 1) : 0;
}

enum { RANGES = 65 };

static int compare_change(const void *left, const void *right)
{
	const struct growth_row *a = left, *b = right;
	uint64_t change_a = magnitude(growth_bytes(a)), change_b = magnitude(growth_bytes(b));

	if (change_a != change_b)
		return change_a > change_b ? -1 : 1;
	return a->max > b->max ? -1 : a->max < b->max;
}

static int compare_growth(const void *left, const void *right)
{
	const struct growth_row *a = left, *b = right;

	if (growth_bytes(a) != growth_bytes(b))
		return growth_bytes(a) > growth_bytes(b) ? -1 : 1;
	return compare_change(left, right);
}

static int compare_count(const void *left, const void *right)
{
	const struct growth_row *a = left, *b = right;
	uint64_t change_a = magnitude(growth_count(a)), change_b = magnitude(growth_count(b));

	if (change_a != change_b)
		return change_a > change_b ? -1 : 1;
	return compare_change(left, right);
}

static int compare_size(const void *left, const void *right)
{
	const struct growth_row *a = left, *b = right;

	return size_range_compare(a->min, a->max, b->min, b->max);
}

static void sort_rows(struct growth *growth, enum growth_order order)
{
	static int (*const compare[])(const void *, const void *) = {
		[GROWTH_BY_CHANGE] = compare_change,
		[GROWTH_BY_GROWTH] = compare_growth,
		[GROWTH_BY_COUNT] = compare_count,
		[GROWTH_BY_SIZE] = compare_size,
	};

	if (growth->rows.n)
		qsort(growth->rows.v, growth->rows.n, sizeof(*growth->rows.v), compare[order]);
}

/* Replaces the rows that do not stand alone by one row for each range. Rows are sorted by change. */
static void fold(struct growth *growth, const struct growth_options *options)
{
	struct growth_row ranges[RANGES] = { 0 };
	uint64_t range_change[RANGES] = { 0 }, all = growth->grown + growth->shrunk;
	size_t kept = 0;

	// Few enough to be shown as they are.
	if (options->mode == GROWTH_FOLDED && options->limit && growth->rows.n <= options->limit)
		return;
	for (size_t i = 0; i < growth->rows.n; i++)
		range_change[range_of(growth->rows.v[i].min)] += magnitude(
			growth_bytes(&growth->rows.v[i]));
	for (size_t i = 0; i < growth->rows.n; i++) {
		struct growth_row row = growth->rows.v[i];
		unsigned range = range_of(row.min);
		uint64_t change = magnitude(growth_bytes(&row));

		if (options->mode == GROWTH_FOLDED && kept < ALONE_MAX && change &&
		    change >= all / ALONE_PART &&
		    change >= range_change[range] / ALONE_RANGE_PART) {
			growth->rows.v[kept++] = row;
		} else {
			row_add(&ranges[range], &row, growth->steps);
			row_deinit(&row);
		}
	}
	growth->rows.n = kept;
	for (size_t i = 0; i < RANGES; i++)
		if (ranges[i].sizes)
			array_append(&growth->rows, ranges[i]);
}

static void cut(struct growth *growth, size_t limit)
{
	if (!limit || growth->rows.n <= limit)
		return;
	growth->rest_rows = growth->rows.n - limit;
	for (size_t i = limit; i < growth->rows.n; i++) {
		row_add(&growth->rest, &growth->rows.v[i], growth->steps);
		row_deinit(&growth->rows.v[i]);
	}
	growth->rows.n = limit;
}

static bool is_flat(const struct growth_row *row, size_t steps)
{
	for (size_t i = 1; i < steps; i++)
		if (row->bytes[i] != row->bytes[0])
			return false;
	return true;
}

void growth_compute(const struct series *series, const struct growth_options *options,
		    struct growth *ret)
{
	struct growth growth = { .steps = options->to - options->from + 1 };

	assert(options->from <= options->to && options->to < series->steps.n);
	for (size_t i = 0; i < series->keys.n; i++) {
		if (series->keys.v[i] < options->min_size)
			continue;

		struct growth_row row = row_make(series, i, options);
		int64_t change = growth_bytes(&row);

		*(change < 0 ? &growth.shrunk : &growth.grown) += magnitude(change);
		row_add(&growth.total, &row, growth.steps);
		if (options->only_changed && is_flat(&row, growth.steps)) {
			row_add(&growth.unchanged, &row, growth.steps);
			row_deinit(&row);
		} else {
			array_append(&growth.rows, row);
		}
	}
	sort_rows(&growth, GROWTH_BY_CHANGE);
	if (options->mode != GROWTH_EXACT)
		fold(&growth, options);
	sort_rows(&growth, options->order);
	cut(&growth, options->limit);
	for (size_t i = 0; i < growth.rows.n; i++)
		row_finish(&growth.rows.v[i], growth.steps);
	row_finish(&growth.rest, growth.steps);
	row_finish(&growth.unchanged, growth.steps);
	row_finish(&growth.total, growth.steps);
	*ret = growth;
}

void growth_deinit(struct growth *growth)
{
	for (size_t i = 0; i < growth->rows.n; i++)
		row_deinit(&growth->rows.v[i]);
	array_deinit(&growth->rows);
	row_deinit(&growth->rest);
	row_deinit(&growth->unchanged);
	row_deinit(&growth->total);
}

/* ---- why ---- */

static int compare_causes(const void *left, const void *right)
{
	const struct growth_cause *a = left, *b = right;
	uint64_t bytes_a = magnitude(a->bytes), bytes_b = magnitude(b->bytes);

	if (bytes_a != bytes_b)
		return bytes_a > bytes_b ? -1 : 1;
	// Any order, but always the same.
	return a->parts.v[0].row < b->parts.v[0].row ? -1 : 1;
}

/* Rows by how many came or went, fewest first; ranges behind all sizes of their own. */
static int compare_counts(const void *left, const void *right, void *context)
{
	const struct growth *growth = context;
	const struct growth_row *a = &growth->rows.v[*(const size_t *)left],
				*b = &growth->rows.v[*(const size_t *)right];
	uint64_t count_a = magnitude(growth_count(a)), count_b = magnitude(growth_count(b));

	if ((a->sizes == 1) != (b->sizes == 1))
		return a->sizes == 1 ? -1 : 1;
	if (count_a != count_b)
		return count_a < count_b ? -1 : 1;
	return compare_change(a, b);
}

static int compare_parts(const void *left, const void *right, void *context)
{
	const struct growth *growth = context;
	const struct growth_part *a = left, *b = right;

	return compare_change(&growth->rows.v[a->row], &growth->rows.v[b->row]);
}

/* How many of a row come with one of a cause; 0 when it has nothing to do with it. */
static uint64_t times_of(const struct growth *growth, const struct growth_cause *cause,
			 const struct growth_row *row)
{
	uint64_t one = magnitude(cause->count), all = magnitude(growth_count(row));

	if (row->sizes != 1 || growth->rows.v[cause->parts.v[0].row].sizes != 1 ||
	    one < TOGETHER_MIN || (growth_count(row) < 0) != (cause->count < 0))
		return 0;
	if (all == one)
		return 1;
	return one >= MULTIPLE_MIN && all % one == 0 && all / one <= MULTIPLE_MAX ? all / one : 0;
}

static void cause_add(const struct growth *growth, growth_cause_array *causes, size_t at)
{
	const struct growth_row *row = &growth->rows.v[at];

	for (size_t i = 0; i < causes->n; i++) {
		uint64_t times = times_of(growth, &causes->v[i], row);

		if (!times)
			continue;
		array_append(&causes->v[i].parts, (struct growth_part){ at, times });
		causes->v[i].bytes += growth_bytes(row);
		return;
	}

	struct growth_cause cause = { .count = growth_count(row), .bytes = growth_bytes(row) };

	array_append(&cause.parts, (struct growth_part){ at, 1 });
	array_append(causes, cause);
}

void growth_explain(const struct growth *growth, bool shrinking, size_t most,
		    growth_cause_array *ret, double *share_ret)
{
	growth_cause_array causes = { 0 };
	ARRAY(size_t) rows = { 0 };
	uint64_t all = 0, told = 0;
	size_t kept = 0;

	for (size_t i = 0; i < growth->rows.n; i++) {
		int64_t change = growth_bytes(&growth->rows.v[i]);

		if (shrinking ? change < 0 : change > 0)
			array_append(&rows, i);
	}
	// What there is fewest of comes first, so that multiples of it find it.
	if (rows.n)
		qsort_r(rows.v, rows.n, sizeof(*rows.v), compare_counts, (void *)(uintptr_t)growth);
	for (size_t i = 0; i < rows.n; i++)
		cause_add(growth, &causes, rows.v[i]);
	array_deinit(&rows);

	// Not growth->grown: in a range, sizes that shrank make up for others.
	for (size_t i = 0; i < causes.n; i++)
		all += magnitude(causes.v[i].bytes);
	if (causes.n)
		qsort(causes.v, causes.n, sizeof(*causes.v), compare_causes);
	while (kept < causes.n && kept < most && told < all - all / 10)
		told += magnitude(causes.v[kept++].bytes);
	for (size_t i = kept; i < causes.n; i++)
		array_deinit(&causes.v[i].parts);
	causes.n = kept;
	for (size_t i = 0; i < causes.n; i++)
		qsort_r(causes.v[i].parts.v, causes.v[i].parts.n, sizeof(struct growth_part),
			compare_parts, (void *)(uintptr_t)growth);
	*share_ret = all ? (double)told / (double)all : 0;
	*ret = causes;
}

void growth_causes_deinit(growth_cause_array *causes)
{
	for (size_t i = 0; i < causes->n; i++)
		array_deinit(&causes->v[i].parts);
	array_deinit(causes);
}
