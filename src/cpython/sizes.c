/* SPDX-License-Identifier: MIT */
/*
 * How large objects are, as Python itself counts.
 *
 * Source: the __sizeof__ of each type, in CPython Objects/.
 */
#include <stdlib.h>

#include "cpython/walk.h"

enum {
	INT_DIGITS = 24,
	INT_TAG = 16,
	BYTEARRAY_ALLOCATED = 24,
	SET_ENTRY = 16,
	DEQUE_BLOCK = 528,
	DEQUE_LEFT = 24,
	DEQUE_LEFT_INDEX = 40,
	DEQUE_BLOCK_ITEMS = 64,
	STR_LENGTH = 16,
	STR_STATE = 32,
	KEYS_USABLE = 16,
	ORDERED_FAST_SIZE = 72,
	ORDERED_NODE = 32,
};

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

/* A number of items that can be believed. */
static uint64_t items(struct py_walk *walk, vaddr at)
{
	enum { BITS = 40 };
	uint64_t n = magnitude((int64_t)py_at(walk, at));

	return n >> BITS ? 0 : n;
}

static uint64_t str_size(struct py_walk *walk, vaddr object)
{
	uint32_t state = py_u32(walk, object + STR_STATE), width = state >> 2 & 7;
	uint64_t length = items(walk, object + STR_LENGTH), size, utf8;
	vaddr text;

	if (state >> 5 & state >> 6 & 1)
		return walk->layout.str_ascii + length + 1;
	size = walk->layout.str_compact;
	if (!(state >> 5 & 1)) {
		size += 8;
		text = py_at(walk, object + walk->layout.str_compact);
		size += text ? (length + 1) * width : 0;
	} else {
		text = object + walk->layout.str_compact;
		size += (length + 1) * width;
	}
	utf8 = py_at(walk, object + walk->layout.str_ascii + 8);
	if (utf8 && utf8 != text)
		size += items(walk, object + walk->layout.str_ascii) + 1;
	return size;
}

/* Digits of an int; 0 has one from 3.11 on. */
static uint64_t int_digits(struct py_walk *walk, vaddr object)
{
	uint64_t n;

	if (!walk->layout.int_tagged)
		n = items(walk, object + OBJECT_SIZE);
	else
		n = py_at(walk, object + INT_TAG) >> 3;
	if (n >> 40)
		return 0;
	return n || !walk->layout.int_has_digit ? n : 1;
}

static uint64_t dict_tables(struct py_walk *walk, vaddr object)
{
	struct dict_keys keys;
	uint64_t size = 0;

	if (!dict_keys_read(walk, py_at(walk, object + DICT_KEYS), &keys))
		return 0;
	if (py_at(walk, object + DICT_VALUES))
		// Shared tables have room for fewer entries than their size would give.
		size += 8 * (walk->layout.keys_log2 ? keys.n_entries + items(walk, py_at(walk, object + DICT_KEYS) + KEYS_USABLE) : keys.usable);
	// Shared ones belong to the class.
	if (keys.references == 1)
		size += keys.size;
	return size;
}

/* Since 3.11 the frame lies in the generator, as large as its code says. */
static uint64_t generator_size(struct py_walk *walk, vaddr object, const struct py_type *type)
{
	enum { REFERENCE_TAGS = 3, SLOTS_MAX = 1 << 20 };
	const struct py_layout *layout = &walk->layout;
	vaddr code;
	uint64_t slots;

	if (layout->generator_frame == MEMBER_ABSENT)
		return type->basicsize;
	code = py_at(walk, object + layout->generator_frame + layout->frame_code) & ~(vaddr)REFERENCE_TAGS;
	slots = layout->code_frame_size != MEMBER_ABSENT
			? py_u32(walk, code + layout->code_frame_size)
			: layout->frame_localsplus / 8 + (uint64_t)py_u32(walk, code + layout->code_n_slots) + py_u32(walk, code + layout->code_stack_size);
	return layout->generator_frame + (slots < SLOTS_MAX ? slots : 0) * 8;
}

