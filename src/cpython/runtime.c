/* SPDX-License-Identifier: MIT */
/*
 * From the one exported name, `_PyRuntime`, to interpreters, threads and the collector, each step checked: a state of an interpreter is believed when its
 * table of modules is a dict that knows `sys`.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cpython/described.h"
#include "cpython/walk.h"
#include "debug/symbols.h"

enum {
	INTERPRETERS_MAX = 1024,
	THREADS_MAX = 1 << 17,
	GENERATIONS = 3,
	GENERATION_SIZE = 24,
	/** gcstate.generation0, while it was a pointer: 3.8 to 3.13. */
	GC_GENERATION0 = 96,
	LINK_FLAGS = 3,
};

/* The version in the name of a file: «python3.11», «libpython3.9.so.1.0». */
static unsigned minor_in_name(const char *name)
{
	const char *at = strstr(name, "python3.");

	return at && isdigit((unsigned char)at[8]) ? (unsigned)strtoul(at + 8, NULL, 10) : 0;
}

static char *version_text(uint32_t hex)
{
	return xasprintf("%u.%u.%u", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff);
}

/* What version it is, from the file and from what it says of itself; 0 when unknown. */
static unsigned find_version(struct py_walk *walk, const uint8_t debug_offsets[DEBUG_OFFSETS_MAX], bool *free_threaded_ret)
{
	uint32_t version = py_debug_offsets_version(debug_offsets, free_threaded_ret);
	struct symbol symbol;
	unsigned minor;

	if (!version && symbol_exported(walk->module, "Py_Version", &symbol)) {
		uint64_t word = 0;

		if (module_get(walk->module, symbol.value, &word, sizeof(word)) && word >> 24 == 3)
			version = (uint32_t)word;
	}
	if (version) {
		walk->runtime->version = version_text(version);
		return version >> 16 & 0xff;
	}
	minor = minor_in_name(module_name(walk->module));
	walk->runtime->version = minor ? xasprintf("3.%u", minor) : xstrdup("of unknown version");
	return minor;
}

static void why_not(struct py_walk *walk, char *reason)
{
	free(walk->runtime->why_not);
	walk->runtime->why_not = reason;
}

/* Whether a state of an interpreter has what it must have. */
static bool is_interpreter(struct py_walk *walk, vaddr interpreter)
{
	vaddr modules = py_at(walk, interpreter + walk->layout.interp_modules);
	uint32_t type = modules ? py_types_at(walk, py_at(walk, modules + OBJECT_TYPE)) : UINT32_MAX;

	return type != UINT32_MAX && walk->types.v[type].kind == KIND_DICT && dict_get(walk, modules, "sys");
}

static bool read_interpreters(struct py_walk *walk)
{
	vaddr interpreter = py_at(walk, walk->runtime_address + walk->layout.runtime_head);

	for (size_t i = 0; interpreter && i < INTERPRETERS_MAX; i++) {
		if (!is_interpreter(walk, interpreter))
			break;
		array_append(&walk->interpreters, interpreter);
		interpreter = py_at(walk, interpreter + walk->layout.interp_next);
	}
	walk->runtime->interpreters = walk->interpreters.n;
	return walk->interpreters.n;
}

/* Takes the layout that the debug information describes, if interpreters are found by it. */
static bool read_described(struct py_walk *walk)
{
	struct py_layout table = walk->layout;

	if (py_layout_described(walk->modules, walk->module, &walk->layout) && read_interpreters(walk))
		return true;
	walk->layout = table;
	return false;
}

static void count_threads(struct py_walk *walk)
{
	for (size_t i = 0; i < walk->interpreters.n; i++) {
		vaddr thread = py_at(walk, walk->interpreters.v[i] + walk->layout.interp_threads);

		for (; thread && walk->runtime->threads < THREADS_MAX; thread = py_at(walk, thread + walk->layout.thread_next))
			walk->runtime->threads++;
	}
}

bool runtime_find(struct py_walk *walk)
{
	uint8_t debug_offsets[DEBUG_OFFSETS_MAX] = { 0 };
	bool free_threaded = false, has_debug_offsets;
	struct symbol symbol;
	unsigned minor;

	if (!symbol_exported(walk->module, "_PyRuntime", &symbol))
		return false;
	walk->runtime_address = symbol.value + walk->module->bias;
	image_get(&walk->target->image, walk->runtime_address, debug_offsets, sizeof(debug_offsets));
	minor = find_version(walk, debug_offsets, &free_threaded);
	if (free_threaded) {
		why_not(walk, xstrdup("it is a build without the GIL, whose objects are not read yet"));
		return false;
	}
	if (!py_layout_builtin(minor, &walk->layout)) {
		why_not(walk, xstrdup("it is not among the versions whose objects are read (3.8 to 3.14)"));
		return false;
	}
	if (!symbol_exported(walk->module, "PyType_Type", &symbol)) {
		why_not(walk, xstrdup("its type objects are not exported"));
		return false;
	}
	walk->type_type = symbol.value + walk->module->bias;
	has_debug_offsets = py_layout_debug_offsets(debug_offsets, &walk->layout);
	if (read_described(walk))
		walk->runtime->offsets = xstrdup("DWARF, confirmed by structure");
	else
		walk->runtime->offsets = xasprintf("the table of 3.%u%s, confirmed by structure", minor, has_debug_offsets ? " and its debug offsets" : "");
	if (!walk->interpreters.n && !read_interpreters(walk)) {
		why_not(walk, xasprintf("its interpreter is not laid out as that of CPython %s is, or is not running yet", walk->runtime->version));
		return false;
	}
	count_threads(walk);
	return true;
}

