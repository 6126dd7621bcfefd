/* SPDX-License-Identifier: MIT */
#include "graph/marks.h"

#include "base/array.h"
#include "base/column.h"
#include "graph/row_scan.h"

struct marks {
	struct reach *reach;
	/** Met, and not yet looked at. */
	ARRAY(chunk_id) pending;
};

static void mark(struct marks *marks, chunk_id chunk)
{
	if (marks->reach->kind[chunk] == REACH_REACHABLE)
		return;
	marks->reach->kind[chunk] = REACH_REACHABLE;
	array_append(&marks->pending, chunk);
}

static void take(void *context, const struct pointer *pointers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mark(context, pointers[i].chunk);
}

uint64_t reach_mark(const struct chunks *chunks, const struct image *image, const struct edge_options *options, const struct roots *roots, struct reach *ret)
{
	struct reach reach = { .n = chunks->n, .kind = column_grow(NULL, 0, chunks->n + 1) };
	struct marks marks = { .reach = &reach };
	struct row_scan scan;

	row_scan_init(&scan, chunks, image, options, take, &marks);
	for (size_t i = 0; i < roots->v.n; i++)
		mark(&marks, roots->v.v[i].chunk);
	// What was met last is looked at first: it lies near, and little waits.
	while (marks.pending.n) {
		row_scan(&scan, marks.pending.v[--marks.pending.n]);
		if (!marks.pending.n)
			pointers_flush(scan.pointers);
	}
	for (size_t i = 0; i < chunks->n; i++) {
		if (reach.kind[i] == REACH_NONE && chunk_is_node(chunks, (chunk_id)i))
			reach.kind[i] = REACH_DIRECT;
		reach.count[reach.kind[i]]++;
		reach.bytes[reach.kind[i]] += chunk_usable(chunks, i);
	}
	row_scan_deinit(&scan);
	array_deinit(&marks.pending);
	*ret = reach;
	return scan.unread;
}
