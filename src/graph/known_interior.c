/* SPDX-License-Identifier: MIT */
#include "graph/known_interior.h"

enum {
	/** By how much usable size can exceed what was asked for: 15 bytes of rounding, and a remainder too small to be a chunk. */
	SLACK = 31,
	/** The header of a std::string of the old kind: length, capacity, reference count. */
	STRING_HEADER = 24,
	/** The vtables of one class lie in one group. Units: bytes. */
	VTABLE_GROUP_MAX = 1 << 16,
	/** Offset to top, then the type information, stand in front of a vtable's address point. */
	VTABLE_TOP = 16,
};

/* A size in front: that of all that follows it. */
static bool is_size(uint64_t word, uint64_t usable)
{
	return word <= usable - 8 && word + SLACK >= usable - 8;
}

/* A number of elements in front, that the rest can be divided by. */
static bool is_count(uint64_t word, uint64_t usable)
{
	return word && word <= usable - 8 && (usable - 8) % word <= SLACK;
}

static bool is_old_string(struct window *window, vaddr mem, uint64_t usable)
{
	uint64_t length, capacity, references;

	// Capacity has no upper bound within the chunk but the chunk; far less than half of it would be no string.
	return window_word(window, mem, &length) && window_word(window, mem + 8, &capacity) && length <= capacity &&
	       capacity <= usable - STRING_HEADER && capacity + STRING_HEADER >= usable / 2 &&
	       window_word(window, mem + 16, &references) && (references & UINT32_MAX) < 1 << 20;
}

/* The flags of an sds header say what the header is: 2 is two numbers of 32 bits, 3 two of 64. */
static bool is_sds(struct window *window, vaddr mem, uint64_t usable, uint64_t offset)
{
	uint64_t word, capacity;

	if (offset == 9)
		return window_word(window, mem, &word) && (word & UINT32_MAX) <= word >> 32 && (word >> 32) + 10 <= usable &&
		       window_word(window, mem + 8, &capacity) && (capacity & 7) == 2;
	return offset == 17 && window_word(window, mem, &word) && window_word(window, mem + 8, &capacity) && word <= capacity &&
	       capacity <= usable - 18 && window_word(window, mem + 16, &word) && (word & 7) == 3;
}

static bool is_second_base(struct window *window, vaddr mem, uint64_t offset)
{
	uint64_t first, second, top;

	if (offset % 8 || !window_word(window, mem, &first) || !window_word(window, mem + offset, &second) ||
	    first % 8 || second % 8 || first < VTABLE_TOP || second - first - 1 >= VTABLE_GROUP_MAX)
		return false;
	// Few words come this far; vtables are in other segments, or in files.
	return image_get_word(window->image, second - VTABLE_TOP, &top) && top == -offset &&
	       image_get_word(window->image, first - VTABLE_TOP, &top) && top == 0;
}

bool known_interior(struct window *window, vaddr mem, uint64_t usable, uint64_t offset)
{
	uint64_t word;

	if (offset == 8 && window_word(window, mem, &word) && (is_count(word, usable) || is_size(word, usable)))
		return true;
	if (offset == STRING_HEADER && usable > STRING_HEADER && is_old_string(window, mem, usable))
		return true;
	if ((offset == 9 || offset == 17) && usable >= 24)
		return is_sds(window, mem, usable, offset);
	return is_second_base(window, mem, offset);
}
