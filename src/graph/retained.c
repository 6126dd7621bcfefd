/* SPDX-License-Identifier: MIT */
/*
 * Goes through the dominator tree in depth, up again by the immediate dominators, so it needs no stack; what counts of a group is met when none of its chunks is above.
 */
#include "graph/retained.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/column.h"

#define GROUP_NONE UINT32_MAX

static uint32_t group_at(const struct dominators *dominators, const uint32_t *group, vertex_id vertex)
{
	return vertex < dominators->n_chunks ? group[vertex] : GROUP_NONE;
}

void retained_by_group(const struct dominators *dominators, const uint32_t *group, size_t n, uint64_t *ret)
{
	size_t vertices = vertex_count(dominators);
	// Of each vertex the first child and the next sibling, one more than the vertex: together, since both are asked for.
	struct kin {
		vertex_id first, next;
	} *kin = column_grow(NULL, 0, vertices * sizeof(*kin));
	// For each group how many of its chunks are above the one that is being looked at.
	_cleanup_free_ uint32_t *above = xcalloc(n + 1, sizeof(*above));
	vertex_id top = vertex_top(dominators), at = top;

	memset(ret, 0, n * sizeof(*ret));
	for (vertex_id vertex = 0; vertex < top; vertex++) {
		vertex_id parent = dominators->idom[vertex];

		if (parent == VERTEX_NONE)
			continue;
		kin[vertex].next = kin[parent].first;
		kin[parent].first = vertex + 1;
	}
	while (kin[top].first || at != top) {
		uint32_t own;

		if (kin[at].first) {
			// Down; the child is taken off its parent's list.
			vertex_id child = kin[at].first - 1;

			kin[at].first = kin[child].next;
			// The next one is asked for while this one is looked at.
			if (kin[at].first)
				__builtin_prefetch(&kin[kin[at].first - 1]);
			at = child;
			own = group_at(dominators, group, at);
			if (own != GROUP_NONE && !above[own]++)
				ret[own] += dominators->retained[at];
			continue;
		}
		own = group_at(dominators, group, at);
		if (own != GROUP_NONE)
			above[own]--;
		at = dominators->idom[at];
	}
	column_free(kin, vertices * sizeof(*kin));
}
