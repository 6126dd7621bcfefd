/* SPDX-License-Identifier: MIT */
/* Between the members of structs and the rows of tables, by the description in schema.c. */
#include "snapshot/schema.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "heap/sizes.h"
#include "snapshot/database.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

enum {
	FIELDS_MAX = 32,
	/** Page sizes that systems have. Units: bytes. */
	PAGE_MIN = 4096,
	PAGE_MAX = 65536,
};

/* An ARRAY() of any type. */
typedef ARRAY(uint8_t) any_array;

/* Copied, since its type is another. */
static any_array array_load(const struct record *record, const struct snapshot *snapshot)
{
	any_array array;

	memcpy(&array, (const char *)snapshot + record->array, sizeof(array));
	return array;
}

/* ---- one member and one SQL value ---- */

static void field_bind(sqlite3_stmt *statement, int position, const struct field *field,
		       const void *element)
{
	const void *member = (const char *)element + field->offset;
	uint64_t number;

	switch (field->kind) {
	case FIELD_U64:
		memcpy(&number, member, sizeof(number));
		if (number == UINT64_MAX)
			sqlite3_bind_null(statement, position);
		else
			sqlite3_bind_int64(statement, position, (sqlite3_int64)number);
		break;
	case FIELD_I64:
		sqlite3_bind_int64(statement, position, *(const int64_t *)member);
		break;
	case FIELD_INDEX:
		sqlite3_bind_null(statement, position);
		if (*(const uint32_t *)member != UINT32_MAX)
			sqlite3_bind_int64(statement, position, *(const uint32_t *)member);
		break;
	case FIELD_U32:
		sqlite3_bind_int64(statement, position, *(const uint32_t *)member);
		break;
	case FIELD_I32:
		sqlite3_bind_int(statement, position, *(const int32_t *)member);
		break;
	case FIELD_FLAG:
		sqlite3_bind_int(statement, position, *(const bool *)member);
		break;
	case FIELD_TEXT:
	case FIELD_STRING:
	case FIELD_STATIC:
		// Binding NULL binds SQL's NULL.
		sqlite3_bind_text(statement, position, *(char *const *)member, -1, SQLITE_STATIC);
		break;
	case FIELD_NAME16:
		sqlite3_bind_text(statement, position, member, (int)strnlen(member, 16),
				  SQLITE_STATIC);
		break;
	case FIELD_WORD:
		sqlite3_bind_text(statement, position, field->words[*(const unsigned *)member], -1,
				  SQLITE_STATIC);
		break;
	}
}

static bool word_find(const char *const *words, const char *word, unsigned *ret)
{
	for (unsigned i = 0; word && words[i]; i++)
		if (!strcmp(words[i], word)) {
			*ret = i;
			return true;
		}
	return false;
}

/* False when the value is none that the field can have. */
static bool field_take(sqlite3_stmt *statement, int position, const struct field *field,
		       void *element)
{
	void *member = (char *)element + field->offset;
	int type = sqlite3_column_type(statement, position);
	sqlite3_int64 number = sqlite3_column_int64(statement, position);
	const char *text = NULL;
	size_t length = 0;
	unsigned index;

	if (type == SQLITE_TEXT) {
		text = (const char *)sqlite3_column_text(statement, position);
		length = (size_t)sqlite3_column_bytes(statement, position);
		if (!text || length > SCHEMA_TEXT_MAX || strlen(text) != length)
			return false;
	}
	switch (field->kind) {
	case FIELD_U64:
		if (type != SQLITE_INTEGER && type != SQLITE_NULL)
			return false;
		*(uint64_t *)member = type == SQLITE_NULL ? UINT64_MAX : (uint64_t)number;
		return true;
	case FIELD_I64:
		*(int64_t *)member = number;
		return type == SQLITE_INTEGER;
	case FIELD_INDEX:
		*(uint32_t *)member = type == SQLITE_NULL ? UINT32_MAX : (uint32_t)number;
		return type == SQLITE_NULL ||
		       (type == SQLITE_INTEGER && number >= 0 && number < UINT32_MAX);
	case FIELD_U32:
		*(uint32_t *)member = (uint32_t)number;
		return type == SQLITE_INTEGER && number >= 0 && number <= UINT32_MAX;
	case FIELD_I32:
		*(int32_t *)member = (int32_t)number;
		return type == SQLITE_INTEGER && number >= INT32_MIN && number <= INT32_MAX;
	case FIELD_FLAG:
		*(bool *)member = number == 1;
		return type == SQLITE_INTEGER && (number == 0 || number == 1);
	case FIELD_TEXT:
	case FIELD_STRING:
		if (type != SQLITE_TEXT && (type != SQLITE_NULL || field->kind == FIELD_STRING))
			return false;
		free(*(char **)member);
		*(char **)member = text ? xstrdup(text) : NULL;
		return true;
	case FIELD_NAME16:
		if (!text || length >= 16)
			return false;
		memset(member, 0, 16);
		memcpy(member, text, length);
		return true;
	case FIELD_WORD:
		if (!word_find(field->words, text, &index))
			return false;
		*(unsigned *)member = index;
		return true;
	case FIELD_STATIC:
		if (!word_find(field->words, text, &index))
			return false;
		*(const char **)member = field->words[index];
		return true;
	}
	return false;
}

