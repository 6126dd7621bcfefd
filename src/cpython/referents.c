/* SPDX-License-Identifier: MIT */
/*
 * What an object refers to, each with the name that a program would use.
 *
 *   rule        list, tuple, deque [i]; dict [key]; set; instances .attribute; functions, frames, generators: their own members
 *   members     what a type says of the words of its objects (slots of classes, members of extensions)
 *   the rest    words that are addresses of objects: +offset
 *
 * A weak reference is none. What a class or a module has is in a dict of its own; that step is marked, so that it can be left out of what people read.
 *
 * Source: the tp_traverse of each type, in CPython Objects/.
 */
#include "cpython/referents.h"

#include <string.h>

enum {
	TYPE_MEMBERS = 240,
	MEMBERS_MAX = 4096,
	BASES_MAX = 64,
	/** PyMemberDef.type: T_OBJECT and T_OBJECT_EX. */
	MEMBER_OBJECT = 6,
	MEMBER_OBJECT_EX = 16,
	MODULE_DICT = 16,
	ORDERED_DICT_ATTRIBUTES = 96,
	DEQUE_LEFT = 24,
	DEQUE_LEFT_INDEX = 40,
	DEQUE_ITEMS = 8,
	DEQUE_BLOCK_ITEMS = 64,
	DEQUE_BLOCK_RIGHT = 520,
	SET_ENTRY = 16,
	CELL_CONTENTS = 16,
	METHOD_FUNCTION = 16,
	METHOD_SELF = 24,
	WEAKREF_CALLBACK = 24,
	TRACEBACK_NEXT = 16,
	TRACEBACK_FRAME = 24,
	FRAME_OBJECT_BACK = 16,
	/** Slots of a frame that can be. */
	LOCALS_MAX = 1 << 16,
	/** Items of one container that can be. */
	ITEMS_MAX = INT32_MAX,
	/** Words of an object of unknown kind. */
	WORDS_MAX = 1 << 16,
};

static void give(const struct py_visit *visit, enum py_label_kind kind, uint64_t value, vaddr target)
{
	if (target)
		visit->take(visit->context, (struct py_label){ kind, value }, target);
}

/* What a member that holds an object holds. */
static void give_at(const struct py_visit *visit, const char *name, vaddr object, uint32_t offset)
{
	if (offset != MEMBER_ABSENT)
		give(visit, LABEL_NAME, (uint64_t)(uintptr_t)name, py_at(visit->walk, object + offset));
}

static void give_dict(const struct py_visit *visit, vaddr object, uint32_t offset)
{
	give(visit, LABEL_DICT, 0, py_at(visit->walk, object + offset));
}

static uint64_t bounded(uint64_t n)
{
	return n <= ITEMS_MAX ? n : 0;
}

static void visit_items(const struct py_visit *visit, vaddr items, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t target;

		if (!py_word(visit->walk, items + i * 8, &target))
			return;
		give(visit, n > LABEL_INDEXES_MAX ? LABEL_ANY_INDEX : LABEL_INDEX, i, target);
	}
}

static void visit_deque(const struct py_visit *visit, vaddr object)
{
	struct py_walk *walk = visit->walk;
	uint64_t n = bounded(py_at(walk, object + OBJECT_SIZE)), at = py_at(walk, object + DEQUE_LEFT_INDEX) % DEQUE_BLOCK_ITEMS;
	vaddr block = py_at(walk, object + DEQUE_LEFT);

	for (uint64_t i = 0; i < n && block; i++) {
		uint64_t target;

		if (!py_word(walk, block + DEQUE_ITEMS + at * 8, &target))
			return;
		give(visit, n > LABEL_INDEXES_MAX ? LABEL_ANY_INDEX : LABEL_INDEX, i, target);
		if (++at == DEQUE_BLOCK_ITEMS) {
			at = 0;
			block = py_at(walk, block + DEQUE_BLOCK_RIGHT);
		}
	}
}

static void visit_set(const struct py_visit *visit, vaddr object)
{
	vaddr table = py_at(visit->walk, object + SET_TABLE);
	uint64_t n = bounded(py_at(visit->walk, object + SET_MASK)) + 1;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t target, hash;

		if (!py_word(visit->walk, table + i * SET_ENTRY, &target) || !py_word(visit->walk, table + i * SET_ENTRY + 8, &hash))
			return;
		// What was taken out leaves an entry with this hash.
		if (hash != UINT64_MAX)
			give(visit, LABEL_ELEMENT, 0, target);
	}
}

