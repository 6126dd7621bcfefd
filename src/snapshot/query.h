/* SPDX-License-Identifier: MIT */
/*
 * A question about a snapshot, in SQL; its answer comes row by row.
 *
 * The tables are those of heapsnap-snapshot(5), `chunk` and `edge` (tables.h). A query reads; whatever would change something is refused.
 */
#ifndef HEAPSNAP_SNAPSHOT_QUERY_H
#define HEAPSNAP_SNAPSHOT_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/snapshot.h"

struct query;

enum cell_kind {
	CELL_NULL,
	CELL_INTEGER,
	CELL_REAL,
	/** UTF-8 or what the target wrote in its place; unescaped. */
	CELL_TEXT,
	/** Bytes. */
	CELL_BLOB,
};

struct cell {
	enum cell_kind kind;
	int64_t integer;
	double real;
	/** Of text and blobs; text has a NUL behind it, too. Borrowed: until query_next() or query_destroy(). */
	const char *bytes;
	size_t size;
};

/** Compiles a query: one statement. The snapshot is borrowed until query_destroy(). Owner: the caller. Errors: ERROR_USAGE says what is wrong with the query. */
struct error *query_create(const struct snapshot *snapshot, const char *sql,
			   struct query **ret) _must_check_;

/** A query that tells the columns of all tables: table, column, type. Owner: the caller, query_destroy(). */
struct error *query_schema(const struct snapshot *snapshot, struct query **ret) _must_check_;

/** Ends it; NULL is accepted. */
void query_destroy(struct query *query);

static inline void query_destroy_p(struct query **query)
{
	query_destroy(*query);
}
#define _cleanup_query_ _cleanup_(query_destroy_p)

/** The parts of a snapshot that it asks about (enum snapshot_part): those that are not there are NULL, or no rows, in its answer. */
unsigned query_parts(const struct query *query);

/** How many columns its rows have; at least one. */
size_t query_columns(const struct query *query);

/** The name of a column, as the query has it. Borrowed: until query_destroy(). */
const char *query_column(const struct query *query, size_t column);

/** Goes to the next row, at first to the first one; `is_row_ret` is false behind the last. */
struct error *query_next(struct query *query, bool *is_row_ret) _must_check_;

/** A value of the present row. */
struct cell query_cell(const struct query *query, size_t column);

#endif