/* ---- creating ---- */

static const char *field_type(enum field_kind kind)
{
	switch (kind) {
	case FIELD_U64:
	case FIELD_U32:
	case FIELD_INDEX:
	case FIELD_I64:
	case FIELD_I32:
	case FIELD_FLAG:
		return "INTEGER";
	case FIELD_TEXT:
	case FIELD_STRING:
	case FIELD_NAME16:
	case FIELD_WORD:
	case FIELD_STATIC:
		break;
	}
	return "TEXT";
}

struct error *schema_create(struct sqlite3 *db)
{
	_cleanup_free_ char *header = xasprintf(
		"PRAGMA application_id = %d; PRAGMA user_version = %d;"
		"CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
		"CREATE TABLE memory (kind TEXT PRIMARY KEY, mapped INTEGER, rss INTEGER, "
		"n_mappings INTEGER) WITHOUT ROWID;"
		"CREATE TABLE histogram (usable INTEGER, count INTEGER, bytes INTEGER);",
		SCHEMA_APPLICATION, SCHEMA_VERSION);
	struct error *error = database_run(db, header);

	for (const struct record *record = schema_records; !error && record->table; record++) {
		char *sql = xasprintf("CREATE TABLE %s (id INTEGER PRIMARY KEY", record->table);

		for (size_t i = 0; i < record->n_fields; i++) {
			char *longer = xasprintf("%s, \"%s\" %s", sql, record->fields[i].name,
						 field_type(record->fields[i].kind));

			free(sql);
			sql = longer;
		}
		char *whole = xasprintf("%s)", sql);

		error = database_run(db, whole);
		free(whole);
		free(sql);
	}
	return error;
}

/* ---- writing ---- */

static struct error *record_write(sqlite3 *db, const struct record *record,
				  const struct snapshot *snapshot)
{
	const any_array array = array_load(record, snapshot);
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	char *sql = xasprintf("INSERT INTO %s VALUES (?", record->table);

	for (size_t i = 0; i < record->n_fields; i++) {
		char *longer = xasprintf("%s, ?", sql);

		free(sql);
		sql = longer;
	}
	char *whole = xasprintf("%s)", sql);
	struct error *error = database_prepare(db, whole, &statement);

	free(whole);
	free(sql);
	for (size_t row = 0; !error && row < array.n; row++) {
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)row);
		for (size_t i = 0; i < record->n_fields; i++)
			field_bind(statement, (int)i + 2, &record->fields[i],
				   array.v + row * record->size);
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	return error;
}

/* What is no member of the snapshot. */
static const char *const meta_extra[] = { "heapsnap", "chunks" };

static struct error *meta_write(sqlite3 *db, const struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "INSERT INTO meta VALUES (?, ?)", &statement);

	for (size_t i = 0; !error && i < N(meta_extra) + schema_n_meta; i++) {
		if (i == 0)
			sqlite3_bind_text(statement, 2, PACKAGE_VERSION, -1, SQLITE_STATIC);
		else if (i == 1)
			sqlite3_bind_int64(statement, 2, (sqlite3_int64)snapshot->heap.chunks.n);
		else
			field_bind(statement, 2, &schema_meta[i - N(meta_extra)], snapshot);
		sqlite3_bind_text(statement, 1,
				  i < N(meta_extra) ? meta_extra[i]
						    : schema_meta[i - N(meta_extra)].name,
				  -1, SQLITE_STATIC);
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	return error;
}

