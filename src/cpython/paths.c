/* SPDX-License-Identifier: MIT */
/*
 * One breadth-first walk over all references, from modules and frames first, then from the interpreter's own words: each object gets the step by
 * which it was met first, which is its shortest way. What is asked for is then told backwards, as patterns: ways that differ in nothing but which item of a
 * large container they take are one.
 *
 *   nodes      chunks by their number; behind these, objects that lie in no chunk, and roots
 *   steps      for each node the node before and the label of the reference
 *   patterns   a tree of labels; a node's pattern is that of the node before and its own label
 */
#include "cpython/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "cpython/referents.h"

enum {
	/** Objects outside of chunks, and roots. */
	OUTSIDE_MAX = 1 << 20,
	/** Patterns there can be; what comes after them is one. */
	PATTERNS_MAX = 1 << 16,
	/** Steps of a pattern. */
	DEPTH_MAX = 24,
	/** Characters of a name. */
	TEXT_MAX = 60,
	THREADS_MAX = 1 << 16,
	FRAMES_MAX = 1 << 16,
	SEGMENT_WRITE = 2,
	NODE_NONE = UINT32_MAX,
};

struct step {
	/** The node before. */
	uint32_t from;
	/** 1 + enum py_label_kind; 0 for a node that was not met, and for a root. */
	uint32_t kind;
	uint64_t value;
};

struct pattern {
	uint32_t parent, depth;
	enum py_label_kind kind;
	/** What tells it from its siblings. */
	uint64_t value;
	/** Of its label. Owned. */
	char *text;
	/** It stands for itself several times over. */
	bool repeats;
	struct py_totals totals;
};

/** Sources of references to what is asked for: a class, and a label. */
struct via {
	uint32_t class, owner_class;
	enum py_label_kind kind;
	uint64_t value, references;
	char *text;
};

struct outside {
	/** 0 for a root. */
	vaddr address;
	/** Of a root. Owned. */
	char *text;
};

struct paths {
	struct py_walk *walk;
	size_t n_chunks;
	struct step *steps;
	uint32_t *queue;
	size_t n_queued, n_done;
	ARRAY(struct outside) outside;
	/** Hash table by address: 1 + index in outside. */
	uint32_t *outside_slots;
	/** The node whose references are given now. */
	uint32_t source;
	/** For each class: it is asked for. */
	bool *wanted;
	size_t n_wanted;
	ARRAY(struct pattern) patterns;
	uint32_t *pattern_slots;
	ARRAY(struct via) vias;
	uint32_t *via_slots;
	uint64_t references;
};

enum { OUTSIDE_SLOTS = OUTSIDE_MAX * 2, PATTERN_SLOTS = PATTERNS_MAX * 2, VIA_SLOTS = PATTERNS_MAX * 2 };

static uint64_t mix(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
}

static size_t n_nodes(const struct paths *paths)
{
	return paths->n_chunks + OUTSIDE_MAX;
}

/* ---- nodes ---- */

static uint32_t outside_add(struct paths *paths, vaddr address, char *text)
{
	if (paths->outside.n == OUTSIDE_MAX) {
		free(text);
		return NODE_NONE;
	}
	array_append(&paths->outside, (struct outside){ address, text });
	return (uint32_t)(paths->n_chunks + paths->outside.n - 1);
}

/* Objects that the interpreter or an extension was linked with. Small ones of no consequence are left out. */
static uint32_t outside_node(struct paths *paths, vaddr object)
{
	struct py_walk *walk = paths->walk;
	size_t slot = mix(0, object) % OUTSIDE_SLOTS;
	uint32_t type, node;

	for (; paths->outside_slots[slot]; slot = (slot + 1) % OUTSIDE_SLOTS)
		if (paths->outside.v[paths->outside_slots[slot] - 1].address == object)
			return (uint32_t)(paths->n_chunks + paths->outside_slots[slot] - 1);
	if (!modules_find(walk->modules, object))
		return NODE_NONE;
	type = py_object_type(walk, object);
	if (type == UINT32_MAX || walk->types.v[type].kind == KIND_INT || walk->types.v[type].kind == KIND_STR ||
	    walk->types.v[type].kind == KIND_BYTES || walk->types.v[type].kind == KIND_FLOAT)
		return NODE_NONE;
	node = outside_add(paths, object, NULL);
	if (node != NODE_NONE)
		paths->outside_slots[slot] = (uint32_t)paths->outside.n;
	return node;
}