struct entries {
	const struct py_visit *visit;
	bool is_large;
};

static bool take_entry(void *context, vaddr key, vaddr value)
{
	const struct entries *entries = context;

	give(entries->visit, entries->is_large ? LABEL_ANY_KEY : LABEL_KEY, key, value);
	give(entries->visit, LABEL_THE_KEY, 0, key);
	return true;
}

static void visit_dict(const struct py_visit *visit, vaddr object)
{
	struct entries entries = { visit, py_at(visit->walk, object + DICT_USED) > LABEL_KEYS_MAX };

	dict_walk(visit->walk, object, take_entry, &entries);
}

/* Attributes that lie in an array in the order of the keys of the class. */
static void visit_values(const struct py_visit *visit, const struct py_type *type, vaddr values)
{
	struct dict_keys keys;

	if (!values || !dict_keys_read(visit->walk, type->cached_keys, &keys))
		return;
	for (uint64_t i = 0; i < keys.n_entries; i++) {
		uint64_t name, target;

		if (!py_word(visit->walk, keys.entries + i * keys.entry_size + (keys.is_unicode ? 0 : 8), &name) ||
		    !py_word(visit->walk, values + i * 8, &target))
			return;
		give(visit, LABEL_ATTRIBUTE, name, target);
	}
}

static void visit_managed(const struct py_visit *visit, vaddr object, const struct py_type *type)
{
	enum { EMBEDDED_VALID = 3 };
	struct py_walk *walk = visit->walk;
	uint64_t word = py_at(walk, object - 24);

	switch (walk->layout.inline_values) {
	case INLINE_BEFORE:
		visit_values(visit, type, py_at(walk, object - 32));
		give(visit, LABEL_DICT, 0, word);
		break;
	case INLINE_TAGGED:
		if (word & 1)
			visit_values(visit, type, word + 1);
		else
			give(visit, LABEL_DICT, 0, word);
		break;
	case INLINE_BEHIND:
		if (word)
			give(visit, LABEL_DICT, 0, word);
		else if (type->flags & walk->layout.flag_inline_values && py_u8(walk, object + type->basicsize + EMBEDDED_VALID))
			visit_values(visit, type, object + type->basicsize + walk->layout.values_header);
		break;
	case INLINE_NONE:
		break;
	}
}

/* The dict of an instance of a class without managed attributes. */
static void visit_own_dict(const struct py_visit *visit, vaddr object, const struct py_type *type)
{
	int64_t offset = type->dictoffset;

	if (type->flags & visit->walk->layout.flag_managed_dict || type->kind == KIND_TYPE)
		return;
	if (offset < 0)
		offset += (int64_t)((object_own_size(visit->walk, object, type) + 7) & ~UINT64_C(7));
	if (offset >= OBJECT_HEADER && offset < INT32_MAX)
		give_dict(visit, object, (uint32_t)offset);
}

/* What the type and its bases say of the words of an object; gives the bits of those of the first 64 words that are named. */
static uint64_t visit_members(const struct py_visit *visit, vaddr object, const struct py_type *type)
{
	struct py_walk *walk = visit->walk;
	uint64_t named = 0;
	vaddr at = type->address;

	for (size_t i = 0; i < BASES_MAX && at; i++, at = py_at(walk, at + TYPE_BASE)) {
		vaddr member = py_at(walk, at + TYPE_MEMBERS);
		uint64_t name;

		for (size_t k = 0; k < MEMBERS_MAX && member && py_word(walk, member, &name) && name; k++, member += MEMBER_DEF_SIZE) {
			uint32_t kind = py_u32(walk, member + MEMBER_DEF_TYPE);
			uint64_t offset = py_at(walk, member + MEMBER_DEF_OFFSET);

			if ((kind != MEMBER_OBJECT && kind != MEMBER_OBJECT_EX) || offset < OBJECT_HEADER || offset >= INT32_MAX || offset % 8 ||
			    (offset / 8 < 64 && named >> offset / 8 & 1))
				continue;
			if (offset / 8 < 64)
				named |= UINT64_C(1) << offset / 8;
			give(visit, LABEL_MEMBER, name, py_at(walk, object + offset));
		}
	}
	return named;
}

