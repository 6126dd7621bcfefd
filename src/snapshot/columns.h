/* SPDX-License-Identifier: MIT */
/*
 * Columns in the snapshot file: long arrays of numbers as compressed blobs, 64 Ki rows each.
 *
 *   table «columns» (name TEXT, block INTEGER, rows INTEGER, data BLOB)
 *
 * A blob is one zstd frame. Inside: a byte w of 0..8, then w planes of `rows` bytes: the lowest byte of each value, then the next, up to the highest that is not
 * zero everywhere. Bytes of one plane are alike, so they compress well; w = 0 says that all values are 0.
 *
 * What stands in a column is up to its writer (tables of file.c): often the difference from what the row before lets one expect.
 */
#ifndef HEAPSNAP_SNAPSHOT_COLUMNS_H
#define HEAPSNAP_SNAPSHOT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sqlite3;

enum { COLUMN_BLOCK = 64 * 1024 };

/** A column: its name, and how its values get out of and into the tables in memory (context). */
struct column_kind {
	const char *name;
	/** Gives the values of rows [first, first + n), n <= COLUMN_BLOCK, in ascending order of blocks. */
	void (*get)(const void *context, size_t first, size_t n, uint64_t *values);
	/** Takes the values of rows [first, first + n), in ascending order of blocks; false when they cannot be. */
	bool (*put)(void *context, size_t first, size_t n, const uint64_t *values);
};

/** A difference as a number that is small when its magnitude is: 0, -1, 1, -2 … become 0, 1, 2, 3 …; and back. */
static inline uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t unzigzag(uint64_t value)
{
	return value >> 1 ^ (0 - (value & 1));
}

/** Creates the table that all columns are in. */
struct error *columns_create(struct sqlite3 *db) _must_check_;

/** Writes a column of n rows. Errors: what SQLite says (ERROR_OS when there is no room). Cost: some 10 ns a row. */
struct error *column_write(struct sqlite3 *db, const struct column_kind *column, size_t n,
			   const void *context) _must_check_;

/** Reads a column of exactly n rows. Errors: ERROR_FORMAT when a block is missing, damaged, or refused by put. */
struct error *column_read(struct sqlite3 *db, const struct column_kind *column, size_t n,
			  void *context) _must_check_;

#endif