static uint32_t node_of(struct paths *paths, vaddr object)
{
	struct py_walk *walk = paths->walk;
	chunk_id chunk;

	if (object % 8 || object >= CHUNK_MEM_END)
		return NODE_NONE;
	chunk = chunks_find(&walk->heap->chunks, object);
	if (chunk == CHUNK_NONE)
		return outside_node(paths, object);
	return walk->python->role[chunk] == PY_OBJECT && object_at(walk, chunk) == object ? chunk : NODE_NONE;
}

/* The class of a node; PY_TYPE_NONE of a root. */
static uint32_t node_class(struct paths *paths, uint32_t node)
{
	uint32_t type;

	if (node < paths->n_chunks)
		return paths->walk->python->type[node];
	if (!paths->outside.v[node - paths->n_chunks].address)
		return PY_TYPE_NONE;
	type = py_object_type(paths->walk, paths->outside.v[node - paths->n_chunks].address);
	return type == UINT32_MAX ? PY_TYPE_NONE : paths->walk->types.v[type].class;
}

/* ---- labels ---- */

static char *quoted(char *text)
{
	char *quote = xasprintf("['%s']", text);

	free(text);
	return quote;
}

/* A key as it is written: text and numbers; of others the type alone. */
static char *key_text(struct py_walk *walk, vaddr key)
{
	uint32_t type = py_object_type(walk, key);
	char *text;

	if (type == UINT32_MAX)
		return xstrdup("[key]");
	text = str_text(walk, key, TEXT_MAX);
	if (text)
		return quoted(text);
	if (walk->types.v[type].kind == KIND_INT && !walk->layout.int_tagged) {
		int64_t digits = (int64_t)py_at(walk, key + OBJECT_SIZE);

		if (digits >= -1 && digits <= 1)
			return xasprintf("[%lld]", (long long)(digits * (int64_t)py_u32(walk, key + VAR_HEADER)));
	} else if (walk->types.v[type].kind == KIND_INT) {
		uint64_t tag = py_at(walk, key + OBJECT_SIZE);

		if (tag >> 3 <= 1)
			return xasprintf("[%s%u]", (tag & 3) == 2 ? "-" : "", py_u32(walk, key + VAR_HEADER));
	}
	return xasprintf("[<%s>]", walk->python->classes.v[walk->types.v[type].class].name);
}

static char *named(const char *before, char *name)
{
	char *text = name ? xasprintf("%s%s", before, name) : xasprintf("%s?", before);

	free(name);
	return text;
}

/* A label for people. What lies in a dict of attributes is an attribute. */
static char *label_text(struct paths *paths, enum py_label_kind kind, uint64_t value, bool in_attributes)
{
	struct py_walk *walk = paths->walk;
	char *text;

	switch (kind) {
	case LABEL_INDEX:
		return xasprintf("[%llu]", (unsigned long long)value);
	case LABEL_ANY_INDEX:
		return xstrdup("[i]");
	case LABEL_KEY:
	case LABEL_ANY_KEY:
		text = in_attributes ? str_text(walk, value, TEXT_MAX) : NULL;
		if (text)
			return named(".", text);
		return kind == LABEL_ANY_KEY ? xstrdup("[key]") : key_text(walk, value);
	case LABEL_THE_KEY:
		return xstrdup(".keys()");
	case LABEL_ELEMENT:
		return xstrdup("{element}");
	case LABEL_ATTRIBUTE:
		return named(".", str_text(walk, value, TEXT_MAX));
	case LABEL_MEMBER:
		return named(".", image_get_string(&walk->target->image, value, TEXT_MAX));
	case LABEL_NAME:
		return xasprintf(".%s", (const char *)(uintptr_t)value);
	case LABEL_LOCAL:
		return named(" local ", str_text(walk, value, TEXT_MAX));
	case LABEL_DICT:
		return xstrdup("");
	case LABEL_OFFSET:
		return xasprintf(".+%llu", (unsigned long long)value);
	case LABEL_ROOT:
		return xstrdup(paths->outside.v[value].text);
	}
	return xstrdup("?");
}