static void bind_unless_unknown(sqlite3_stmt *statement, int position, uint64_t value)
{
	if (value == UINT64_MAX)
		sqlite3_bind_null(statement, position);
	else
		sqlite3_bind_int64(statement, position, (sqlite3_int64)value);
}

static struct error *memory_write(sqlite3 *db, const struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "INSERT INTO memory VALUES (?, ?, ?, ?)",
					       &statement);

	for (size_t i = 0; !error && i < MEMORY_KINDS; i++) {
		const struct snapshot_memory *memory = &snapshot->memory[i];

		sqlite3_bind_text(statement, 1, memory_kind_name((enum memory_kind)i), -1,
				  SQLITE_STATIC);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)memory->mapped);
		bind_unless_unknown(statement, 3, memory->rss);
		sqlite3_bind_int64(statement, 4, (sqlite3_int64)memory->n_mappings);
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	return error;
}

static int compare_bytes(const void *left, const void *right)
{
	const struct size_count *a = left, *b = right;
	uint64_t bytes_a = a->usable * a->count, bytes_b = b->usable * b->count;

	return bytes_a > bytes_b ? -1 : bytes_a < bytes_b;
}

/* Most bytes first, so that the first rows tell most. */
static struct error *histogram_write(sqlite3 *db, const struct chunks *chunks)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "INSERT INTO histogram VALUES (?, ?, ?)",
					       &statement);
	size_count_array list;

	if (error)
		return error;
	sizes_in_use(chunks, &list);
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), compare_bytes);
	for (size_t i = 0; !error && i < list.n; i++) {
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)list.v[i].usable);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)list.v[i].count);
		sqlite3_bind_int64(statement, 3,
				   (sqlite3_int64)(list.v[i].usable * list.v[i].count));
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	array_deinit(&list);
	return error;
}

struct error *schema_write(struct sqlite3 *db, const struct snapshot *snapshot)
{
	struct error *error = meta_write(db, snapshot);

	if (!error)
		error = memory_write(db, snapshot);
	if (!error)
		error = histogram_write(db, &snapshot->heap.chunks);
	for (const struct record *record = schema_records; !error && record->table; record++)
		error = record_write(db, record, snapshot);
	return error;
}

/* ---- reading ---- */

/* Which fields of a record its table has, as bits; files of older versions may lack some, or the table. */
static struct error *fields_present(sqlite3 *db, const struct record *record, bool *is_there_ret,
				    uint32_t *ret)
{
	_cleanup_free_ char *sql = xasprintf("PRAGMA table_info(%s)", record->table);
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, sql, &statement);
	bool is_there = false, is_row;
	uint32_t present = 0;

	assert(record->n_fields <= FIELDS_MAX);
	while (!error && !(error = database_row(db, statement, &is_row)) && is_row) {
		const char *name = (const char *)sqlite3_column_text(statement, 1);

		is_there |= name && !strcmp(name, "id");
		for (size_t i = 0; name && i < record->n_fields; i++)
			if (!strcmp(name, record->fields[i].name))
				present |= UINT32_C(1) << i;
	}
	if (!error) {
		*is_there_ret = is_there;
		*ret = present;
	}
	return error;
}

/* What of a record the file has: the fields, and the statement that gives them behind the id. */
struct selection {
	const struct field *fields[FIELDS_MAX];
	size_t n;
	sqlite3_stmt *statement;
};

static struct error *record_select(sqlite3 *db, const struct record *record, uint32_t present,
				   struct selection *selection)
{
	char *sql = xstrdup("SELECT id");

	for (size_t i = 0; i < record->n_fields; i++) {
		const struct field *field = &record->fields[i];

		if (present >> i & 1) {
			char *longer = xasprintf("%s, \"%s\"", sql, field->name);

			free(sql);
			sql = longer;
			selection->fields[selection->n++] = field;
		} else if (field->kind == FIELD_STRING) {
			free(sql);
			return error_create(ERROR_FORMAT, "table %s has no %s", record->table,
					    field->name);
		}
	}

