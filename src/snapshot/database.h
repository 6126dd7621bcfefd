/* SPDX-License-Identifier: MIT */
/*
 * SQLite, as errors of ours: the few calls that the chapters of this folder share. Private to snapshot/.
 */
#ifndef HEAPSNAP_SNAPSHOT_DATABASE_H
#define HEAPSNAP_SNAPSHOT_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

static inline void statement_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}
#define _cleanup_statement_ _cleanup_(statement_finalize)

static inline void database_close_p(sqlite3 **db)
{
	sqlite3_close(*db);
}
#define _cleanup_database_ _cleanup_(database_close_p)

/** What SQLite says about its last call: ERROR_OS where the disk or memory is the reason, else ERROR_FORMAT. */
struct error *database_error(sqlite3 *db) _must_check_;

/** Compiles a statement. Owner: the caller. */
struct error *database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret) _must_check_;

/** Runs a statement that gives no rows. */
struct error *database_step(sqlite3 *db, sqlite3_stmt *statement) _must_check_;

/** Goes to the next row; `is_row_ret` is false behind the last. */
struct error *database_row(sqlite3 *db, sqlite3_stmt *statement, bool *is_row_ret) _must_check_;

/** Runs statements that give no rows, separated by semicolons. */
struct error *database_run(sqlite3 *db, const char *sql) _must_check_;

#endif