/* Whether labels are told apart by their text: those whose value is an address of a str. */
static bool is_textual(enum py_label_kind kind, bool in_attributes)
{
	return kind == LABEL_KEY || kind == LABEL_ATTRIBUTE || kind == LABEL_MEMBER || kind == LABEL_LOCAL || kind == LABEL_NAME ||
	       (kind == LABEL_ANY_KEY && in_attributes);
}

static uint64_t text_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

/* ---- the walk ---- */

/* Nodes are met with a label of one more; everything else reads them through this. */
static enum py_label_kind step_kind(const struct step *step)
{
	return (enum py_label_kind)(step->kind - 1);
}

/* Counts a reference to what is asked for, by the class of its source and its label. */
static void via_count(struct paths *paths, struct py_label label)
{
	const struct step *step = &paths->steps[paths->source];
	bool in_attributes = step->kind && step_kind(step) == LABEL_DICT;
	uint32_t class = node_class(paths, paths->source), owner = in_attributes ? node_class(paths, step->from) : PY_TYPE_NONE;
	char *text = NULL;
	uint64_t value = 0;
	size_t slot;

	paths->references++;
	if (is_textual(label.kind, in_attributes)) {
		text = label_text(paths, label.kind, label.value, in_attributes);
		value = text_hash(text);
	} else if (label.kind == LABEL_INDEX || label.kind == LABEL_OFFSET || label.kind == LABEL_ROOT) {
		value = label.value;
	}
	slot = mix(mix(mix(class, owner), label.kind), value) % VIA_SLOTS;
	for (; paths->via_slots[slot]; slot = (slot + 1) % VIA_SLOTS) {
		struct via *via = &paths->vias.v[paths->via_slots[slot] - 1];

		if (via->class == class && via->owner_class == owner && via->kind == label.kind && via->value == value) {
			via->references++;
			free(text);
			return;
		}
	}
	if (paths->vias.n == PATTERNS_MAX) {
		free(text);
		return;
	}
	if (!text)
		text = label_text(paths, label.kind, label.value, in_attributes);
	array_append(&paths->vias, (struct via){ class, owner, label.kind, value, 1, text });
	paths->via_slots[slot] = (uint32_t)paths->vias.n;
}

static void take(void *context, struct py_label label, vaddr target)
{
	struct paths *paths = context;
	uint32_t node = node_of(paths, target), class;

	if (node == NODE_NONE)
		return;
	class = node < paths->n_chunks ? paths->walk->python->type[node] : PY_TYPE_NONE;
	if (class < paths->n_wanted && paths->wanted[class] && label.kind != LABEL_THE_KEY)
		via_count(paths, label);
	if (paths->steps[node].kind)
		return;
	// One more than it is, so that zeroes mean «not met».
	paths->steps[node] = (struct step){ paths->source, label.kind + 1, label.value };
	paths->queue[paths->n_queued++] = node;
}

static void walk_queue(struct paths *paths)
{
	struct py_walk *walk = paths->walk;
	struct py_visit visit = { walk, take, paths, false };

	while (paths->n_done < paths->n_queued) {
		uint32_t node = paths->queue[paths->n_done++];
		vaddr object = node < paths->n_chunks ? object_at(walk, node) : paths->outside.v[node - paths->n_chunks].address;
		uint32_t class = node_class(paths, node);
		const struct py_type *type = class == PY_TYPE_NONE ? NULL : py_types_of_class(walk, class);

		if (!type)
			continue;

		// Meeting new types moves the old ones.
		struct py_type copy = *type;

		paths->source = node;
		object_visit(&visit, object, &copy);
	}
}

/* Enters a root that is an object. */
static void root_object(struct paths *paths, vaddr object, char *text)
{
	uint32_t root = outside_add(paths, 0, text);

	if (root == NODE_NONE)
		return;
	paths->source = root;
	take(paths, (struct py_label){ LABEL_ROOT, root - paths->n_chunks }, object);
}

struct modules_take {
	struct paths *paths;
	bool is_main;
};

static bool take_module(void *context, vaddr key, vaddr value)
{
	struct modules_take *modules = context;
	char *name = str_text(modules->paths->walk, key, TEXT_MAX);

	if (name && !strcmp(name, "__main__") == modules->is_main)
		root_object(modules->paths, value, take_pointer(name));
	free(name);
	return true;
}

