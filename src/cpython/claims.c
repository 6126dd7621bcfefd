/* SPDX-License-Identifier: MIT */
/*
 * What objects own: the tables that the interpreter made for them, and native memory of extensions.
 *
 *   1  tables by rule: the items of a list, the keys and values of a dict, the blocks of a deque …
 *   2  the interpreter's own: what hangs off its data, as far as no object comes between
 *   3  what other modules hold by variables of their own, as far as no object comes between: the program that Python is embedded in, a library's lists. That an object knows the way there,
 *      too, does not make it the object's.
 *   4  what is left and hangs off the words of an object: an array's data, a connection's buffers, and what hangs off these
 *
 * An owner is believed over what its table looks like. Each chunk is taken once, so all of it is linear.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "cpython/walk.h"

enum {
	SEGMENT_WRITE = 2,
	DEQUE_LEFT = 24,
	DEQUE_BLOCK_RIGHT = 520,
	BYTEARRAY_BYTES = 32,
	MODULE_STATE = 32,
	/** Words of one chunk that are looked at for what hangs off it. Units: bytes. */
	SCAN_MAX = 64 << 20,
	STR_STATE = 32,
	/** Of what a library hands out: what it keeps in front. Units: bytes. */
	IN_FRONT = 16,
};

struct claims {
	struct py_walk *walk;
	/** Chunks whose words are still to be looked at, behind those that are done. */
	ARRAY(chunk_id) pending;
	size_t n_done;
	/** By chunk: held by another module. */
	bool *is_held;
};

static void take(struct py_walk *walk, chunk_id chunk, enum py_role role, uint32_t type, uint16_t head)
{
	walk->python->role[chunk] = (uint8_t)role;
	walk->python->type[chunk] = type;
	walk->heap->chunks.head[chunk] = head;
}

static bool is_in_use(const struct py_walk *walk, chunk_id chunk)
{
	return chunk != CHUNK_NONE && walk->heap->chunks.state[chunk] == CHUNK_IN_USE;
}

/* ---- tables by rule ---- */

/* The table at an address is that of an object. */
static void claim(struct py_walk *walk, chunk_id owner, vaddr address)
{
	chunk_id chunk = address ? chunk_got(walk, address) : CHUNK_NONE;

	if (is_in_use(walk, chunk) && chunk != owner && walk->python->role[chunk] != PY_TABLE)
		take(walk, chunk, PY_TABLE, walk->python->type[owner], debug_lead(walk, chunk) / 8 | CHUNK_HEAD_EXACT);
}

/* The values of attributes: what points to them may lead behind what stands in front. */
static void claim_values(struct py_walk *walk, chunk_id owner, vaddr address)
{
	const struct chunks *chunks = &walk->heap->chunks;
	chunk_id chunk = address ? chunks_find(chunks, address) : CHUNK_NONE;

	if (is_in_use(walk, chunk) && chunk != owner && walk->python->role[chunk] != PY_TABLE && address - chunks->mem[chunk] <= CHUNK_HEAD_WORDS * 8)
		take(walk, chunk, PY_TABLE, walk->python->type[owner], (uint16_t)((address - chunks->mem[chunk]) / 8 | CHUNK_HEAD_EXACT));
}

static void claim_deque(struct py_walk *walk, chunk_id owner, vaddr object)
{
	vaddr block = py_at(walk, object + DEQUE_LEFT);

	// A block is taken once, so a circle ends.
	while (block) {
		chunk_id chunk = chunk_got(walk, block);

		if (!is_in_use(walk, chunk) || walk->python->role[chunk] == PY_TABLE)
			return;
		claim(walk, owner, block);
		block = py_at(walk, block + DEQUE_BLOCK_RIGHT);
	}
}

static void claim_str(struct py_walk *walk, chunk_id owner, vaddr object)
{
	uint32_t state = py_u32(walk, object + STR_STATE);

	if (state >> 5 & state >> 6 & 1)
		return;
	claim(walk, owner, py_at(walk, object + walk->layout.str_ascii + 8));
	if (!(state >> 5 & 1))
		claim(walk, owner, py_at(walk, object + walk->layout.str_compact));
}

/* The values of an instance whose attributes the interpreter manages. */
static void claim_managed(struct py_walk *walk, chunk_id owner, vaddr object, const struct py_type *type)
{
	uint64_t word;

	if (!(type->flags & walk->layout.flag_managed_dict))
		return;
	switch (walk->layout.inline_values) {
	case INLINE_BEFORE:
		claim_values(walk, owner, py_at(walk, object - 32));
		break;
	case INLINE_TAGGED:
		word = py_at(walk, object - 24);
		if (word & 1)
			claim_values(walk, owner, word + 1);
		break;
	case INLINE_BEHIND:
	case INLINE_NONE:
		break;
	}
}