void runtime_read_stacks(struct py_walk *walk)
{
	enum { CHUNK_MAX = 1 << 28 };
	size_t n = 0;

	for (size_t i = 0; walk->layout.thread_stack_top != MEMBER_ABSENT && i < walk->interpreters.n; i++) {
		vaddr thread = py_at(walk, walk->interpreters.v[i] + walk->layout.interp_threads);

		for (; thread && n < THREADS_MAX; thread = py_at(walk, thread + walk->layout.thread_next), n++) {
			vaddr top = py_at(walk, thread + walk->layout.thread_stack_top);
			vaddr limit = py_at(walk, thread + walk->layout.thread_stack_top + 8);
			const struct mapping *mapping = mappings_find(&walk->target->mappings, top);

			if (top < limit && limit - top < CHUNK_MAX && mapping && limit <= mapping->end)
				array_append(&walk->heap->books, (struct heap_books){ top, limit });
		}
	}
}

/* ---- modules ---- */

/* The chunk of an object; CHUNK_NONE of one that lies in none. */
static chunk_id chunk_of(struct py_walk *walk, vaddr object)
{
	chunk_id chunk = chunks_find(&walk->heap->chunks, object);

	return chunk != CHUNK_NONE && walk->python->role[chunk] == PY_OBJECT && object_at(walk, chunk) == object ? chunk : CHUNK_NONE;
}

static bool take_module(void *context, vaddr key, vaddr value)
{
	enum { NAME_MAX_CHARACTERS = 200, MODULES_MAX = 1 << 20, MODULE_DICT = 16 };
	struct py_walk *walk = context;
	uint32_t type = py_object_type(walk, value);
	char *name = type != UINT32_MAX && walk->types.v[type].kind == KIND_MODULE ? str_text(walk, key, NAME_MAX_CHARACTERS) : NULL;

	if (name)
		array_append(&walk->python->modules,
			     (struct py_module){ name, chunk_of(walk, value), chunk_of(walk, py_at(walk, value + MODULE_DICT)) });
	return walk->python->modules.n < MODULES_MAX;
}

void runtime_read_modules(struct py_walk *walk)
{
	for (size_t i = 0; i < walk->interpreters.n; i++)
		dict_walk(walk, py_at(walk, walk->interpreters.v[i] + walk->layout.interp_modules), take_module, walk);
}

/* ---- the collector ---- */

/* How many objects a list of the collector has; UINT64_MAX when it is no list. */
static uint64_t list_length(struct py_walk *walk, vaddr head)
{
	vaddr at = py_at(walk, head) & ~(vaddr)LINK_FLAGS;
	uint64_t n = 0, maximum = walk->heap->chunks.n + 1;

	for (; at != head; n++) {
		uint64_t next;

		if (!at || n > maximum || !py_word(walk, at, &next))
			return UINT64_MAX;
		at = next & ~(vaddr)LINK_FLAGS;
	}
	return n;
}

/* Where the generations begin: where generation0 says, while there is such a member. */
static vaddr generations_at(struct py_walk *walk, vaddr gc)
{
	vaddr told = py_at(walk, gc + GC_GENERATION0);

	return told > gc && told < gc + GC_GENERATION0 ? told : gc + walk->layout.gc_generations;
}

void runtime_read_gc(struct py_walk *walk)
{
	struct py_gc *sums = &walk->runtime->gc;

	for (size_t i = 0; i < walk->interpreters.n; i++) {
		vaddr gc = walk->layout.interp_gc != MEMBER_ABSENT ? walk->interpreters.v[i] + walk->layout.interp_gc
								   : walk->runtime_address + walk->layout.runtime_gc;
		vaddr generations = generations_at(walk, gc), garbage = py_at(walk, gc + walk->layout.gc_garbage);
		// With a pointer to generation0 the permanent one comes after it.
		vaddr permanent = generations + GENERATIONS * GENERATION_SIZE;

		if (py_at(walk, permanent) == generations)
			permanent += 8;
		else if (permanent % 8)
			permanent += 4 + (py_at(walk, permanent + 4) == generations ? 8 : 0);
		sums->is_known = true;
		for (size_t k = 0; k <= GENERATIONS; k++) {
			uint64_t n = list_length(walk, k < GENERATIONS ? generations + k * GENERATION_SIZE : permanent);

			if (n == UINT64_MAX)
				sums->is_known = false;
			else
				sums->generations[k] += n;
		}
		sums->is_collecting |= py_u32(walk, gc + walk->layout.gc_collecting) == 1;
		if (garbage)
			sums->garbage += py_at(walk, garbage + OBJECT_SIZE);
		if (walk->layout.interp_gc == MEMBER_ABSENT)
			break;
	}
}