/* A word without a name; of a cache of results its only dict has one all the same. */
static void give_word(const struct py_visit *visit, const struct py_type *type, uint64_t offset, vaddr target)
{
	uint32_t of = type->is_lru_cache ? py_object_type(visit->walk, target) : UINT32_MAX;

	if (of != UINT32_MAX && visit->walk->types.v[of].kind == KIND_DICT)
		give(visit, LABEL_NAME, (uint64_t)(uintptr_t)"cache", target);
	else
		give(visit, LABEL_OFFSET, offset, target);
}

/* Words that are addresses of objects, but for those that have names. */
static void visit_words(const struct py_visit *visit, vaddr object, const struct py_type *type, uint64_t named)
{
	const struct chunks *chunks = &visit->walk->heap->chunks;
	chunk_id chunk = chunks_find(chunks, object);
	uint64_t size = object_own_size(visit->walk, object, type);

	if (chunk != CHUNK_NONE && chunk_usable(chunks, chunk) - (object - chunks->mem[chunk]) < size)
		size = chunk_usable(chunks, chunk) - (object - chunks->mem[chunk]);
	for (uint64_t offset = OBJECT_HEADER; offset + 8 <= size && offset < WORDS_MAX; offset += 8) {
		uint64_t word;

		if ((offset / 8 < 64 && named >> offset / 8 & 1) || (int64_t)offset == type->dictoffset)
			continue;
		if (!py_word(visit->walk, object + offset, &word))
			return;
		// Only what is known to be an object: anything may lie here.
		chunk = word && word < CHUNK_MEM_END ? chunks_find(chunks, word) : CHUNK_NONE;
		if (chunk != CHUNK_NONE && visit->walk->python->role[chunk] == PY_OBJECT && object_at(visit->walk, chunk) == word)
			give_word(visit, type, offset, word);
	}
}

static void visit_exception(const struct py_visit *visit, vaddr object)
{
	// 3.11 put the notes between arguments and traceback.
	uint32_t after = visit->walk->layout.keys_log2 ? 40 : 32;

	give_dict(visit, object, 16);
	give_at(visit, "args", object, 24);
	give_at(visit, "__traceback__", object, after);
	give_at(visit, "__context__", object, after + 8);
	give_at(visit, "__cause__", object, after + 16);
}

/* The dicts of a thread-local object, one for each thread: it keeps them by weak references. */
static bool take_local(void *context, vaddr key, vaddr value)
{
	const struct py_visit *visit = context;

	(void)key;
	give(visit, LABEL_DICT, 0, value);
	return true;
}

struct first_key {
	struct py_walk *walk;
	bool is_weak;
};

static bool look_at_key(void *context, vaddr key, vaddr value)
{
	struct first_key *first = context;
	uint32_t type = py_types_at(first->walk, py_at(first->walk, key + OBJECT_TYPE));

	(void)value;
	// The thread's own object, or since 3.13 one that stands for it, by a weak reference.
	first->is_weak = type != UINT32_MAX && (first->walk->types.v[type].kind == KIND_WEAKREF ||
						!strcmp(first->walk->python->classes.v[first->walk->types.v[type].class].name, "_thread._localdummy"));
	return false;
}

static void visit_thread_local(const struct py_visit *visit, vaddr object, const struct py_type *type)
{
	for (uint32_t offset = OBJECT_HEADER; offset + 8 <= type->basicsize; offset += 8) {
		vaddr dict = py_at(visit->walk, object + offset);
		uint32_t kind = dict ? py_object_type(visit->walk, dict) : UINT32_MAX;
		struct first_key first = { visit->walk, false };

		if (kind == UINT32_MAX || visit->walk->types.v[kind].kind != KIND_DICT)
			continue;
		dict_walk(visit->walk, dict, look_at_key, &first);
		if (first.is_weak)
			dict_walk(visit->walk, dict, take_local, (void *)(uintptr_t)visit);
	}
}

/* ---- frames ---- */