/* «worker() (app.py:12)». */
static char *frame_text(struct py_walk *walk, vaddr code)
{
	uint32_t at = walk->layout.code_qualname != MEMBER_ABSENT ? walk->layout.code_qualname : walk->layout.code_name;
	_cleanup_free_ char *name = str_text(walk, py_at(walk, code + at), TEXT_MAX);
	_cleanup_free_ char *file = str_text(walk, py_at(walk, code + walk->layout.code_filename), 4 * TEXT_MAX);
	const char *base = file && strrchr(file, '/') ? strrchr(file, '/') + 1 : file;

	return xasprintf("%s() (%s:%u)", name ? name : "?", base ? base : "?", py_u32(walk, code + walk->layout.code_first_line));
}

/* The frames of a thread, innermost first. Their globals come last: they have better names in their module. */
static void root_frames(struct paths *paths, vaddr thread, bool without_globals)
{
	enum { REFERENCE_TAGS = 3 };
	struct py_walk *walk = paths->walk;
	const struct py_layout *layout = &walk->layout;
	struct py_visit visit = { walk, take, paths, without_globals };
	vaddr frame;

	if (layout->thread_frame != MEMBER_ABSENT)
		frame = py_at(walk, thread + layout->thread_frame);
	else if (layout->thread_cframe != MEMBER_ABSENT)
		frame = py_at(walk, py_at(walk, thread + layout->thread_cframe) + layout->cframe_current);
	else
		frame = py_at(walk, thread + layout->thread_current_frame);
	for (size_t i = 0; frame && i < FRAMES_MAX; i++, frame = py_at(walk, frame + layout->frame_previous)) {
		vaddr code = py_at(walk, frame + layout->frame_code) & ~(vaddr)REFERENCE_TAGS;
		uint32_t type = code ? py_object_type(walk, code) : UINT32_MAX;

		if (type == UINT32_MAX || walk->types.v[type].kind != KIND_CODE)
			continue;
		paths->source = outside_add(paths, 0, frame_text(walk, code));
		if (paths->source == NODE_NONE)
			return;
		frame_visit(&visit, frame);
	}
}

static void roots_of_threads(struct paths *paths, vaddr interpreter, bool without_globals)
{
	struct py_walk *walk = paths->walk;
	vaddr thread = py_at(walk, interpreter + walk->layout.interp_threads);

	for (size_t i = 0; thread && i < THREADS_MAX; i++, thread = py_at(walk, thread + walk->layout.thread_next))
		root_frames(paths, thread, without_globals);
}

/* Objects that words of some memory lead to. */
static void roots_of_words(struct paths *paths, vaddr start, vaddr end, const char *text)
{
	struct py_walk *walk = paths->walk;
	uint32_t root = outside_add(paths, 0, xstrdup(text));

	if (root == NODE_NONE)
		return;
	for (vaddr at = (start + 7) & ~UINT64_C(7); at < end && end - at >= 8; at += 8) {
		uint64_t word;
		chunk_id chunk;

		if (!window_word(&walk->near, at, &word)) {
			at = window_next(&walk->near, at + 8);
			if (at == VADDR_NONE)
				return;
			at = (at & ~UINT64_C(7)) - 8;
			continue;
		}
		chunk = word && word < CHUNK_MEM_END ? chunks_find(&walk->heap->chunks, word) : CHUNK_NONE;
		if (chunk == CHUNK_NONE || walk->python->role[chunk] != PY_OBJECT)
			continue;
		paths->source = root;
		take(paths, (struct py_label){ LABEL_ROOT, root - paths->n_chunks }, word);
	}
}