	_cleanup_free_ char *whole = xasprintf("%s FROM %s ORDER BY id", sql, record->table);

	free(sql);
	return database_prepare(db, whole, &selection->statement);
}

static struct error *rows_read(sqlite3 *db, const struct record *record,
			       const struct selection *selection, any_array *array)
{
	sqlite3_stmt *statement = selection->statement;
	bool is_row;

	for (;;) {
		struct error *error = database_row(db, statement, &is_row);

		if (error || !is_row)
			return error;
		if (array->n >= record->rows_max ||
		    sqlite3_column_int64(statement, 0) != (sqlite3_int64)array->n)
			return error_create(ERROR_FORMAT, "table %s has rows that cannot be",
					    record->table);
		if (array->n == array->capacity) {
			array->capacity = array->capacity ? array->capacity * 2 : 16;
			array->v = xreallocarray(array->v, array->capacity, record->size);
		}

		uint8_t *element = array->v + array->n * record->size;

		memset(element, 0, record->size);
		// Counted before it is filled, so that its strings are freed whatever happens.
		array->n++;
		for (size_t i = 0; i < selection->n; i++)
			if (!field_take(statement, (int)i + 1, selection->fields[i], element))
				return error_create(
					ERROR_FORMAT, "row %zu of table %s has no valid %s",
					array->n - 1, record->table, selection->fields[i]->name);
	}
}

static struct error *record_read(sqlite3 *db, const struct record *record,
				 struct snapshot *snapshot)
{
	struct selection selection = { .n = 0 };
	bool is_there;
	uint32_t present;
	struct error *error = fields_present(db, record, &is_there, &present);

	if (error || !is_there)
		return error;
	error = record_select(db, record, present, &selection);
	if (!error) {
		any_array array = array_load(record, snapshot);

		error = rows_read(db, record, &selection, &array);
		memcpy((char *)snapshot + record->array, &array, sizeof(array));
	}
	sqlite3_finalize(selection.statement);
	return error;
}

static struct error *meta_read(sqlite3 *db, struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "SELECT value FROM meta WHERE key = ?",
					       &statement);

	for (size_t i = 0; !error && i < schema_n_meta; i++) {
		bool is_row;

		sqlite3_bind_text(statement, 1, schema_meta[i].name, -1, SQLITE_STATIC);
		error = database_row(db, statement, &is_row);
		if (!error && is_row && !field_take(statement, 0, &schema_meta[i], snapshot))
			return error_create(ERROR_FORMAT, "meta has no valid %s",
					    schema_meta[i].name);
		sqlite3_reset(statement);
	}
	return error;
}

static struct error *memory_read(sqlite3 *db, struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(
		db, "SELECT mapped, rss, n_mappings FROM memory WHERE kind = ?", &statement);

	for (size_t i = 0; !error && i < MEMORY_KINDS; i++) {
		struct snapshot_memory *memory = &snapshot->memory[i];
		bool is_row;

		sqlite3_bind_text(statement, 1, memory_kind_name((enum memory_kind)i), -1,
				  SQLITE_STATIC);
		error = database_row(db, statement, &is_row);
		if (!error && is_row) {
			memory->mapped = (uint64_t)sqlite3_column_int64(statement, 0);
			memory->rss = sqlite3_column_type(statement, 1) == SQLITE_NULL
					      ? UINT64_MAX
					      : (uint64_t)sqlite3_column_int64(statement, 1);
			memory->n_mappings = (uint64_t)sqlite3_column_int64(statement, 2);
		}
		sqlite3_reset(statement);
	}
	return error;
}

struct error *schema_read(struct sqlite3 *db, unsigned parts, struct snapshot *snapshot)
{
	struct error *error = meta_read(db, snapshot);

	if (!error &&
	    (!snapshot->machine || snapshot->page_size < PAGE_MIN ||
	     snapshot->page_size > PAGE_MAX || snapshot->page_size & (snapshot->page_size - 1)))
		error = error_create(ERROR_FORMAT, "meta lacks the machine or a page size");
	if (!error)
		error = memory_read(db, snapshot);
	for (const struct record *record = schema_records; !error && record->table; record++)
		if ((record->part & parts) == record->part)
			error = record_read(db, record, snapshot);
	return error;
}
