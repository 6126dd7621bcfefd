/* SPDX-License-Identifier: MIT */
/*
 * The memory of each variable is gone through word by word; what points to a chunk, and is a pointer by the variable's type, is a seed. Variables of frames are those that
 * DWARF has one exact place for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/locals.h"
#include "debug/modules.h"
#include "debug/symbols.h"
#include "debug/variables.h"
#include "graph/root_areas.h"
#include "types/inference.h"
#include "types/variants.h"

enum {
	SEEDS_MAX = 1 << 22,
	/** Of one thread; deeper ones are a recursion. */
	FRAMES_MAX = 4096,
	/** How sure a declared pointer is to point where it says: a variable of a frame may not have been set yet. Units: percent. */
	SURE_STATIC = 97,
	SURE_REGISTER = 90,
	SURE_FRAME = 86,
};

/** Memory of variables that is looked at. Units: bytes. */
#define SCAN_MAX (UINT64_C(1) << 30)

struct scan {
	struct inference *inference;
	struct modules *modules;
	uint64_t left;
};

/* What a word points to, if that is a chunk in use: how far into it. */
static chunk_id word_target(struct inference *inference, uint64_t word, uint64_t *into_ret)
{
	chunk_id chunk;

	if (word >= CHUNK_MEM_END || !chunks_may_hold(inference->chunks, word))
		return CHUNK_NONE;
	chunk = chunks_find(inference->chunks, word);
	if (chunk == CHUNK_NONE || inference->chunks->state[chunk] != CHUNK_IN_USE)
		return CHUNK_NONE;
	*into_ret = word - inference->chunks->mem[chunk];
	return chunk;
}

/* The type of an element of a variable, which may be an array. */
static type_id element_type(const struct type_table *table, type_id type, bool *is_array_ret)
{
	*is_array_ret = false;
	for (int i = 0; i < 16; i++) {
		type = type_strip(table, type);
		if (type == TYPE_NONE || type_at(table, type)->kind != TYPE_ARRAY)
			return type;
		*is_array_ret = true;
		type = type_at(table, type)->target;
	}
	return TYPE_NONE;
}

static void seed_add(struct inference *inference, uint32_t root, type_id type, bool is_array, uint64_t offset, uint64_t word, vaddr address, unsigned sure)
{
	uint64_t into;
	chunk_id chunk = word_target(inference, word, &into);
	slot_id model, slot;

	if (chunk == CHUNK_NONE || inference->seeds.n >= SEEDS_MAX)
		return;
	model = address == VADDR_NONE ? layout_slot(inference->layouts, type, offset, is_array) :
					variant_slot(inference->layouts, &inference->window, type, address - offset, offset, is_array);
	if (model == SLOT_NONE)
		return;
	slot = slot_like(inference->layouts, SLOT_ROOT, root, slot_at(inference->layouts, model)->offset, model);
	array_append(&inference->seeds, (struct seed){ chunk, slot, into, address, (uint8_t)sure });
}

/* Looks at the memory of a variable. Gives whether it has seeds. */
static bool memory_scan(struct scan *scan, vaddr start, uint64_t size, type_id declared, uint64_t piece_offset, unsigned sure)
{
	struct inference *inference = scan->inference;
	size_t before = inference->seeds.n;
	bool is_array;
	type_id type = element_type(inference->table, declared, &is_array);
	uint64_t word;

	if (type == TYPE_NONE || size < 8 || size > scan->left)
		return false;
	scan->left -= size;
	// Words of packed structs are left out.
	for (uint64_t at = (8 - start % 8) % 8; at + 8 <= size; at += 8) {
		if (!window_word(&inference->window, start + at, &word)) {
			vaddr next = window_next(&inference->window, start + at);

			if (next == VADDR_NONE || next <= start + at || next - start >= size)
				break;
			at = ((next - start) & ~UINT64_C(7)) - 8 + start % 8;
			continue;
		}
		if (word)
			seed_add(inference, (uint32_t)inference->roots.n, type, is_array, piece_offset + at, word, start + at, sure);
	}
	return inference->seeds.n > before;
}

static void root_add(struct inference *inference, char *name, type_id type, const struct type_variable *variable)
{
	array_append(&inference->roots, (struct seed_root){ name, type, variable ? variable->module : 0, variable ? variable->die : 0 });
}

static char *variable_name(struct modules *modules, const struct type_variable *variable)
{
	struct module *module = &modules->v.v[variable->module];
	struct variable found;
	struct symbol symbol;
	char *name;

	if (!(variable->is_thread_local ? variable_thread_local(modules, module, variable->start, &found) :
					  variable_at(modules, module, variable->start, &found))) {
		// One of a split unit.
		if (!variable->is_thread_local && symbol_at(modules, module, variable->start, &symbol))
			return xstrdup(symbol.name);
		return xstrdup("?");
	}
	name = take_pointer(found.name);
	variable_deinit(&found);
	return name;
}