/* The name of a slot: locals, then cells and free variables. */
static vaddr slot_name(struct py_walk *walk, vaddr code, uint64_t slot)
{
	const struct py_layout *layout = &walk->layout;
	const uint32_t tables[] = { layout->code_localsplusnames, layout->code_varnames, layout->code_cellvars, layout->code_freevars };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		vaddr names;
		uint64_t n;

		if (tables[i] == MEMBER_ABSENT)
			continue;
		names = py_at(walk, code + tables[i]);
		n = bounded(py_at(walk, names + OBJECT_SIZE));
		if (slot < n)
			return py_at(walk, names + layout->tuple_items + slot * 8);
		slot -= n;
	}
	return 0;
}

void frame_visit(const struct py_visit *visit, vaddr frame)
{
	enum { REFERENCE_TAGS = 3 };
	struct py_walk *walk = visit->walk;
	const struct py_layout *layout = &walk->layout;
	vaddr code = py_at(walk, frame + layout->frame_code) & ~(vaddr)REFERENCE_TAGS;
	uint32_t code_type = code ? py_object_type(walk, code) : UINT32_MAX;
	vaddr slots = frame + layout->frame_localsplus;
	uint64_t n;

	// A shim that stands between C and Python has no code of its own.
	if (code_type == UINT32_MAX || walk->types.v[code_type].kind != KIND_CODE)
		return;
	if (visit->part != VISIT_WITHOUT_GLOBALS)
		give_dict(visit, frame, layout->frame_globals);
	if (visit->part == VISIT_GLOBALS)
		return;
	if (layout->code_localsplusnames != MEMBER_ABSENT) {
		n = bounded(py_at(walk, py_at(walk, code + layout->code_localsplusnames) + OBJECT_SIZE));
	} else {
		n = 0;
		for (size_t i = 0; i < 3; i++)
			n += bounded(py_at(walk, py_at(walk, code + (uint32_t[]){ layout->code_varnames, layout->code_cellvars, layout->code_freevars }[i]) +
							 OBJECT_SIZE));
	}
	for (uint64_t i = 0; i < n && i < LOCALS_MAX; i++) {
		uint64_t word;

		if (!py_word(walk, slots + i * 8, &word))
			return;
		give(visit, LABEL_LOCAL, slot_name(walk, code, i), word & ~(uint64_t)REFERENCE_TAGS);
	}
	give(visit, LABEL_NAME, (uint64_t)(uintptr_t)"f_code", code);
}

static void visit_frame_object(const struct py_visit *visit, vaddr object)
{
	const struct py_layout *layout = &visit->walk->layout;
	vaddr frame;

	if (layout->frame_object_frame == MEMBER_ABSENT) {
		give_at(visit, "f_back", object, layout->frame_previous);
		frame_visit(visit, object);
		return;
	}
	give_at(visit, "f_back", object, FRAME_OBJECT_BACK);
	frame = py_at(visit->walk, object + layout->frame_object_frame);
	// Of a function that has returned, it lies in the object; that of a running one is a root by itself.
	if (frame > object && chunks_find(&visit->walk->heap->chunks, frame) == chunks_find(&visit->walk->heap->chunks, object))
		frame_visit(visit, frame);
}

static void visit_generator(const struct py_visit *visit, vaddr object)
{
	const struct py_layout *layout = &visit->walk->layout;

	if (layout->generator_frame != MEMBER_ABSENT)
		frame_visit(visit, object + layout->generator_frame);
	else
		give_at(visit, "gi_frame", object, layout->generator_frame_object);
}

static void visit_function(const struct py_visit *visit, vaddr object)
{
	const struct py_layout *layout = &visit->walk->layout;
	const struct {
		uint32_t offset;
		const char *name;
	} names[] = {
		{ layout->function_code, "__code__" },		{ layout->function_defaults, "__defaults__" },
		{ layout->function_closure, "__closure__" },	{ layout->function_name, "__name__" },
	};

	for (uint32_t offset = OBJECT_HEADER; offset <= layout->function_last; offset += 8) {
		const char *name = NULL;

		if (offset == layout->function_weak)
			continue;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (names[i].offset == offset)
				name = names[i].name;
		if (offset == layout->function_dict)
			give_dict(visit, object, offset);
		else if (name)
			give_at(visit, name, object, offset);
		else if (py_object_type(visit->walk, py_at(visit->walk, object + offset)) != UINT32_MAX)
			give(visit, offset == layout->function_globals ? LABEL_DICT : LABEL_OFFSET, offset, py_at(visit->walk, object + offset));
	}
}

