/* SPDX-License-Identifier: MIT */
/*
 * Each thread takes a run of rows with about the same number of bytes, in columns of its own and with counts that begin at zero; then the runs
 * are put behind one another. So the order is that of the rows, whatever the number of threads.
 */
#include "graph/edges.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "graph/row_scan.h"

enum {
	THREADS_MAX = 64,
	/** Moved at a time when runs are joined, so that they need not be there twice. Units: edges. */
	JOIN_PIECE = 1 << 20,
};

struct run {
	const struct chunks *chunks;
	const struct image *image;
	const struct edge_options *options;
	/** Rows, half-open. */
	size_t start, end;
	/** Of all rows; this run writes those behind its own. */
	uint32_t *first;
	/** Up to which row counts are written. */
	size_t closed;
	uint32_t *to, *place;
	size_t n, capacity;
	uint64_t refused, unread;
	pthread_t thread;
	bool is_thread;
};

static void run_grow(struct run *run)
{
	size_t capacity = run->capacity * 2 + 65536;

	run->to = column_grow(run->to, run->capacity * sizeof(*run->to), capacity * sizeof(*run->to));
	if (!run->options->without_places)
		run->place = column_grow(run->place, run->capacity * sizeof(*run->place), capacity * sizeof(*run->place));
	run->capacity = capacity;
}

/* Writes the counts up to where a row begins. */
static void run_close(struct run *run, size_t row)
{
	for (; run->closed < row; run->closed++)
		run->first[run->closed + 1] = (uint32_t)run->n;
}

static void take(void *context, const struct pointer *pointers, size_t n)
{
	struct run *run = context;

	while (run->capacity - run->n < n)
		run_grow(run);
	if (run->n > EDGES_MAX - n) {
		run->refused += n;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct pointer *pointer = &pointers[i];
		uint32_t place = (uint32_t)pointer->from;

		run_close(run, pointer->from >> 32);
		run->to[run->n] = pointer->chunk | (pointer->hit == HIT_INTERIOR ? EDGE_WEAK : 0);
		if (run->place)
			run->place[run->n] = (uint32_t)pointer->hit << EDGE_HIT_SHIFT | (place < EDGE_PLACE_MAX ? place : EDGE_PLACE_MAX);
		run->n++;
	}
}

static void *run_scan(void *context)
{
	struct run *run = context;
	struct row_scan scan;

	run_grow(run);
	row_scan_init(&scan, run->chunks, run->image, run->options, take, run);
	for (size_t row = run->start; row < run->end; row++)
		if (chunk_is_node(run->chunks, (chunk_id)row))
			row_scan(&scan, (chunk_id)row);
	pointers_flush(scan.pointers);
	run_close(run, run->end);
	run->unread = scan.unread;
	row_scan_deinit(&scan);
	return NULL;
}

/* Cuts the rows into runs of about the same number of bytes; gives how many. */
static size_t runs_cut(const struct chunks *chunks, struct run *runs, size_t wanted)
{
	uint64_t bytes = 0, share, sum = 0;
	size_t n = 0, start = 0;

	for (size_t row = 0; row < chunks->n; row++)
		bytes += chunk_usable(chunks, row);
	share = bytes / wanted + 1;
	for (size_t row = 0; row < chunks->n && n + 1 < wanted; row++) {
		sum += chunk_usable(chunks, row);
		if (sum >= share * (n + 1)) {
			runs[n++] = (struct run){ .start = start, .end = row + 1 };
			start = row + 1;
		}
	}
	runs[n++] = (struct run){ .start = start, .end = chunks->n };
	return n;
}

static void column_join(uint32_t *to, uint32_t *from, size_t n)
{
	for (size_t at = 0; at < n; at += JOIN_PIECE) {
		size_t end = n - at < JOIN_PIECE ? n : at + JOIN_PIECE;

		memcpy(to + at, from + at, (end - at) * sizeof(*to));
		column_forget(from, end * sizeof(*from));
	}
}

