/* SPDX-License-Identifier: MIT */
#include "cpython/why.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cpython/patterns.h"

enum {
	/** Ways and referrers there can be; what comes after them is left out. */
	ROWS_MAX = 1 << 18,
	SLOTS = ROWS_MAX * 2,
	/** Bytes of one chunk that are looked at for what hangs off it. */
	SCAN_MAX = 64 << 20,
};

/** Where references to objects of a class lie: a class, and a label. */
struct via {
	/** What is referred to; what refers to it, and whose dict of attributes that is. */
	uint32_t class, from, owner;
	enum py_label_kind kind;
	uint64_t value, references;
	/** Of the label. Owned. */
	char *text;
};

/** Objects of a class that have one pattern. */
struct end {
	uint32_t class, pattern;
	struct py_totals totals;
};

struct why {
	struct py_walk *walk;
	/** For each class: it is asked for. What came later is not. */
	bool *wanted;
	size_t n_wanted;
	ARRAY(struct via) vias;
	ARRAY(struct end) ends;
	/** Hash tables: 1 + index in vias, in ends. */
	uint32_t *via_slots, *end_slots;
	struct label_identities *identities;
	/** A bit for each chunk that an object owns: it was counted. */
	uint8_t *counted;
	/** Chunks whose words are still to be looked at. */
	ARRAY(chunk_id) pending;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
}

static bool is_wanted(const struct why *why, uint32_t class)
{
	return class < why->n_wanted && why->wanted[class];
}

/* ---- what refers to them ---- */

/* Counts a reference to what is asked for, by the class of its source and its label. */
static void meet(void *context, struct paths *paths, uint32_t node, struct py_label label)
{
	struct why *why = context;
	uint32_t class = node < paths->n_chunks ? why->walk->python->type[node] : PY_TYPE_NONE, from, owner;
	bool in_attributes = is_in_attributes(paths, paths->source);
	uint64_t value;
	size_t slot;

	if (!is_wanted(why, class) || label.kind == LABEL_THE_KEY)
		return;
	from = node_class(paths, paths->source);
	owner = in_attributes ? node_class(paths, paths->steps[paths->source].from) : PY_TYPE_NONE;
	value = label.kind == LABEL_ROOT ? 0 : label_identity(why->identities, why->walk, label, in_attributes);
	// Which item of a small container it is does not matter here.
	if (label.kind == LABEL_INDEX)
		label.kind = LABEL_ANY_INDEX, value = 0;
	slot = mix(mix(mix(mix(class, from), owner), label.kind), value) % SLOTS;
	for (; why->via_slots[slot]; slot = (slot + 1) % SLOTS) {
		struct via *via = &why->vias.v[why->via_slots[slot] - 1];

		if (via->class == class && via->from == from && via->owner == owner && via->kind == label.kind && via->value == value) {
			via->references++;
			return;
		}
	}
	if (why->vias.n == ROWS_MAX)
		return;
	array_append(&why->vias, (struct via){ class, from, owner, label.kind, value, 1,
					       label.kind == LABEL_ROOT ? xstrdup(paths->outside.v[label.value].text)
									: label_text(why->walk, label, in_attributes) });
	why->via_slots[slot] = (uint32_t)why->vias.n;
}

static void tell_vias(const struct why *why)
{
	struct python *python = why->walk->python;

	for (size_t i = 0; i < why->vias.n; i++) {
		const struct via *via = &why->vias.v[i];
		const char *name = via->from < python->classes.n ? python->classes.v[via->from].name : "";

		if (via->from == PY_TYPE_NONE && via->kind == LABEL_LOCAL)
			name = "running function";
		if (via->owner < python->classes.n)
			name = python->classes.v[via->owner].name;
		array_append(&python->vias, (struct py_via){ xasprintf("%s%s", name, via->text), via->references, via->class });
	}
}

/* ---- what they own ---- */

/* Whether a chunk is a table or native memory of objects of a class, and was not counted yet. */
static bool is_owned(const struct why *why, chunk_id chunk, uint32_t class)
{
	const struct python *python = why->walk->python;

	return (python->role[chunk] == PY_TABLE || python->role[chunk] == PY_NATIVE) && python->type[chunk] == class &&
	       !(why->counted[chunk / 8] >> chunk % 8 & 1);
}

/* Bytes of an object, with what hangs off its words that is its own; each such chunk counts once. */
static uint64_t bytes_with_owned(struct why *why, chunk_id object)
{
	struct py_walk *walk = why->walk;
	const struct chunks *chunks = &walk->heap->chunks;
	uint32_t class = walk->python->type[object];
	uint64_t bytes = 0;

	why->pending.n = 0;
	array_append(&why->pending, object);
	while (why->pending.n) {
		chunk_id at = why->pending.v[--why->pending.n];
		uint64_t size = chunk_usable(chunks, at);

		bytes += size;
		for (uint64_t offset = 0; offset + 8 <= size && offset < SCAN_MAX; offset += 8) {
			uint64_t word;
			chunk_id to;

			if (!window_word(&walk->near, chunks->mem[at] + offset, &word))
				break;
			to = word && word < CHUNK_MEM_END ? chunks_find(chunks, word) : CHUNK_NONE;
			if (to == CHUNK_NONE || !is_owned(why, to, class))
				continue;
			why->counted[to / 8] |= (uint8_t)(1 << to % 8);
			array_append(&why->pending, to);
		}
	}
	return bytes;
}