static void walk_all(struct paths *paths)
{
	struct py_walk *walk = paths->walk;
	const struct chunks *chunks = &walk->heap->chunks;

	// The program's own names first: of ways of one length they are told.
	for (size_t i = 0; i < walk->interpreters.n; i++) {
		vaddr modules = py_at(walk, walk->interpreters.v[i] + walk->layout.interp_modules);
		struct modules_take first = { paths, true }, others = { paths, false };

		dict_walk(walk, modules, take_module, &first);
		roots_of_threads(paths, walk->interpreters.v[i], true);
		dict_walk(walk, modules, take_module, &others);
	}
	walk_queue(paths);
	for (size_t i = 0; i < walk->interpreters.n; i++)
		roots_of_threads(paths, walk->interpreters.v[i], false);
	walk_queue(paths);
	for (size_t i = 0; i < walk->interpreters.n; i++)
		roots_of_words(paths, walk->interpreters.v[i], walk->interpreters.v[i] + walk->layout.interp_size, "(the interpreter)");
	for (size_t i = 0; i < walk->module->segments.n; i++)
		if (walk->module->segments.v[i].flags & SEGMENT_WRITE)
			roots_of_words(paths, walk->module->segments.v[i].start + walk->module->bias,
				       walk->module->segments.v[i].end + walk->module->bias, "(the interpreter)");
	for (chunk_id i = 0; i < chunks->n; i++)
		if (walk->python->role[i] == PY_INTERPRETER && chunks->state[i] == CHUNK_IN_USE)
			roots_of_words(paths, chunks->mem[i], chunks->mem[i] + chunk_usable(chunks, i), "(the interpreter)");
	walk_queue(paths);
}

/* ---- patterns ---- */

static uint32_t pattern_child(struct paths *paths, uint32_t parent, const struct step *step, bool in_attributes)
{
	enum py_label_kind kind = step_kind(step);
	char *text = NULL;
	uint64_t value = kind == LABEL_INDEX || kind == LABEL_OFFSET || kind == LABEL_ROOT ? step->value : 0;
	size_t slot;

	if (is_textual(kind, in_attributes)) {
		text = label_text(paths, kind, step->value, in_attributes);
		value = text_hash(text);
	}
	// A chain of links is one step, repeated.
	if (parent != UINT32_MAX && ((paths->patterns.v[parent].kind == kind && paths->patterns.v[parent].value == value && kind != LABEL_ANY_INDEX &&
				      kind != LABEL_INDEX && kind != LABEL_KEY && kind != LABEL_ANY_KEY && kind != LABEL_DICT) ||
				     paths->patterns.v[parent].depth >= DEPTH_MAX)) {
		paths->patterns.v[parent].repeats = true;
		free(text);
		return parent;
	}
	slot = mix(mix(mix(parent, kind), value), in_attributes) % PATTERN_SLOTS;
	for (; paths->pattern_slots[slot]; slot = (slot + 1) % PATTERN_SLOTS) {
		const struct pattern *pattern = &paths->patterns.v[paths->pattern_slots[slot] - 1];

		if (pattern->parent == parent && pattern->kind == kind && pattern->value == value) {
			free(text);
			return paths->pattern_slots[slot] - 1;
		}
	}
	if (paths->patterns.n == PATTERNS_MAX) {
		free(text);
		return parent;
	}
	if (!text)
		text = label_text(paths, kind, step->value, in_attributes);
	array_append(&paths->patterns, (struct pattern){ .parent = parent,
							 .depth = parent == UINT32_MAX ? 0 : paths->patterns.v[parent].depth + 1,
							 .kind = kind,
							 .value = value,
							 .text = text });
	paths->pattern_slots[slot] = (uint32_t)paths->patterns.n;
	return (uint32_t)paths->patterns.n - 1;
}

/* The pattern of a node that was met: from the last node before it whose pattern is known. memo: 1 + pattern. */
static uint32_t pattern_of(struct paths *paths, uint32_t node, uint32_t *memo)
{
	ARRAY(uint32_t) chain = { 0 };
	uint32_t pattern = UINT32_MAX;

	// Each step leads to a node that was met before, so this ends at a root.
	for (uint32_t at = node;; at = paths->steps[at].from) {
		if (memo[at]) {
			pattern = memo[at] - 1;
			break;
		}
		if (!paths->steps[at].kind) {
			// A root. One without a label of its own (a frame) is named here.
			struct step root = { at, LABEL_ROOT + 1, at - paths->n_chunks };

			if (chain.n && step_kind(&paths->steps[chain.v[chain.n - 1]]) != LABEL_ROOT)
				pattern = pattern_child(paths, UINT32_MAX, &root, false);
			break;
		}
		array_append(&chain, at);
	}
	while (chain.n) {
		uint32_t at = chain.v[--chain.n];
		const struct step *step = &paths->steps[at], *before = &paths->steps[step->from];

		pattern = pattern_child(paths, pattern, step, before->kind && step_kind(before) == LABEL_DICT);
		memo[at] = pattern + 1;
	}
	array_deinit(&chain);
	return pattern;
}