static uint64_t deque_size(struct py_walk *walk, vaddr object)
{
	uint64_t n = items(walk, object + OBJECT_SIZE), first = items(walk, object + DEQUE_LEFT_INDEX);
	uint64_t blocks = (first % DEQUE_BLOCK_ITEMS + n + DEQUE_BLOCK_ITEMS - 1) / DEQUE_BLOCK_ITEMS;

	return (blocks ? blocks : 1) * DEQUE_BLOCK;
}

uint64_t object_own_size(struct py_walk *walk, vaddr object, const struct py_type *type)
{
	switch (type->kind) {
	case KIND_INT:
		return (type->basicsize > INT_DIGITS + 4 ? type->basicsize - 4 : INT_DIGITS) + int_digits(walk, object) * 4;
	case KIND_STR:
		if (type->flags & TYPE_FLAG_HEAP)
			return type->basicsize;
		return str_size(walk, object);
	case KIND_GENERATOR:
	case KIND_FRAME:
		// Their number of items is that of the code, or none.
		return type->basicsize;
	case KIND_PLAIN:
	case KIND_FLOAT:
	case KIND_BYTES:
	case KIND_BYTEARRAY:
	case KIND_LIST:
	case KIND_TUPLE:
	case KIND_DICT:
	case KIND_ORDERED_DICT:
	case KIND_SET:
	case KIND_DEQUE:
	case KIND_TYPE:
	case KIND_FUNCTION:
	case KIND_MODULE:
	case KIND_CODE:
	case KIND_WEAKREF:
	case KIND_CELL:
	case KIND_METHOD:
	case KIND_TRACEBACK:
	case KIND_OTHER:
		break;
	}
	return type->basicsize + (type->itemsize ? items(walk, object + OBJECT_SIZE) * type->itemsize : 0);
}

uint64_t object_getsizeof(struct py_walk *walk, vaddr object, const struct py_type *type)
{
	uint64_t size = object_own_size(walk, object, type);
	struct dict_keys keys;

	switch (type->kind) {
	case KIND_STR:
		// Derived classes have their attributes left out.
		size = str_size(walk, object);
		break;
	case KIND_INT:
		if (!walk->layout.int_tagged)
			size = INT_DIGITS + int_digits(walk, object) * 4;
		break;
	case KIND_GENERATOR:
		size = generator_size(walk, object, type);
		break;
	case KIND_ORDERED_DICT:
		size += dict_tables(walk, object) + items(walk, object + ORDERED_FAST_SIZE) * 8 + items(walk, object + DICT_USED) * ORDERED_NODE;
		break;
	case KIND_LIST:
		size += items(walk, object + LIST_ALLOCATED) * 8;
		break;
	case KIND_DICT:
		size += dict_tables(walk, object);
		break;
	case KIND_SET:
		if (py_at(walk, object + SET_TABLE) != object + SET_SMALL_TABLE)
			size += (items(walk, object + SET_MASK) + 1) * SET_ENTRY;
		break;
	case KIND_BYTEARRAY:
		size += items(walk, object + BYTEARRAY_ALLOCATED);
		break;
	case KIND_DEQUE:
		size += deque_size(walk, object);
		break;
	case KIND_TYPE:
		// Slots, and what a metaclass adds, are left out.
		size = py_u32(walk, walk->type_type + TYPE_BASICSIZE);
		if (py_at(walk, object + TYPE_FLAGS) & TYPE_FLAG_HEAP &&
		    dict_keys_read(walk, py_at(walk, object + walk->layout.class_cached_keys), &keys))
			size += keys.size;
		break;
	case KIND_PLAIN:
	case KIND_FLOAT:
	case KIND_BYTES:
	case KIND_TUPLE:
	case KIND_FUNCTION:
	case KIND_MODULE:
	case KIND_CODE:
	case KIND_FRAME:
	case KIND_WEAKREF:
	case KIND_CELL:
	case KIND_METHOD:
	case KIND_TRACEBACK:
	case KIND_OTHER:
		break;
	}
	// What sys.getsizeof() adds by itself: what stands before the object.
	return size + type->lead;
}
