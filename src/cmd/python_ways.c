/* SPDX-License-Identifier: MIT */
#include "cmd/python_ways.h"

#include <stdlib.h>

#include "base/alloc.h"

/* Objects that get their names. */
enum { LARGEST = 200 };

struct largest {
	chunk_id chunks[LARGEST];
	size_t n;
};

static int compare_chunks(const void *left, const void *right)
{
	chunk_id a = *(const chunk_id *)left, b = *(const chunk_id *)right;

	return a < b ? -1 : a > b;
}

/* Keeps the largest, as a heap: each retains no more than those behind it at twice its place. */
static void largest_add(struct largest *largest, const uint64_t *retained, chunk_id chunk)
{
	size_t at = 0;

	if (largest->n < LARGEST) {
		// Upwards from the end.
		for (at = largest->n++; at && retained[largest->chunks[(at - 1) / 2]] > retained[chunk]; at = (at - 1) / 2)
			largest->chunks[at] = largest->chunks[(at - 1) / 2];
		largest->chunks[at] = chunk;
		return;
	}
	if (retained[chunk] <= retained[largest->chunks[0]])
		return;
	for (;;) {
		size_t child = at * 2 + 1;

		if (child + 1 < LARGEST && retained[largest->chunks[child + 1]] < retained[largest->chunks[child]])
			child++;
		if (child >= LARGEST || retained[largest->chunks[child]] >= retained[chunk])
			break;
		largest->chunks[at] = largest->chunks[child];
		at = child;
	}
	largest->chunks[at] = chunk;
}

static void find_largest(const struct snapshot *snapshot, struct largest *ret)
{
	const struct dominators *dominators = &snapshot->graph.dominators;
	struct largest largest = { .n = 0 };

	for (chunk_id i = 0; i < snapshot->python.n_chunks; i++)
		if (snapshot->python.role[i] == PY_OBJECT && dominators->retained[i])
			largest_add(&largest, dominators->retained, i);
	qsort(largest.chunks, largest.n, sizeof(largest.chunks[0]), compare_chunks);
	*ret = largest;
}

void python_ways_find(struct snapshot *snapshot, struct cpython *cpython, const char *type, chunk_id object)
{
	size_t n = snapshot->heap.chunks.n;
	struct largest largest = { .n = 0 };

	if (!python_is_known(&snapshot->python))
		return;

	_cleanup_free_ uint8_t *leaked = xcalloc(n + 1, sizeof(*leaked));

	for (chunk_id i = 0; i < n; i++)
		leaked[i] = reach_is_leaked(&snapshot->graph.reach, i);
	cpython_unreachable(cpython, leaked);
	if (snapshot->graph.options.with_dominators)
		find_largest(snapshot, &largest);
	else if (object != CHUNK_NONE && snapshot->python.role[object] == PY_OBJECT)
		largest = (struct largest){ { object }, 1 };
	if (type || largest.n)
		cpython_why(cpython, &(struct cpython_question){ type, largest.chunks, largest.n, leaked });
}