/* ---- how they are reached ---- */

static void end_count(struct why *why, uint32_t class, uint32_t pattern, uint64_t bytes)
{
	size_t slot = mix(class, pattern) % SLOTS;
	struct end *end = NULL;

	for (; why->end_slots[slot] && !end; slot = (slot + 1) % SLOTS) {
		end = &why->ends.v[why->end_slots[slot] - 1];
		if (end->class != class || end->pattern != pattern)
			end = NULL;
	}
	if (!end && why->ends.n == ROWS_MAX)
		return;
	if (!end) {
		array_append(&why->ends, (struct end){ .class = class, .pattern = pattern });
		why->end_slots[slot] = (uint32_t)why->ends.n;
		end = &why->ends.v[why->ends.n - 1];
	}
	end->totals.count++;
	end->totals.bytes += bytes;
}

/* Instead of a pattern. */
enum { END_UNNAMED = PATTERN_NONE - 1, END_UNREACHABLE = PATTERN_NONE };

static void tell_ends(struct why *why, struct patterns *patterns, const uint8_t *is_leaked)
{
	const struct chunks *chunks = &why->walk->heap->chunks;
	struct python *python = why->walk->python;

	for (chunk_id i = 0; i < chunks->n; i++) {
		uint32_t pattern;

		if (python->role[i] != PY_OBJECT || chunks->state[i] != CHUNK_IN_USE || !is_wanted(why, python->type[i]))
			continue;
		pattern = patterns_of(patterns, i);
		if (pattern == PATTERN_NONE)
			pattern = is_leaked && is_leaked[i] ? END_UNREACHABLE : END_UNNAMED;
		end_count(why, python->type[i], pattern, bytes_with_owned(why, i));
	}
	for (size_t i = 0; i < why->ends.n; i++) {
		const struct end *end = &why->ends.v[i];
		struct py_path path = { .totals = end->totals, .class = end->class };

		if (end->pattern == END_UNREACHABLE) {
			path.text = xstrdup("(nothing: it waits for the collector, or was lost)");
		} else if (end->pattern == END_UNNAMED) {
			path.text = xstrdup("(held by C code, or by nothing that has a name)");
		} else {
			path.text = patterns_text(patterns, end->pattern);
			path.is_named = true;
		}
		array_append(&python->paths, path);
	}
}

/* ---- the answer ---- */

/* Asks for the classes of a name, all of them with an empty one; not for those of another interpreter's library. */
static void choose(struct why *why, const char *name)
{
	const struct python *python = why->walk->python;

	why->n_wanted = name ? python->classes.n : 0;
	why->wanted = xcalloc(why->n_wanted + 1, sizeof(*why->wanted));
	if (!name)
		return;
	python_choose(python, name, why->wanted);
	for (size_t i = 0; i < why->n_wanted; i++)
		why->wanted[i] &= py_types_of_class(why->walk, (uint32_t)i) != NULL;
}

static void why_deinit(struct why *why)
{
	for (size_t i = 0; i < why->vias.n; i++)
		free(why->vias.v[i].text);
	array_deinit(&why->vias);
	array_deinit(&why->ends);
	free(why->via_slots);
	free(why->end_slots);
	free(why->identities);
	free(why->wanted);
	free(why->counted);
	array_deinit(&why->pending);
}

void why_find(struct py_walk *walk, const struct cpython_question *question)
{
	struct why why = { .walk = walk };
	struct python *python = walk->python;
	struct patterns patterns;
	struct paths paths;

	choose(&why, question->type);
	why.via_slots = xcalloc(SLOTS, sizeof(*why.via_slots));
	why.end_slots = xcalloc(SLOTS, sizeof(*why.end_slots));
	why.identities = xcalloc(1, sizeof(*why.identities));
	why.counted = xcalloc(walk->heap->chunks.n / 8 + 1, 1);
	paths_walk(walk, meet, &why, &paths);
	patterns_init(&patterns, &paths);
	tell_ends(&why, &patterns, question->is_leaked);
	tell_vias(&why);
	for (size_t i = 0; i < question->n_objects; i++) {
		uint32_t pattern = patterns_of(&patterns, question->objects[i]);

		if (pattern != PATTERN_NONE)
			array_append(&python->named, (struct py_named){ patterns_text(&patterns, pattern), question->objects[i] });
	}
	patterns_deinit(&patterns);
	paths_deinit(&paths);
	why_deinit(&why);
}