static void claim_tables(struct py_walk *walk, chunk_id owner, vaddr object, const struct py_type *type)
{
	claim_managed(walk, owner, object, type);
	switch (type->kind) {
	case KIND_LIST:
		claim(walk, owner, py_at(walk, object + LIST_ITEMS));
		break;
	case KIND_DICT:
	case KIND_ORDERED_DICT:
		claim(walk, owner, py_at(walk, object + DICT_KEYS));
		claim_values(walk, owner, py_at(walk, object + DICT_VALUES));
		break;
	case KIND_SET:
		if (py_at(walk, object + SET_TABLE) != object + SET_SMALL_TABLE)
			claim(walk, owner, py_at(walk, object + SET_TABLE));
		break;
	case KIND_BYTEARRAY:
		claim(walk, owner, py_at(walk, object + BYTEARRAY_BYTES));
		break;
	case KIND_DEQUE:
		claim_deque(walk, owner, object);
		break;
	case KIND_STR:
		claim_str(walk, owner, object);
		break;
	case KIND_TYPE:
		claim(walk, owner, py_at(walk, object + TYPE_DOC));
		if (py_at(walk, object + TYPE_FLAGS) & TYPE_FLAG_HEAP) {
			claim(walk, owner, py_at(walk, object + walk->layout.class_cached_keys));
			if (walk->layout.class_tpname != MEMBER_ABSENT)
				claim(walk, owner, py_at(walk, object + walk->layout.class_tpname));
		}
		break;
	case KIND_MODULE:
		claim(walk, owner, py_at(walk, object + MODULE_STATE));
		break;
	case KIND_PLAIN:
	case KIND_INT:
	case KIND_FLOAT:
	case KIND_BYTES:
	case KIND_TUPLE:
	case KIND_FUNCTION:
	case KIND_CODE:
	case KIND_FRAME:
	case KIND_GENERATOR:
	case KIND_WEAKREF:
	case KIND_CELL:
	case KIND_METHOD:
	case KIND_TRACEBACK:
	case KIND_OTHER:
		break;
	}
}

/* ---- what hangs off ---- */

/* Whether nobody has a chunk yet. */
static bool is_free_to_take(const struct py_walk *walk, chunk_id chunk)
{
	return is_in_use(walk, chunk) && (walk->python->role[chunk] == PY_FOREIGN || walk->python->role[chunk] == PY_UNKNOWN);
}

/* A chunk of malloc that a word leads into, at most so far behind its start: libraries keep sizes in front of what they hand out. */
static chunk_id chunk_around(const struct py_walk *walk, vaddr address, uint64_t maximum)
{
	const struct chunks *chunks = &walk->heap->chunks;
	chunk_id chunk = chunks_find(chunks, address);

	return chunk != CHUNK_NONE && chunks->kind[chunk] != CHUNK_PYMALLOC && address - chunks->mem[chunk] <= maximum ? chunk : CHUNK_NONE;
}

/* The chunk that a word leads to the start of, or so far into. */
static chunk_id chunk_meant(const struct py_walk *walk, uint64_t word, uint64_t inside)
{
	chunk_id chunk;

	if (word >= CHUNK_MEM_END || !word)
		return CHUNK_NONE;
	chunk = chunk_got(walk, word);
	// What an extension got from malloc itself has nothing before it.
	if (chunk == CHUNK_NONE && walk->debug_chunk)
		chunk = chunks_at(&walk->heap->chunks, word);
	return chunk == CHUNK_NONE && inside ? chunk_around(walk, word, inside) : chunk;
}

/* Takes what a word leads to; with the role PY_FOREIGN it is only known to be held. */
static void follow(struct claims *claims, uint64_t word, enum py_role role, uint32_t type, uint64_t inside)
{
	struct py_walk *walk = claims->walk;
	chunk_id chunk = chunk_meant(walk, word, inside);

	if (!is_free_to_take(walk, chunk) || claims->is_held[chunk])
		return;
	// A small one is the interpreter's way to make tables, whoever asked for it.
	if (role == PY_NATIVE && walk->heap->chunks.kind[chunk] == CHUNK_PYMALLOC)
		role = PY_TABLE;
	if (role == PY_FOREIGN)
		claims->is_held[chunk] = true;
	else
		take(walk, chunk, role, type, word - walk->heap->chunks.mem[chunk] == debug_lead(walk, chunk) ? debug_lead(walk, chunk) / 8 : 0);
	array_append(&claims->pending, chunk);
}

static void follow_words(struct claims *claims, vaddr start, vaddr end, enum py_role role, uint32_t type, uint64_t inside)
{
	for (vaddr at = start; at < end && end - at >= 8; at += 8) {
		uint64_t word;

		if (window_word(&claims->walk->near, at, &word)) {
			follow(claims, word, role, type, inside);
		} else {
			at = window_next(&claims->walk->near, at + 8);
			if (at == VADDR_NONE)
				return;
			at = (at & ~UINT64_C(7)) - 8;
		}
	}
}