/* What malloc keeps its books in leads to chunks without holding them. */
static bool is_in_books(const struct heap *heap, vaddr address)
{
	for (size_t i = 0; i < heap->books.n; i++) {
		if (address >= heap->books.v[i].start && address < heap->books.v[i].end)
			return true;
	}
	return false;
}

static void statics_find(struct scan *scan)
{
	struct inference *inference = scan->inference;
	const struct type_table *table = inference->table;

	for (size_t i = 0; i < table->variables.n; i++) {
		const struct type_variable *variable = &table->variables.v[i];
		type_id stripped = type_strip(table, variable->type);

		if (variable->is_thread_local || stripped == TYPE_NONE ||
		    is_in_books(inference->heap, scan->modules->v.v[variable->module].bias + variable->start))
			continue;
		// The same one, from another unit.
		if (i > 0 && variable[-1].start == variable->start && variable[-1].module == variable->module && variable[-1].type == variable->type &&
		    !variable[-1].is_thread_local)
			continue;
		if (memory_scan(scan, scan->modules->v.v[variable->module].bias + variable->start, type_at(table, stripped)->size, variable->type, 0, SURE_STATIC))
			root_add(inference, variable_name(scan->modules, variable), variable->type, variable);
	}
}

static void thread_locals_find(struct scan *scan, const struct root_areas *areas)
{
	struct inference *inference = scan->inference;
	const struct type_table *table = inference->table;

	for (size_t i = 0; i < table->variables.n; i++) {
		const struct type_variable *variable = &table->variables.v[i];
		type_id stripped = type_strip(table, variable->type);
		bool found = false;

		if (!variable->is_thread_local || stripped == TYPE_NONE)
			continue;
		for (size_t j = 0; j < areas->v.n; j++) {
			const struct root_area *area = &areas->v.v[j];

			if (area->kind == AREA_TLS && area->module == variable->module)
				found |= memory_scan(scan, area->base + variable->start, type_at(table, stripped)->size, variable->type, 0, SURE_STATIC);
		}
		if (found)
			root_add(inference, variable_name(scan->modules, variable), variable->type, variable);
	}
}

static void local_find(struct scan *scan, struct module *module, const struct local *local, const struct local_frame *frame)
{
	struct inference *inference = scan->inference;
	size_t index = (size_t)(module - scan->modules->v.v);
	uint64_t die, value;
	vaddr address;
	type_id type;
	bool found = false, is_array, is_shared;

	if (!local_type(scan->modules, module, local, &die, &is_shared) ||
	    (type = (is_shared ? type_of_shared_die : type_of_die)(inference->table, index, die)) == TYPE_NONE)
		return;
	if (local_address(local, frame, &address)) {
		found = memory_scan(scan, address, local->size, type, local->piece_offset, SURE_FRAME);
	} else if (local->base == LOCAL_IN_REGISTER && local_register(frame, local->reg, &value)) {
		size_t before = inference->seeds.n;
		type_id element = element_type(inference->table, type, &is_array);

		if (element != TYPE_NONE)
			seed_add(inference, (uint32_t)inference->roots.n, element, is_array, local->piece_offset, value, VADDR_NONE, SURE_REGISTER);
		found = inference->seeds.n > before;
	}
	if (found)
		root_add(inference, xstrdup(local->name), type, NULL);
}

static void frames_find(struct scan *scan, const struct root_areas *areas)
{
	enum machine machine = scan->inference->target->machine;

	for (size_t i = 0; i < areas->n_threads; i++) {
		const frame_array *frames = &areas->frames[i];

		for (size_t j = 0; j < frames->n && j < FRAMES_MAX; j++) {
			struct local_frame frame = local_frame_of(frames, j, machine);
			vaddr pc = local_frame_pc(frames, j);
			struct module *module = modules_find(scan->modules, pc);
			const struct locals *locals = module ? locals_at(scan->modules, module, pc - module->bias) : NULL;

			for (size_t k = 0; locals && k < locals->v.n; k++)
				local_find(scan, module, &locals->v.v[k], &frame);
		}
	}
}

void seeds_find(struct inference *inference, struct modules *modules)
{
	struct scan scan = { .inference = inference, .modules = modules, .left = SCAN_MAX };
	struct root_areas areas;

	statics_find(&scan);
	root_areas_find(inference->target, modules, inference->heap, &areas);
	thread_locals_find(&scan, &areas);
	frames_find(&scan, &areas);
	root_areas_deinit(&areas);
}
