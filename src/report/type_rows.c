/* SPDX-License-Identifier: MIT */
#include "report/type_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "graph/retained.h"
#include "types/type_index.h"

/* What is counted of a label before it is a row. */
struct tally {
	uint64_t count, bytes, min, max, confidence;
	uint64_t by_evidence[EVIDENCES];
};

/* Chunks of a label that hang at the same place. */
struct owned {
	label_id label, owner;
	uint64_t count;
};

static int compare_bytes(const void *left, const void *right)
{
	const struct type_row *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->label < b->label ? -1 : a->label > b->label;
}

static int compare_count(const void *left, const void *right)
{
	const struct type_row *a = left, *b = right;

	return a->count != b->count ? (a->count > b->count ? -1 : 1) : compare_bytes(left, right);
}

static int compare_size(const void *left, const void *right)
{
	const struct type_row *a = left, *b = right;

	return a->max != b->max ? (a->max > b->max ? -1 : 1) : compare_bytes(left, right);
}

static int compare_retained(const void *left, const void *right)
{
	const struct type_row *a = left, *b = right;

	return a->retained != b->retained ? (a->retained > b->retained ? -1 : 1) : compare_bytes(left, right);
}

static void row_add(struct type_row *row, const struct type_row *more)
{
	row->count += more->count;
	row->bytes += more->bytes;
}

/* Counts places; the most frequent one of each label is its owner. */
static void owners_find(const struct types *types, const struct chunks *chunks, uint64_t min_size, struct type_row *rows)
{
	struct hash_map index = { .v = NULL };
	ARRAY(struct owned) owned = { .v = NULL };

	for (size_t i = 0; i < chunks->n; i++) {
		uint64_t key = (uint64_t)types->label[i] << 32 | types->role[i];
		uint32_t at;

		if (chunks->state[i] != CHUNK_IN_USE || !types->role[i] || types->role[i] == types->label[i] || chunk_usable(chunks, (chunk_id)i) < min_size)
			continue;
		at = hash_map_get(&index, hash_mix(1, key));
		if (at == UINT32_MAX) {
			at = (uint32_t)owned.n;
			array_append(&owned, (struct owned){ types->label[i], types->role[i], 0 });
			hash_map_set(&index, hash_mix(1, key), at);
		}
		owned.v[at].count++;
	}
	for (size_t i = 0; i < owned.n; i++) {
		struct type_row *row = &rows[owned.v[i].label];

		if (owned.v[i].count > row->owner_count) {
			row->owner = owned.v[i].owner;
			row->owner_count = owned.v[i].count;
		}
	}
	hash_map_deinit(&index);
	array_deinit(&owned);
}

/* What each label retains, where dominators are there to tell. */
static void retained_find(const struct snapshot *snapshot, struct type_row *rows)
{
	const struct graph *graph = &snapshot->graph;
	size_t n = snapshot->types.labels.n;
	_cleanup_free_ uint64_t *retained = NULL;

	if (!graph->is_built || !graph->options.with_dominators)
		return;
	retained = xcalloc(n + 1, sizeof(*retained));
	retained_by_group(&graph->dominators, snapshot->types.label, n, retained);
	for (size_t i = 0; i < n; i++)
		rows[i].retained = retained[i];
}

static struct type_row row_of(label_id label, const struct tally *tally)
{
	struct type_row row = { .label = label, .count = tally->count, .bytes = tally->bytes, .min = tally->min, .max = tally->max, .retained = UINT64_MAX };

	row.confidence = tally->count ? (unsigned)(tally->confidence / tally->count) : 0;
	for (unsigned i = 0; i < EVIDENCES; i++) {
		if (tally->by_evidence[i] > tally->by_evidence[row.evidence])
			row.evidence = (enum type_evidence)i;
	}
	return row;
}

void type_rows_compute(const struct snapshot *snapshot, const struct histogram_options *options, struct type_rows *ret)
{
	static int (*const compare[])(const void *, const void *) = {
		[HISTOGRAM_BY_BYTES] = compare_bytes,
		[HISTOGRAM_BY_COUNT] = compare_count,
		[HISTOGRAM_BY_SIZE] = compare_size,
		[HISTOGRAM_BY_RETAINED] = compare_retained,
	};
	const struct types *types = &snapshot->types;
	const struct chunks *chunks = &snapshot->heap.chunks;
	_cleanup_free_ struct tally *tallies = xcalloc(types->labels.n, sizeof(*tallies));
	_cleanup_free_ struct type_row *by_label = xcalloc(types->labels.n, sizeof(*by_label));
	struct type_rows rows = { .rest = { .retained = UINT64_MAX }, .total = { .retained = UINT64_MAX } };

	for (size_t i = 0; i < chunks->n; i++) {
		struct tally *tally = &tallies[types->label[i]];
		uint64_t usable = chunk_usable(chunks, (chunk_id)i);

		if (chunks->state[i] != CHUNK_IN_USE)
			continue;
		if (usable < options->min_size) {
			rows.below.count++;
			rows.below.bytes += usable;
			continue;
		}
		if (!tally->count || usable < tally->min)
			tally->min = usable;
		if (usable > tally->max)
			tally->max = usable;
		tally->count++;
		tally->bytes += usable;
		tally->confidence += types->confidence[i];
		tally->by_evidence[types->evidence[i]]++;
	}
	for (size_t i = 0; i < types->labels.n; i++)
		by_label[i] = row_of((label_id)i, &tallies[i]);
	owners_find(types, chunks, options->min_size, by_label);
	if (options->with_retained)
		retained_find(snapshot, by_label);
	for (size_t i = 0; i < types->labels.n; i++) {
		if (!by_label[i].count)
			continue;
		row_add(&rows.total, &by_label[i]);
		if (types->labels.v[i].is_type)
			row_add(&rows.named, &by_label[i]);
		array_append(&rows.v, by_label[i]);
	}
	if (rows.v.n)
		qsort(rows.v.v, rows.v.n, sizeof(*rows.v.v), compare[options->order]);
	if (options->limit && rows.v.n > options->limit) {
		rows.rest_rows = rows.v.n - options->limit;
		for (size_t i = options->limit; i < rows.v.n; i++)
			row_add(&rows.rest, &rows.v.v[i]);
		rows.v.n = options->limit;
	}
	*ret = rows;
}

void type_rows_deinit(struct type_rows *rows)
{
	array_deinit(&rows->v);
}
