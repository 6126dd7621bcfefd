/* SPDX-License-Identifier: MIT */
#include "snapshot/query.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "snapshot/database.h"
#include "snapshot/tables.h"

struct query {
	sqlite3 *db;
	sqlite3_stmt *statement;
	/** What it asks about. */
	unsigned parts;
};

void query_destroy(struct query *query)
{
	if (!query)
		return;
	// In this order; both accept NULL.
	sqlite3_finalize(query->statement);
	sqlite3_close(query->db);
	free(query);
}

/* Blanks, semicolons and comments are no statement. */
static bool is_empty(sqlite3 *db, const char *sql)
{
	while (*sql) {
		sqlite3_stmt *statement = NULL;
		const char *rest = sql;
		int code = sqlite3_prepare_v2(db, sql, -1, &statement, &rest);

		sqlite3_finalize(statement);
		if (code != SQLITE_OK || statement || rest == sql)
			return false;
		sql = rest;
	}
	return true;
}

struct error *query_create(const struct snapshot *snapshot, const char *sql, struct query **ret)
{
	_cleanup_query_ struct query *query = xcalloc(1, sizeof(*query));
	struct error *error = tables_open(snapshot, &query->parts, &query->db);
	const char *rest = NULL;

	if (error)
		return error;

	int code = sqlite3_prepare_v2(query->db, sql, -1, &query->statement, &rest);

	if (code == SQLITE_AUTH)
		return error_create(ERROR_USAGE,
				    "a snapshot can only be read: SELECT is what a query may do");
	if (code != SQLITE_OK)
		return error_create(ERROR_USAGE, "in the query: %s%s", sqlite3_errmsg(query->db),
				    !strncmp(sqlite3_errmsg(query->db), "no such ", 8) || *sql == '.'
					    ? " (without a query all tables are listed)"
					    : "");
	if (!query->statement || !sqlite3_column_count(query->statement))
		return error_create(ERROR_USAGE, "the query asks for nothing");
	if (!is_empty(query->db, rest))
		return error_create(ERROR_USAGE, "one query at a time: what is \"%s\"?",
				    rest + strspn(rest, " \t\n"));
	*ret = take_pointer(query);
	return NULL;
}

struct error *query_schema(const struct snapshot *snapshot, struct query **ret)
{
	// The virtual tables first: they are what people look for.
	return query_create(snapshot,
			    "SELECT t.name AS \"table\", c.name AS \"column\", c.type AS type FROM "
			    "sqlite_master AS t, pragma_table_info(t.name) AS c"
			    " WHERE t.type = 'table' ORDER BY t.rootpage > 0, t.name, c.cid",
			    ret);
}

unsigned query_parts(const struct query *query)
{
	return query->parts;
}

size_t query_columns(const struct query *query)
{
	return (size_t)sqlite3_column_count(query->statement);
}

const char *query_column(const struct query *query, size_t column)
{
	const char *name = sqlite3_column_name(query->statement, (int)column);

	// NULL is for want of memory.
	return name ? name : "?";
}

struct error *query_next(struct query *query, bool *is_row_ret)
{
	int code = sqlite3_step(query->statement);

	if (code == SQLITE_ROW || code == SQLITE_DONE) {
		*is_row_ret = code == SQLITE_ROW;
		return NULL;
	}
	return error_create(ERROR_USAGE, "in the query: %s", sqlite3_errmsg(query->db));
}

struct cell query_cell(const struct query *query, size_t column)
{
	sqlite3_stmt *statement = query->statement;
	int at = (int)column;

	switch (sqlite3_column_type(statement, at)) {
	case SQLITE_INTEGER:
		return (struct cell){ .kind = CELL_INTEGER,
				      .integer = sqlite3_column_int64(statement, at) };
	case SQLITE_FLOAT:
		return (struct cell){ .kind = CELL_REAL,
				      .real = sqlite3_column_double(statement, at) };
	case SQLITE_TEXT:
	case SQLITE_BLOB: {
		bool is_text = sqlite3_column_type(statement, at) == SQLITE_TEXT;
		const void *bytes = is_text ? (const void *)sqlite3_column_text(statement, at)
					    : sqlite3_column_blob(statement, at);

		return (struct cell){ .kind = is_text ? CELL_TEXT : CELL_BLOB,
				      .bytes = bytes ? bytes : "",
				      .size = (size_t)sqlite3_column_bytes(statement, at) };
	}
	}
	return (struct cell){ .kind = CELL_NULL };
}
