/* SPDX-License-Identifier: MIT */
#include "snapshot/columns.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/alloc.h"
#include "snapshot/database.h"

enum {
	WIDTH_MAX = 8,
	PLAIN_MAX = 1 + WIDTH_MAX * COLUMN_BLOCK,
	/** Fast, and on shuffled bytes nearly as small as the slow levels. */
	LEVEL = 1,
};

/* Splits values into planes behind their width; returns the size. */
static size_t shuffle(const uint64_t *values, size_t n, uint8_t *plain)
{
	uint64_t any = 0;
	unsigned width = 0;

	for (size_t i = 0; i < n; i++)
		any |= values[i];
	for (; any; any >>= 8)
		width++;
	plain[0] = (uint8_t)width;
	for (unsigned plane = 0; plane < width; plane++) {
		uint8_t *out = plain + 1 + plane * n;

		for (size_t i = 0; i < n; i++)
			out[i] = (uint8_t)(values[i] >> (8 * plane));
	}
	return 1 + width * n;
}

static bool unshuffle(const uint8_t *plain, size_t size, size_t n, uint64_t *values)
{
	if (!size || plain[0] > WIDTH_MAX || size != 1 + plain[0] * n)
		return false;
	memset(values, 0, n * sizeof(*values));
	for (unsigned plane = 0; plane < plain[0]; plane++) {
		const uint8_t *in = plain + 1 + plane * n;

		for (size_t i = 0; i < n; i++)
			values[i] |= (uint64_t)in[i] << (8 * plane);
	}
	return true;
}

/* Room for one block, and the states of zstd, which are costly to make. */
struct work {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
	uint64_t values[COLUMN_BLOCK];
	uint8_t plain[PLAIN_MAX];
	uint8_t packed[];
};

static struct work *work_create(void)
{
	struct work *work = xmalloc(sizeof(*work) + ZSTD_compressBound(PLAIN_MAX));

	work->compress = NULL;
	work->decompress = NULL;
	return work;
}

static void work_destroy_p(struct work **work)
{
	// Both accept NULL.
	ZSTD_freeCCtx((*work)->compress);
	ZSTD_freeDCtx((*work)->decompress);
	free(*work);
}
#define _cleanup_work_ _cleanup_(work_destroy_p)

struct error *columns_create(struct sqlite3 *db)
{
	return database_run(db, "CREATE TABLE columns (name TEXT, block INTEGER, rows INTEGER, "
				"data BLOB, PRIMARY KEY (name, block))");
}

struct error *column_write(struct sqlite3 *db, const struct column_kind *column, size_t n,
			   const void *context)
{
	_cleanup_work_ struct work *work = work_create();
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(
		db, "INSERT INTO columns (name, block, rows, data) VALUES (?, ?, ?, ?)",
		&statement);

	work->compress = ZSTD_createCCtx();
	if (!error && !work->compress)
		return error_os(ENOMEM, "column %s", column->name);
	for (size_t first = 0; !error && first < n; first += COLUMN_BLOCK) {
		size_t rows = n - first < COLUMN_BLOCK ? n - first : COLUMN_BLOCK;

		column->get(context, first, rows, work->values);

		size_t plain = shuffle(work->values, rows, work->plain);
		size_t packed = ZSTD_compressCCtx(work->compress, work->packed,
						  ZSTD_compressBound(PLAIN_MAX), work->plain, plain,
						  LEVEL);

		if (ZSTD_isError(packed))
			return error_create(ERROR_FORMAT, "column %s cannot be compressed: %s",
					    column->name, ZSTD_getErrorName(packed));
		sqlite3_bind_text(statement, 1, column->name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)(first / COLUMN_BLOCK));
		sqlite3_bind_int64(statement, 3, (sqlite3_int64)rows);
		sqlite3_bind_blob64(statement, 4, work->packed, packed, SQLITE_STATIC);
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	return error;
}

static struct error *damaged(const struct column_kind *column, size_t block, const char *what)
{
	return error_create(ERROR_FORMAT, "block %zu of column %s %s", block, column->name, what);
}

struct error *column_read(struct sqlite3 *db, const struct column_kind *column, size_t n,
			  void *context)
{
	_cleanup_work_ struct work *work = work_create();
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	// By its index or not at all: without one, each block would cost a look at all of them.
	struct error *error = database_prepare(
		db,
		"SELECT rows, data FROM columns INDEXED BY sqlite_autoindex_columns_1 WHERE name = "
		"? AND block = ?",
		&statement);

	work->decompress = ZSTD_createDCtx();
	if (!error && !work->decompress)
		return error_os(ENOMEM, "column %s", column->name);
	for (size_t first = 0; !error && first < n; first += COLUMN_BLOCK) {
		size_t rows = n - first < COLUMN_BLOCK ? n - first : COLUMN_BLOCK,
		       block = first / COLUMN_BLOCK;
		bool is_row;

		sqlite3_bind_text(statement, 1, column->name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)block);
		error = database_row(db, statement, &is_row);
		if (error)
			break;
		if (!is_row || sqlite3_column_type(statement, 0) != SQLITE_INTEGER ||
		    sqlite3_column_int64(statement, 0) != (sqlite3_int64)rows ||
		    sqlite3_column_type(statement, 1) != SQLITE_BLOB)
			return damaged(column, block, "is missing");

		// A blob of no bytes has no address.
		const void *packed = sqlite3_column_blob(statement, 1);
		size_t size = (size_t)sqlite3_column_bytes(statement, 1);
		// The frame may say anything of its size: only what the rows need is given to it.
		size_t plain = packed ? ZSTD_decompressDCtx(work->decompress, work->plain,
							    1 + WIDTH_MAX * rows, packed, size)
				      : 0;

		if (ZSTD_isError(plain) || !unshuffle(work->plain, plain, rows, work->values))
			return damaged(column, block, "is damaged");
		if (!column->put(context, first, rows, work->values))
			return damaged(column, block, "holds what cannot be");
		sqlite3_reset(statement);
	}
	return error;
}