/* What hangs off what was taken, and so on. */
static void follow_pending(struct claims *claims, enum py_role role, uint64_t inside)
{
	const struct chunks *chunks = &claims->walk->heap->chunks;

	// What is nearest to an object is taken first.
	while (claims->n_done < claims->pending.n) {
		chunk_id chunk = claims->pending.v[claims->n_done++];
		uint64_t size = chunk_usable(chunks, chunk) < SCAN_MAX ? chunk_usable(chunks, chunk) : SCAN_MAX;

		follow_words(claims, chunks->mem[chunk], chunks->mem[chunk] + size, role, claims->walk->python->type[chunk], inside);
	}
}

/* What the variables of a module lead to, and what hangs off that. */
static void claim_module(struct claims *claims, const struct module *module, enum py_role role, uint64_t inside)
{
	for (size_t i = 0; i < module->segments.n; i++) {
		vaddr start = module->segments.v[i].start + module->bias, end = module->segments.v[i].end + module->bias;

		if (module->segments.v[i].flags & SEGMENT_WRITE && start >= module->start && end <= module->end)
			follow_words(claims, (start + 7) & ~UINT64_C(7), end, role, PY_TYPE_NONE, 0);
	}
	follow_pending(claims, role, inside);
}

static void claim_others(struct claims *claims)
{
	const struct py_walk *walk = claims->walk;

	for (size_t i = 0; i < walk->modules->v.n; i++) {
		if (&walk->modules->v.v[i] != walk->module)
			claim_module(claims, &walk->modules->v.v[i], PY_FOREIGN, UINT64_MAX);
	}
}

/* Whether words of an object that no rule knows may hold memory of its own. */
static bool is_opaque(const struct py_type *type)
{
	switch (type->kind) {
	case KIND_ORDERED_DICT:
	case KIND_DEQUE:
	case KIND_TYPE:
	case KIND_MODULE:
	case KIND_CODE:
	case KIND_OTHER:
		return true;
	case KIND_PLAIN:
	case KIND_INT:
	case KIND_FLOAT:
	case KIND_STR:
	case KIND_BYTES:
	case KIND_BYTEARRAY:
	case KIND_LIST:
	case KIND_TUPLE:
	case KIND_DICT:
	case KIND_SET:
	case KIND_FUNCTION:
	case KIND_FRAME:
	case KIND_GENERATOR:
	case KIND_WEAKREF:
	case KIND_CELL:
	case KIND_METHOD:
	case KIND_TRACEBACK:
		break;
	}
	return false;
}

/* Chunks of objects, with their types, one by one. */
static const struct py_type *next_object(struct py_walk *walk, chunk_id *chunk)
{
	const struct chunks *chunks = &walk->heap->chunks;

	for (; *chunk < chunks->n; (*chunk)++) {
		const struct py_type *type;

		if (walk->python->role[*chunk] != PY_OBJECT || chunks->state[*chunk] != CHUNK_IN_USE)
			continue;
		type = py_types_of_class(walk, walk->python->type[*chunk]);
		if (type)
			return type;
	}
	return NULL;
}

/* What hangs off the words of objects: of those that the interpreter has a way with, by pointers to starts alone; of others as libraries do it. */
static void claim_words(struct claims *claims, bool of_others)
{
	struct py_walk *walk = claims->walk;
	const struct chunks *chunks = &walk->heap->chunks;
	const struct py_type *type;

	for (chunk_id i = 0; (type = next_object(walk, &i)); i++) {
		vaddr object = object_at(walk, i), end = chunks->mem[i] + chunk_usable(chunks, i);

		if (!is_opaque(type) || (type->kind == KIND_OTHER) != of_others)
			continue;
		follow_words(claims, object + OBJECT_HEADER, end, PY_NATIVE, walk->python->type[i], of_others ? IN_FRONT : 0);
		if (type->kind == KIND_MODULE) {
			chunk_id state = chunk_got(walk, py_at(walk, object + MODULE_STATE));

			if (is_in_use(walk, state) && walk->python->role[state] == PY_TABLE && walk->python->type[state] == walk->python->type[i])
				array_append(&claims->pending, state);
		}
	}
	// Memory of a library leads anywhere into its own.
	follow_pending(claims, PY_NATIVE, of_others ? UINT64_MAX : 0);
}

void claims_make(struct py_walk *walk)
{
	struct claims claims = { .walk = walk, .is_held = xcalloc(walk->heap->chunks.n + 1, sizeof(bool)) };
	const struct py_type *type;

	for (chunk_id i = 0; (type = next_object(walk, &i)); i++)
		claim_tables(walk, i, object_at(walk, i), type);
	claim_module(&claims, walk->module, PY_INTERPRETER, 0);
	claim_others(&claims);
	claim_words(&claims, false);
	claim_words(&claims, true);
	array_deinit(&claims.pending);
	free(claims.is_held);
}