static char *pattern_text(const struct paths *paths, uint32_t pattern)
{
	ARRAY(uint32_t) chain = { 0 };
	char *text = xstrdup("");

	for (; pattern != UINT32_MAX; pattern = paths->patterns.v[pattern].parent)
		array_append(&chain, pattern);
	while (chain.n) {
		const struct pattern *at = &paths->patterns.v[chain.v[--chain.n]];
		char *longer = xasprintf("%s%s%s", text, at->text, at->repeats ? "..." : "");

		free(text);
		text = longer;
	}
	array_deinit(&chain);
	return text;
}

/* ---- the answer ---- */

static bool name_matches(const char *name, const char *wanted)
{
	size_t length = strlen(name), n = strlen(wanted);

	return length >= n && n && !strcmp(name + length - n, wanted) && (length == n || name[length - n - 1] == '.');
}

static bool choose(struct paths *paths, const char *name)
{
	const struct python *python = paths->walk->python;
	const char *exact = NULL;
	bool found = false;

	paths->n_wanted = python->classes.n;
	paths->wanted = xcalloc(python->classes.n + 1, sizeof(*paths->wanted));
	for (size_t i = 0; i < python->classes.n; i++)
		if (python->classes.v[i].objects.count && !strcmp(python->classes.v[i].name, name))
			exact = name;
	for (size_t i = 0; i < python->classes.n; i++) {
		const char *this = python->classes.v[i].name;

		if (!python->classes.v[i].objects.count || (exact ? strcmp(this, name) != 0 : !name_matches(this, name)))
			continue;
		paths->wanted[i] = true;
		found = true;
		if (!paths->walk->python->why.name)
			paths->walk->python->why.name = xstrdup(this);
	}
	return found;
}

static int compare_path_texts(const void *left, const void *right)
{
	const struct py_path *a = left, *b = right;

	return strcmp(a->text, b->text);
}

static int compare_paths(const void *left, const void *right)
{
	const struct py_path *a = left, *b = right;

	if (a->totals.count != b->totals.count)
		return a->totals.count > b->totals.count ? -1 : 1;
	return strcmp(a->text, b->text);
}

static int compare_vias(const void *left, const void *right)
{
	const struct py_via *a = left, *b = right;

	if (a->references != b->references)
		return a->references > b->references ? -1 : 1;
	return strcmp(a->text, b->text);
}

static void tell_paths(struct paths *paths, struct py_why *why, const struct py_totals unmet[2])
{
	static const char *const nobody[] = { "(held by C code, or by nothing that has a name)", "(nothing: it waits for the collector, or was lost)" };
	size_t n = 0;

	for (uint32_t i = 0; i < paths->patterns.n; i++)
		if (paths->patterns.v[i].totals.count)
			array_append(&why->paths, (struct py_path){ pattern_text(paths, i), paths->patterns.v[i].totals, true });
	for (size_t i = 0; i < 2; i++)
		if (unmet[i].count)
			array_append(&why->paths, (struct py_path){ xstrdup(nobody[i]), unmet[i], false });
	// Keys of the same text in different dicts are different objects.
	if (why->paths.n)
		qsort(why->paths.v, why->paths.n, sizeof(*why->paths.v), compare_path_texts);
	for (size_t i = 0; i < why->paths.n; i++) {
		if (n && !strcmp(why->paths.v[n - 1].text, why->paths.v[i].text)) {
			why->paths.v[n - 1].totals.count += why->paths.v[i].totals.count;
			why->paths.v[n - 1].totals.bytes += why->paths.v[i].totals.bytes;
			free(why->paths.v[i].text);
		} else {
			why->paths.v[n++] = why->paths.v[i];
		}
	}
	why->paths.n = n;
	if (n)
		qsort(why->paths.v, n, sizeof(*why->paths.v), compare_paths);
}

static int compare_via_texts(const void *left, const void *right)
{
	const struct py_via *a = left, *b = right;

	return strcmp(a->text, b->text);
}

