/* SPDX-License-Identifier: MIT */
/*
 * Goes through the tree in depth, up again by the immediate dominators, so it needs no stack; and counts how many of each group are above.
 */
#include "graph/retained.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/column.h"

/* Of each vertex the first child and the next sibling, one more than the vertex: together, since both are asked for. */
struct kin {
	vertex_id first, next;
};

void retained_by_group(const struct dominators *dominators, retained_group *group, const void *context, size_t n_groups, uint64_t *ret)
{
	size_t n = vertex_count(dominators);
	struct kin *kin = column_grow(NULL, 0, n * sizeof(*kin));
	_cleanup_free_ uint32_t *above = xcalloc(n_groups + 1, sizeof(*above));
	vertex_id top = vertex_top(dominators), at = top;
	uint32_t of;

	for (vertex_id vertex = 0; vertex < top; vertex++) {
		vertex_id parent = dominators->idom[vertex];

		if (parent == VERTEX_NONE)
			continue;
		kin[vertex].next = kin[parent].first;
		kin[parent].first = vertex + 1;
	}
	while (kin[top].first || at != top) {
		if (kin[at].first) {
			// Down; the child is taken off its parent's list.
			vertex_id child = kin[at].first - 1;

			kin[at].first = kin[child].next;
			// The next one is asked for while this one is looked at.
			if (kin[at].first)
				__builtin_prefetch(&kin[kin[at].first - 1]);
			at = child;
			of = at < dominators->n_chunks ? group(context, at) : GROUP_NONE;
			if (of != GROUP_NONE && !above[of]++)
				ret[of] += dominators->retained[at];
			continue;
		}
		of = at < dominators->n_chunks ? group(context, at) : GROUP_NONE;
		if (of != GROUP_NONE)
			above[of]--;
		at = dominators->idom[at];
	}
	column_free(kin, n * sizeof(*kin));
}
