/* SPDX-License-Identifier: MIT */
#include "snapshot/database.h"

#include <errno.h>

#include "snapshot/descriptor.h"

struct error *database_error(sqlite3 *db)
{
	uint64_t damaged;
	int errnum = descriptor_failure(db, &damaged);

	if (damaged)
		return error_create(ERROR_FORMAT,
				    "it is damaged: the checksum of page %" PRIu64 " is wrong",
				    damaged);
	if (errnum)
		return error_os(errnum, "its disk");
	if (sqlite3_errcode(db) == SQLITE_NOMEM)
		return error_os(ENOMEM, "its database");
	return error_create(ERROR_FORMAT, "%s", sqlite3_errmsg(db));
}

struct error *database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
	return sqlite3_prepare_v2(db, sql, -1, ret, NULL) == SQLITE_OK ? NULL : database_error(db);
}

struct error *database_row(sqlite3 *db, sqlite3_stmt *statement, bool *is_row_ret)
{
	int code = sqlite3_step(statement);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return database_error(db);
	*is_row_ret = code == SQLITE_ROW;
	return NULL;
}

struct error *database_step(sqlite3 *db, sqlite3_stmt *statement)
{
	bool is_row;

	return database_row(db, statement, &is_row);
}

struct error *database_run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : database_error(db);
}
