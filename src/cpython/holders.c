/* SPDX-License-Identifier: MIT */
/*
 * Each node takes the holder of the node before it on its way, unless the step to it has a name: then it becomes a holder itself. What a node is to those behind it
 * is one number, 0 until it is known:
 *
 *   1 + (1 + holder) * NAMES + names        holder -1 for none; names: how many steps behind it may still have names
 */
#include "cpython/holders.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/column.h"
#include "cpython/patterns.h"

enum {
	/** Attributes behind a module: «app.server.pool.free.items», and no further. */
	NAMES_MAX = 4,
	NAMES = NAMES_MAX + 2,
	/** Holders there can be; what comes after them belongs to the one before. */
	HOLDERS_MAX = 1 << 14,
};

struct search {
	struct paths *paths;
	struct patterns patterns;
	struct py_holders *holders;
	uint32_t *known;
};

struct place {
	/** 1 + number, 0 for none. */
	uint32_t holder, names;
};

static uint32_t place_pack(struct place place)
{
	return 1 + place.holder * NAMES + place.names;
}

static struct place place_unpack(uint32_t known)
{
	return (struct place){ (known - 1) / NAMES, (known - 1) % NAMES };
}

enum worth {
	/** Belongs to what has it. */
	WORTH_NOTHING,
	/** So it does, but what it has may be worth a name: a class. */
	WORTH_PASSING,
	WORTH_NAMING,
};

static enum worth node_worth(struct paths *paths, uint32_t node)
{
	uint32_t class = node_class(paths, node);
	const struct py_type *type = class == PY_TYPE_NONE ? NULL : py_types_of_class(paths->walk, class);

	if (!type)
		return WORTH_NOTHING;
	switch (type->kind) {
	case KIND_TYPE:
		return WORTH_PASSING;
	case KIND_PLAIN:
	case KIND_INT:
	case KIND_FLOAT:
	case KIND_STR:
	case KIND_FUNCTION:
	case KIND_MODULE:
	case KIND_CODE:
	case KIND_WEAKREF:
	case KIND_CELL:
	case KIND_METHOD:
		return WORTH_NOTHING;
	case KIND_BYTES:
	case KIND_BYTEARRAY:
	case KIND_LIST:
	case KIND_TUPLE:
	case KIND_DICT:
	case KIND_ORDERED_DICT:
	case KIND_SET:
	case KIND_DEQUE:
	case KIND_FRAME:
	case KIND_GENERATOR:
	case KIND_TRACEBACK:
	case KIND_OTHER:
		break;
	}
	return WORTH_NAMING;
}

/* The node becomes a holder. */
static uint32_t holder_add(struct search *search, uint32_t node, uint32_t before)
{
	_cleanup_free_ char *text = NULL;
	uint32_t pattern;

	if (search->holders->names.v.n >= HOLDERS_MAX)
		return before;
	pattern = patterns_of(&search->patterns, node);
	if (pattern == PATTERN_NONE)
		return before;
	text = patterns_text(&search->patterns, pattern);
	return 1 + names_number(&search->holders->names, text);
}

/* One step on. */
static struct place step_on(struct search *search, uint32_t node, struct place before)
{
	const struct step *step = &search->paths->steps[node];
	struct py_label label = step_label(step);
	bool in_attributes = is_in_attributes(search->paths, step->from);
	bool is_name = label.kind == LABEL_ATTRIBUTE || label.kind == LABEL_LOCAL || (in_attributes && label_is_textual(label.kind, true));
	struct place on = { before.holder, 0 };

	if (label.kind == LABEL_ROOT) {
		on.holder = holder_add(search, node, 0);
		// «(the interpreter)» has nothing that is written down.
		on.names = search->paths->outside.v[label.value].text[0] == '(' ? 0 : NAMES_MAX;
		return on;
	}
	if (label.kind == LABEL_DICT)
		return before;
	if (!before.names || !is_name)
		return on;
	switch (node_worth(search->paths, node)) {
	case WORTH_NOTHING:
		// Of a running function there is no module to put it down to.
		if (before.holder)
			break;
		/* fallthrough */
	case WORTH_NAMING:
		on.holder = holder_add(search, node, before.holder);
		on.names = before.names - 1;
		break;
	case WORTH_PASSING:
		on.names = before.names - 1;
		break;
	}
	return on;
}

/* What a node that was met is to those behind it. */
static struct place place_of(struct search *search, uint32_t node)
{
	const struct paths *paths = search->paths;
	ARRAY(uint32_t) chain = { 0 };
	// A root: the frame of a function has one name less than a module.
	struct place place = { 0, NAMES_MAX + 1 };

	for (uint32_t at = node; paths->steps[at].kind; at = paths->steps[at].from) {
		if (search->known[at]) {
			place = place_unpack(search->known[at]);
			break;
		}
		array_append(&chain, at);
	}
	while (chain.n) {
		uint32_t at = chain.v[--chain.n];

		place = step_on(search, at, place);
		search->known[at] = place_pack(place);
	}
	array_deinit(&chain);
	return place;
}

void holders_find(struct py_walk *walk, struct py_holders *holders)
{
	size_t n = walk->heap->chunks.n;
	struct paths paths;
	struct search search = { .paths = &paths, .holders = holders };

	if (!holders->of) {
		holders->of = column_grow(NULL, 0, (n + 1) * sizeof(*holders->of));
		holders->n_chunks = n;
	}
	paths_walk(walk, NULL, NULL, &paths);
	patterns_init(&search.patterns, &paths);
	search.known = column_grow(NULL, 0, n_nodes(&paths) * sizeof(*search.known));
	for (chunk_id i = 0; i < n; i++)
		if (!holders->of[i] && paths.steps[i].kind)
			holders->of[i] = place_of(&search, i).holder;
	column_free(search.known, n_nodes(&paths) * sizeof(*search.known));
	patterns_deinit(&search.patterns);
	paths_deinit(&paths);
}

void py_holders_deinit(struct py_holders *holders)
{
	if (holders->of)
		column_free(holders->of, (holders->n_chunks + 1) * sizeof(*holders->of));
	names_deinit(&holders->names);
	*holders = (struct py_holders){ 0 };
}
