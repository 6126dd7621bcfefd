/* SPDX-License-Identifier: MIT */
/*
 * Reading foreign bytes from front to back, within bounds.
 *
 * A read past the end gives 0 and marks the cursor as failed; after that all reads give 0, so a parser may look once, when it is done
 * with a record. Numbers are little-endian, as they are on every machine that is supported.
 */
#ifndef HEAPSNAP_BASE_CURSOR_H
#define HEAPSNAP_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

/** A cursor over the bytes from `offset` to `size` of a buffer; failed when the offset lies behind them. Borrows the buffer. */
static inline struct cursor cursor_of(const uint8_t *bytes, uint64_t size, uint64_t offset)
{
	if (!bytes || offset > size)
		return (struct cursor){ .failed = true };
	return (struct cursor){ .at = bytes + offset, .end = bytes + size };
}

/** How many bytes are left. */
static inline size_t cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

/** Fails and stays at the end. */
static inline void cursor_fail(struct cursor *cursor)
{
	cursor->failed = true;
	cursor->at = cursor->end;
}

/** Leaves bytes out. */
static inline void cursor_skip(struct cursor *cursor, uint64_t size)
{
	if (size > cursor_left(cursor))
		cursor_fail(cursor);
	else
		cursor->at += size;
}

/** An unsigned number of 1 to 8 bytes. */
static inline uint64_t cursor_number(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	if (size > sizeof(value) || size > cursor_left(cursor)) {
		cursor_fail(cursor);
		return 0;
	}
	// Constant sizes are loads, not calls.
	switch (size) {
	case 1:
		memcpy(&value, cursor->at, 1);
		break;
	case 2:
		memcpy(&value, cursor->at, 2);
		break;
	case 4:
		memcpy(&value, cursor->at, 4);
		break;
	case 8:
		memcpy(&value, cursor->at, 8);
		break;
	default:
		memcpy(&value, cursor->at, size);
		break;
	}
	cursor->at += size;
	return value;
}

/** An unsigned LEB128; bits above the 64th are dropped. */
static inline uint64_t cursor_uleb(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; cursor->at < cursor->end; shift += 7) {
		uint8_t byte = *cursor->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	cursor_fail(cursor);
	return 0;
}

/** A signed LEB128. */
static inline int64_t cursor_sleb(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; cursor->at < cursor->end;) {
		uint8_t byte = *cursor->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if ((byte & 0x40) && shift < 64)
			value |= ~UINT64_C(0) << shift;
		return (int64_t)value;
	}
	cursor_fail(cursor);
	return 0;
}

/** A string that ends before the end. Borrowed: as long as the bytes; "" when it failed. */
static inline const char *cursor_string(struct cursor *cursor)
{
	const char *string = (const char *)cursor->at;
	const uint8_t *end = cursor_left(cursor) ? memchr(cursor->at, 0, cursor_left(cursor)) : NULL;

	if (!end) {
		cursor_fail(cursor);
		return "";
	}
	cursor->at = end + 1;
	return string;
}

#endif
