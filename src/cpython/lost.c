/* SPDX-License-Identifier: MIT */
/*
 * What nothing reaches is referred to by its like alone. So all references to it can be counted, and where the object counts more, one was taken and never
 * given back: an extension forgot it. What hangs off such an object is not lost by itself.
 */
#include "cpython/lost.h"

#include "base/column.h"
#include "cpython/referents.h"

struct lost {
	struct py_walk *walk;
	/** For each chunk: references found. */
	uint32_t *found;
};

static void take(void *context, struct py_label label, vaddr target)
{
	struct lost *lost = context;
	chunk_id chunk = chunks_find(&lost->walk->heap->chunks, target);

	(void)label;
	if (chunk != CHUNK_NONE && lost->walk->python->role[chunk] == PY_OBJECT && object_at(lost->walk, chunk) == target)
		lost->found[chunk]++;
}

/* What an object counts itself; 0 when it does not (immortal ones). */
static uint64_t references(struct py_walk *walk, vaddr object)
{
	enum { IMMORTAL_MIN = 1 << 30 };
	uint32_t count = py_u32(walk, object);

	return walk->layout.has_immortals && count >= IMMORTAL_MIN ? 0 : count;
}

void lost_find(struct py_walk *walk, const uint8_t *is_leaked)
{
	const struct chunks *chunks = &walk->heap->chunks;
	struct python *python = walk->python;
	size_t size = (chunks->n + 1) * sizeof(uint32_t);
	struct lost lost = { walk, column_grow(NULL, 0, size) };
	struct py_visit visit = { walk, take, &lost, VISIT_ALL };

	for (chunk_id i = 0; i < chunks->n; i++) {
		const struct py_type *type = is_leaked[i] && python->role[i] == PY_OBJECT ? py_types_of_class(walk, python->type[i]) : NULL;

		if (!type)
			continue;

		// Meeting new types moves the old ones.
		struct py_type copy = *type;

		object_visit(&visit, object_at(walk, i), &copy);
	}
	for (chunk_id i = 0; i < chunks->n; i++) {
		if (!is_leaked[i] || python->role[i] != PY_OBJECT || !py_types_of_class(walk, python->type[i]) ||
		    references(walk, object_at(walk, i)) <= lost.found[i])
			continue;

		struct py_class *class = &python->classes.v[python->type[i]];

		class->lost.count++;
		class->lost.bytes += chunk_usable(chunks, i);
	}
	column_free(lost.found, size);
}
