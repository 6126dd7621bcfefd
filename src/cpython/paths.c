/* SPDX-License-Identifier: MIT */
#include "cpython/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

enum {
	OUTSIDE_SLOTS = OUTSIDE_MAX * 2,
	/** Characters of a name. */
	TEXT_MAX = 60,
	THREADS_MAX = 1 << 16,
	FRAMES_MAX = 1 << 16,
	SEGMENT_WRITE = 2,
};

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
	size_t slot = (object >> 4) * UINT64_C(0x9e3779b97f4a7c15) % OUTSIDE_SLOTS;
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

uint32_t node_class(struct paths *paths, uint32_t node)
{
	uint32_t type;

	if (node < paths->n_chunks)
		return paths->walk->python->type[node];
	if (!paths->outside.v[node - paths->n_chunks].address)
		return PY_TYPE_NONE;
	type = py_object_type(paths->walk, paths->outside.v[node - paths->n_chunks].address);
	return type == UINT32_MAX ? PY_TYPE_NONE : paths->walk->types.v[type].class;
}

/* ---- the walk ---- */

static void take(void *context, struct py_label label, vaddr target)
{
	struct paths *paths = context;
	uint32_t node = node_of(paths, target);

	if (node == NODE_NONE)
		return;
	if (paths->meet)
		paths->meet(paths->context, paths, node, label);
	if (paths->steps[node].kind)
		return;
	// One more than it is, so that zeroes mean «not met».
	paths->steps[node] = (struct step){ paths->source, label.kind + 1, label.value };
	paths->queue[paths->n_queued++] = node;
}

static void walk_queue(struct paths *paths)
{
	struct py_walk *walk = paths->walk;
	struct py_visit visit = { walk, take, paths, VISIT_ALL };

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
static void root_frames(struct paths *paths, vaddr thread, enum py_visit_part part)
{
	enum { REFERENCE_TAGS = 3 };
	struct py_walk *walk = paths->walk;
	const struct py_layout *layout = &walk->layout;
	struct py_visit visit = { walk, take, paths, part };
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

static void roots_of_threads(struct paths *paths, vaddr interpreter, enum py_visit_part part)
{
	struct py_walk *walk = paths->walk;
	vaddr thread = py_at(walk, interpreter + walk->layout.interp_threads);

	for (size_t i = 0; thread && i < THREADS_MAX; i++, thread = py_at(walk, thread + walk->layout.thread_next))
		root_frames(paths, thread, part);
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
		roots_of_threads(paths, walk->interpreters.v[i], VISIT_WITHOUT_GLOBALS);
		dict_walk(walk, modules, take_module, &others);
	}
	walk_queue(paths);
	for (size_t i = 0; i < walk->interpreters.n; i++)
		roots_of_threads(paths, walk->interpreters.v[i], VISIT_GLOBALS);
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

void paths_walk(struct py_walk *walk, void (*meet)(void *context, struct paths *paths, uint32_t node, struct py_label label), void *context, struct paths *ret)
{
	*ret = (struct paths){ .walk = walk, .n_chunks = walk->heap->chunks.n, .meet = meet, .context = context };
	ret->steps = column_grow(NULL, 0, n_nodes(ret) * sizeof(*ret->steps));
	ret->queue = column_grow(NULL, 0, n_nodes(ret) * sizeof(*ret->queue));
	ret->outside_slots = xcalloc(OUTSIDE_SLOTS, sizeof(*ret->outside_slots));
	walk_all(ret);
	column_free(ret->queue, n_nodes(ret) * sizeof(*ret->queue));
	ret->queue = NULL;
}

void paths_deinit(struct paths *paths)
{
	for (size_t i = 0; i < paths->outside.n; i++)
		free(paths->outside.v[i].text);
	array_deinit(&paths->outside);
	column_free(paths->steps, n_nodes(paths) * sizeof(*paths->steps));
	free(paths->outside_slots);
}
