/* SPDX-License-Identifier: MIT */
#include "cpython/cpython.h"

#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "cpython/walk.h"
#include "debug/symbols.h"

enum { RUNTIMES_MAX = 8 };

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
	types_init(walk);
}

static void walk_deinit(struct py_walk *walk)
{
	types_deinit(walk);
	array_deinit(&walk->interpreters);
	array_deinit(&walk->states);
	array_deinit(&walk->arenas);
	chunks_deinit(&walk->blocks);
}

/* The columns, one value for each chunk of the finished table. */
static void columns_make(struct python *python, struct heap *heap)
{
	size_t n = heap->chunks.n ? heap->chunks.n : 1;

	chunks_make_heads(&heap->chunks);
	python->n_chunks = heap->chunks.n;
	python->role = column_grow(NULL, 0, n * sizeof(*python->role));
	python->type = column_grow(NULL, 0, n * sizeof(*python->type));
	python->owner = column_grow(NULL, 0, n * sizeof(*python->owner));
	memset(python->type, 0xff, n * sizeof(*python->type));
	memset(python->owner, 0xff, n * sizeof(*python->owner));
}

void cpython_walk(struct modules *modules, const struct target *target, struct heap *heap, struct python *ret)
{
	struct python python;
	struct py_walk walks[RUNTIMES_MAX];
	bool known[RUNTIMES_MAX] = { false };
	size_t n = 0, n_known = 0;

	python_init(&python);
	for (size_t i = 0; i < modules->v.n && n < RUNTIMES_MAX; i++) {
		struct symbol symbol;

		if (symbol_exported(&modules->v.v[i], "_PyRuntime", &symbol)) {
			array_append(&python.runtimes, (struct py_runtime){ .module = xstrdup(modules->v.v[i].path) });
			python.runtimes.v[n].pymalloc.address = VADDR_NONE;
			n++;
		}
	}
	n = 0;
	for (size_t i = 0; i < modules->v.n && n < python.runtimes.n; i++) {
		struct symbol symbol;

		if (!symbol_exported(&modules->v.v[i], "_PyRuntime", &symbol))
			continue;
		walk_init(&walks[n], modules, &modules->v.v[i], target, heap, &python, n);
		known[n] = runtime_find(&walks[n]);
		if (known[n] && !obmalloc_find(&walks[n])) {
			walks[n].runtime->why_not = xstrdup("the books of its allocator were not found; what follows is the native heap alone");
			known[n] = false;
		}
		if (known[n]) {
			obmalloc_walk(&walks[n]);
			obmalloc_add(&walks[n]);
			n_known++;
		}
		n++;
	}
	if (n_known)
		columns_make(&python, heap);
	for (size_t i = 0; i < n; i++) {
		if (known[i]) {
			runtime_read_gc(&walks[i]);
			runtime_read_stacks(&walks[i]);
			objects_classify(&walks[i]);
			claims_make(&walks[i]);
		}
	}
	for (size_t i = 0; i < n; i++) {
		// Once: the columns are everybody's.
		if (known[i] && n_known) {
			objects_count(&walks[i]);
			n_known = 0;
		}
		walk_deinit(&walks[i]);
	}
	*ret = python;
}
