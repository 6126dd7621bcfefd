/* SPDX-License-Identifier: MIT */
#include "cpython/cpython.h"

#include <string.h>

#include "base/alloc.h"
#include "cpython/lost.h"
#include "cpython/walk.h"
#include "cpython/why.h"
#include "debug/symbols.h"

enum { RUNTIMES_MAX = 8 };

struct cpython {
	struct py_walk walks[RUNTIMES_MAX];
	/** Its objects can be read. */
	bool known[RUNTIMES_MAX];
	size_t n;
};

static void walk_init(struct py_walk *walk, struct modules *modules, struct module *module, const struct target *target, struct heap *heap,
		      struct python *python, size_t runtime)
{
	*walk = (struct py_walk){
		.target = target,
		.modules = modules,
		.heap = heap,
		.python = python,
		.runtime = &python->runtimes.v[runtime],
		.module = module,
	};
	window_init(&walk->near, &target->image);
	window_init(&walk->far, &target->image);
	py_types_init(walk);
}

/* Sums by role. */
static void python_count(struct python *python, const struct heap *heap)
{
	const struct chunks *chunks = &heap->chunks;

	for (chunk_id i = 0; i < chunks->n; i++) {
		enum py_role role = python->role[i];
		uint64_t bytes = chunk_usable(chunks, i);

		if (chunks->state[i] != CHUNK_IN_USE)
			continue;
		python->roles.v[role].all.count++;
		python->roles.v[role].all.bytes += bytes;
		if (chunks->kind[i] != CHUNK_PYMALLOC) {
			python->roles.v[role].in_malloc.count++;
			python->roles.v[role].in_malloc.bytes += bytes;
		}
	}
}

static void walk_deinit(struct py_walk *walk)
{
	py_types_deinit(walk);
	array_deinit(&walk->interpreters);
	array_deinit(&walk->states);
	array_deinit(&walk->arenas);
	chunks_deinit(&walk->blocks);
}

/* The modules that hold a CPython. */
static void find_runtimes(struct cpython *cpython, struct modules *modules, const struct target *target, struct heap *heap, struct python *python)
{
	struct module *found[RUNTIMES_MAX];

	for (size_t i = 0; i < modules->v.n && cpython->n < RUNTIMES_MAX; i++) {
		struct symbol symbol;

		if (!symbol_exported(&modules->v.v[i], "_PyRuntime", &symbol))
			continue;
		array_append(&python->runtimes, (struct py_runtime){ .module = xstrdup(modules->v.v[i].path) });
		python->runtimes.v[cpython->n].pymalloc.address = VADDR_NONE;
		found[cpython->n++] = &modules->v.v[i];
	}
	for (size_t i = 0; i < cpython->n; i++)
		walk_init(&cpython->walks[i], modules, found[i], target, heap, python, i);
}

/* Reads the blocks of one; false when that is not possible, which its runtime says then. */
static bool read_blocks(struct py_walk *walk)
{
	if (!runtime_find(walk))
		return false;
	if (!obmalloc_find(walk)) {
		walk->runtime->why_not = xstrdup("the books of its allocator were not found");
		return false;
	}
	obmalloc_walk(walk);
	obmalloc_add(walk);
	return true;
}

/* What needs the roles of all chunks. */
static void finish(struct py_walk *walk)
{
	objects_measure(walk);
	runtime_read_modules(walk);
	freelists_find(walk);
}

struct cpython *cpython_walk(struct modules *modules, const struct target *target, struct heap *heap, struct python *ret)
{
	struct cpython *cpython = xcalloc(1, sizeof(*cpython));
	bool any = false;

	python_init(ret);
	find_runtimes(cpython, modules, target, heap, ret);
	for (size_t i = 0; i < cpython->n; i++)
		any |= cpython->known[i] = read_blocks(&cpython->walks[i]);
	if (any) {
		chunks_make_heads(&heap->chunks);
		python_make_columns(ret, heap->chunks.n);
	}
	for (size_t i = 0; i < cpython->n; i++) {
		if (!cpython->known[i])
			continue;
		runtime_read_gc(&cpython->walks[i]);
		runtime_read_stacks(&cpython->walks[i]);
		objects_classify(&cpython->walks[i]);
		claims_make(&cpython->walks[i]);
	}
	// What no object is belongs to all; so it is counted when all have taken theirs.
	if (any)
		python_count(ret, heap);
	for (size_t i = 0; i < cpython->n; i++)
		if (cpython->known[i])
			finish(&cpython->walks[i]);
	return cpython;
}

void cpython_destroy(struct cpython *cpython)
{
	if (!cpython)
		return;
	for (size_t i = 0; i < cpython->n; i++)
		walk_deinit(&cpython->walks[i]);
	free(cpython);
}

void cpython_why(struct cpython *cpython, const struct cpython_question *question)
{
	for (size_t i = 0; i < cpython->n; i++)
		if (cpython->known[i])
			why_find(&cpython->walks[i], question);
}

void cpython_holders(struct cpython *cpython, struct py_holders *ret)
{
	struct py_holders holders = { 0 };

	for (size_t i = 0; i < cpython->n; i++)
		if (cpython->known[i])
			holders_find(&cpython->walks[i], &holders);
	*ret = holders;
}

void cpython_unreachable(struct cpython *cpython, const uint8_t *is_leaked)
{
	if (!cpython->n)
		return;
	python_unreachable(cpython->walks[0].python, &cpython->walks[0].heap->chunks, is_leaked);
	for (size_t i = 0; i < cpython->n; i++)
		if (cpython->known[i])
			lost_find(&cpython->walks[i], is_leaked);
}