/* Puts a run behind what is there, and frees it. */
static void join(struct edges *edges, struct run *run, bool without_places)
{
	size_t n = run->n;

	edges->refused += run->refused;
	edges->unread += run->unread;
	if (n > EDGES_MAX - edges->n) {
		edges->refused += n - (EDGES_MAX - edges->n);
		n = EDGES_MAX - edges->n;
	}
	if (!edges->capacity) {
		edges->to = run->to;
		edges->place = run->place;
		edges->capacity = run->capacity;
	} else {
		size_t capacity = edges->n + n;

		if (capacity > edges->capacity) {
			edges->to = column_grow(edges->to, edges->capacity * 4, capacity * 4);
			if (!without_places)
				edges->place = column_grow(edges->place, edges->capacity * 4, capacity * 4);
			edges->capacity = capacity;
		}
		column_join(edges->to + edges->n, run->to, n);
		if (!without_places)
			column_join(edges->place + edges->n, run->place, n);
		column_free(run->to, run->capacity * 4);
		column_free(run->place, run->capacity * 4);
		for (size_t row = run->start; row < run->end; row++) {
			uint32_t end = edges->first[row + 1];

			edges->first[row + 1] = (uint32_t)(edges->n + (end < n ? end : n));
		}
	}
	edges->n += n;
}

void edges_build(const struct chunks *chunks, const struct image *image, const struct edge_options *options, struct edges *ret)
{
	struct run runs[THREADS_MAX];
	size_t wanted = options->threads < 2 || chunks->n < 65536 ? 1 : options->threads < THREADS_MAX ? options->threads : THREADS_MAX;
	size_t n_runs = runs_cut(chunks, runs, wanted);

	*ret = (struct edges){ .n_chunks = chunks->n, .place_unit = options->pointers.unaligned ? 1 : 8 };
	ret->first = column_grow(NULL, 0, (chunks->n + 1) * sizeof(*ret->first));
	for (size_t i = 0; i < n_runs; i++) {
		struct run *run = &runs[i];

		run->chunks = chunks;
		run->image = image;
		run->options = options;
		run->first = ret->first;
		run->closed = run->start;
		// The last one is the caller's; where a thread is not to be had, its run is too.
		run->is_thread = i + 1 < n_runs && !pthread_create(&run->thread, NULL, run_scan, run);
		if (!run->is_thread)
			run_scan(run);
	}
	for (size_t i = 0; i < n_runs; i++) {
		if (runs[i].is_thread)
			pthread_join(runs[i].thread, NULL);
		join(ret, &runs[i], options->without_places);
	}
}

void edges_deinit(struct edges *edges)
{
	column_free(edges->first, (edges->n_chunks + 1) * sizeof(*edges->first));
	column_free(edges->to, edges->capacity * sizeof(*edges->to));
	column_free(edges->place, edges->capacity * sizeof(*edges->place));
	*edges = (struct edges){ 0 };
}

chunk_id edge_source(const struct edges *edges, size_t edge)
{
	size_t low = 0, high = edges->n_chunks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (edges->first[middle + 1] <= edge)
			low = middle + 1;
		else
			high = middle;
	}
	return (chunk_id)low;
}

void edges_reverse(const struct edges *edges, struct edges_in *ret)
{
	size_t n = edges->n_chunks;
	struct edges_in in = { .n_chunks = n };

	in.first = column_grow(NULL, 0, (n + 1) * sizeof(*in.first));
	for (chunk_id source = 0; source < n; source++)
		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++)
			if (edge_to(edges, edge) != source) {
				in.first[edge_to(edges, edge)]++;
				in.n++;
			}
	in.from = column_grow(NULL, 0, (in.n ? in.n : 1) * sizeof(*in.from));

	// Ends first; filling from the last source to the first turns them into starts.
	uint32_t end = 0;

	for (size_t chunk = 0; chunk < n; chunk++)
		in.first[chunk] = end += in.first[chunk];
	in.first[n] = end;
	for (chunk_id source = (chunk_id)n; source-- > 0;)
		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++)
			if (edge_to(edges, edge) != source)
				in.from[--in.first[edge_to(edges, edge)]] = source | (edges->to[edge] & EDGE_WEAK);
	*ret = in;
}

void edges_in_deinit(struct edges_in *in)
{
	column_free(in->first, (in->n_chunks + 1) * sizeof(*in->first));
	column_free(in->from, (in->n ? in->n : 1) * sizeof(*in->from));
	*in = (struct edges_in){ 0 };
}