static void visit_type(const struct py_visit *visit, vaddr object)
{
	const struct py_layout *layout = &visit->walk->layout;

	give_dict(visit, object, TYPE_DICT);
	give_at(visit, "__bases__", object, TYPE_BASES);
	give_at(visit, "__mro__", object, TYPE_MRO);
	if (!(py_at(visit->walk, object + TYPE_FLAGS) & TYPE_FLAG_HEAP))
		return;
	give_at(visit, "__name__", object, layout->class_name);
	give_at(visit, "__qualname__", object, layout->class_qualname);
	give_at(visit, "__slots__", object, layout->class_slots);
}

void object_visit(const struct py_visit *visit, vaddr object, const struct py_type *type)
{
	struct py_walk *walk = visit->walk;

	if (type->flags & walk->layout.flag_managed_dict && chunks_find(&walk->heap->chunks, object) != CHUNK_NONE)
		visit_managed(visit, object, type);
	if (type->dictoffset)
		visit_own_dict(visit, object, type);
	if (type->flags & TYPE_FLAG_HEAP)
		give(visit, LABEL_NAME, (uint64_t)(uintptr_t)"__class__", type->address);
	switch (type->kind) {
	case KIND_INT:
	case KIND_FLOAT:
	case KIND_STR:
	case KIND_BYTES:
	case KIND_BYTEARRAY:
		return;
	case KIND_LIST:
		visit_items(visit, py_at(walk, object + LIST_ITEMS), bounded(py_at(walk, object + OBJECT_SIZE)));
		break;
	case KIND_TUPLE:
		visit_items(visit, object + walk->layout.tuple_items, bounded(py_at(walk, object + OBJECT_SIZE)));
		return;
	case KIND_DICT:
		visit_dict(visit, object);
		break;
	case KIND_ORDERED_DICT:
		visit_dict(visit, object);
		give_dict(visit, object, ORDERED_DICT_ATTRIBUTES);
		break;
	case KIND_SET:
		visit_set(visit, object);
		break;
	case KIND_DEQUE:
		visit_deque(visit, object);
		break;
	case KIND_TYPE:
		visit_type(visit, object);
		return;
	case KIND_FUNCTION:
		visit_function(visit, object);
		return;
	case KIND_MODULE:
		give_dict(visit, object, MODULE_DICT);
		return;
	case KIND_CODE:
		give_at(visit, "co_consts", object, walk->layout.code_consts);
		give_at(visit, "co_names", object, walk->layout.code_names);
		visit_words(visit, object, type, UINT64_C(1) << walk->layout.code_consts / 8 | UINT64_C(1) << walk->layout.code_names / 8);
		return;
	case KIND_FRAME:
		visit_frame_object(visit, object);
		return;
	case KIND_GENERATOR:
		visit_generator(visit, object);
		return;
	case KIND_WEAKREF:
		give_at(visit, "__callback__", object, WEAKREF_CALLBACK);
		return;
	case KIND_CELL:
		give_at(visit, "cell_contents", object, CELL_CONTENTS);
		return;
	case KIND_METHOD:
		give_at(visit, "__func__", object, METHOD_FUNCTION);
		give_at(visit, "__self__", object, METHOD_SELF);
		return;
	case KIND_TRACEBACK:
		give_at(visit, "tb_next", object, TRACEBACK_NEXT);
		give_at(visit, "tb_frame", object, TRACEBACK_FRAME);
		return;
	case KIND_PLAIN:
	case KIND_OTHER:
		break;
	}
	if (type->flags & TYPE_FLAG_EXCEPTION)
		visit_exception(visit, object);
	if (type->kind != KIND_OTHER && !(type->flags & TYPE_FLAG_HEAP))
		return;
	if (type->is_thread_local)
		visit_thread_local(visit, object, type);

	uint64_t named = visit_members(visit, object, type);

	if (type->kind == KIND_OTHER)
		visit_words(visit, object, type, named | (type->flags & TYPE_FLAG_EXCEPTION ? UINT64_C(0xff) : 0));
}
