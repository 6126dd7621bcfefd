/* SPDX-License-Identifier: MIT */
/*
 * Columns in the snapshot file: long arrays of numbers as compressed blobs, 64 Ki rows each.
 *
 *   table «columns» (name TEXT, block INTEGER, rows INTEGER, data BLOB)
 *
 * A blob is one zstd frame. Inside: a byte w of 0..8, then w planes of `rows` bytes: the lowest byte of each value, then the next, up to the highest that is not
 * zero everywhere. Bytes of one plane are alike, so they compress well; w = 0 says that all values are 0.
 *
 * What stands in a column is up to its writer (schema.h): often the difference from what the row before lets one expect.
 */
#ifndef HEAPSNAP_SNAPSHOT_COLUMNS_H
#define HEAPSNAP_SNAPSHOT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sqlite3;

enum { COLUMN_BLOCK = 64 * 1024 };

/** Gives the values of rows [first, first + n), n <= COLUMN_BLOCK, in ascending order of blocks. */
typedef void column_get(void *context, size_t first, size_t n, uint64_t *values);

/** Takes the values of rows [first, first + n), in ascending order of blocks; false when they cannot be. */
typedef bool column_put(void *context, size_t first, size_t n, const uint64_t *values);

/** Writes a column of n rows. Errors: what SQLite says (ERROR_OS when there is no room). Cost: some 10 ns a row. */
struct error *column_write(struct sqlite3 *db, const char *name, size_t n, column_get *get, void *context) _must_check_;

/** Reads a column of exactly n rows. Errors: ERROR_FORMAT when a block is missing, damaged, or refused by put. */
struct error *column_read(struct sqlite3 *db, const char *name, size_t n, column_put *put, void *context) _must_check_;

#endif