static void tell_vias(struct paths *paths, struct py_why *why)
{
	const struct python *python = paths->walk->python;
	size_t n = 0;

	for (size_t i = 0; i < paths->vias.n; i++) {
		const struct via *via = &paths->vias.v[i];
		const char *name = via->class < python->classes.n ? python->classes.v[via->class].name : "";

		if (via->class == PY_TYPE_NONE && via->kind == LABEL_LOCAL)
			name = "running function";
		array_append(&why->vias, (struct py_via){ via->owner_class < python->classes.n
								 ? xasprintf("%s%s", python->classes.v[via->owner_class].name, via->text)
								 : xasprintf("%s%s", name, via->text),
							 via->references });
	}
	if (why->vias.n)
		qsort(why->vias.v, why->vias.n, sizeof(*why->vias.v), compare_via_texts);
	for (size_t i = 0; i < why->vias.n; i++) {
		if (n && !strcmp(why->vias.v[n - 1].text, why->vias.v[i].text)) {
			why->vias.v[n - 1].references += why->vias.v[i].references;
			free(why->vias.v[i].text);
		} else {
			why->vias.v[n++] = why->vias.v[i];
		}
	}
	why->vias.n = n;
	if (n)
		qsort(why->vias.v, n, sizeof(*why->vias.v), compare_vias);
	why->references = paths->references;
}

/* Adds up the objects that were asked for, by their patterns. */
static void tell(struct paths *paths, const uint8_t *is_leaked)
{
	struct py_walk *walk = paths->walk;
	const struct chunks *chunks = &walk->heap->chunks;
	struct py_why *why = &walk->python->why;
	uint32_t *memo = column_grow(NULL, 0, n_nodes(paths) * sizeof(*memo));
	struct py_totals unmet[2] = { { 0 } };

	for (chunk_id i = 0; i < chunks->n; i++) {
		uint32_t class = walk->python->type[i], pattern;
		struct py_totals *totals;

		if (walk->python->role[i] != PY_OBJECT || chunks->state[i] != CHUNK_IN_USE || class >= paths->n_wanted || !paths->wanted[class])
			continue;
		pattern = paths->steps[i].kind ? pattern_of(paths, i, memo) : UINT32_MAX;
		totals = pattern != UINT32_MAX ? &paths->patterns.v[pattern].totals : &unmet[is_leaked && is_leaked[i]];
		totals->count++;
		totals->bytes += chunk_usable(chunks, i);
		why->totals.count++;
		why->totals.bytes += chunk_usable(chunks, i);
	}
	column_free(memo, n_nodes(paths) * sizeof(*memo));
	tell_paths(paths, why, unmet);
	tell_vias(paths, why);
}

static void paths_deinit(struct paths *paths)
{
	for (size_t i = 0; i < paths->outside.n; i++)
		free(paths->outside.v[i].text);
	for (size_t i = 0; i < paths->patterns.n; i++)
		free(paths->patterns.v[i].text);
	for (size_t i = 0; i < paths->vias.n; i++)
		free(paths->vias.v[i].text);
	array_deinit(&paths->outside);
	array_deinit(&paths->patterns);
	array_deinit(&paths->vias);
	column_free(paths->steps, n_nodes(paths) * sizeof(*paths->steps));
	column_free(paths->queue, n_nodes(paths) * sizeof(*paths->queue));
	free(paths->outside_slots);
	free(paths->pattern_slots);
	free(paths->via_slots);
	free(paths->wanted);
}

bool paths_find(struct py_walk *walk, const char *name, const uint8_t *is_leaked)
{
	struct paths paths = { .walk = walk, .n_chunks = walk->heap->chunks.n };

	if (!choose(&paths, name)) {
		free(paths.wanted);
		return false;
	}
	paths.steps = column_grow(NULL, 0, n_nodes(&paths) * sizeof(*paths.steps));
	paths.queue = column_grow(NULL, 0, n_nodes(&paths) * sizeof(*paths.queue));
	paths.outside_slots = xcalloc(OUTSIDE_SLOTS, sizeof(*paths.outside_slots));
	paths.pattern_slots = xcalloc(PATTERN_SLOTS, sizeof(*paths.pattern_slots));
	paths.via_slots = xcalloc(VIA_SLOTS, sizeof(*paths.via_slots));
	walk_all(&paths);
	tell(&paths, is_leaked);
	paths_deinit(&paths);
	return true;
}
