/* SPDX-License-Identifier: MIT */
#include "snapshot/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "snapshot/columns.h"
#include "snapshot/database.h"
#include "snapshot/descriptor.h"
#include "snapshot/graph_file.h"
#include "snapshot/schema.h"
#include "snapshot/types_file.h"

/* The header of an SQLite file, all numbers big-endian. Source: https://sqlite.org/fileformat2.html. */
enum {
	HEADER_SIZE = 100,
	/** Two bytes; then one each: the versions for writing and reading (1: no write-ahead log), the bytes reserved in each page. */
	PAGE_SIZE_AT = 16,
	WRITE_VERSION_AT = 18,
	READ_VERSION_AT = 19,
	RESERVED_AT = 20,
	/** Four bytes each. */
	PAGES_AT = 28,
	USER_VERSION_AT = 60,
	APPLICATION_AT = 68,
};

enum {
	/** What a chunk takes in memory at most, its part of the index included, and of the list
	    of sizes that do not fit their column. Units: bytes. */
	CHUNK_COST = 64,
};

static const char magic[] = "SQLite format 3";

/* ---- the chunk table as columns ---- */

/*
 * mem is stored as the distance from where the row before lets it be expected: chunks mostly touch each other, one header apart. The distance may be
 * negative (usable bytes may end beyond the page that an mmapped chunk ends in), hence the zigzag.
 */
enum { HEADER_BETWEEN = 8 };

static vaddr row_end(const struct chunks *chunks, size_t row)
{
	return chunks->mem[row] + chunk_usable(chunks, (chunk_id)row);
}

static void get_mem(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct chunks *chunks = context;
	vaddr expected = first ? row_end(chunks, first - 1) + HEADER_BETWEEN : 0;

	for (size_t i = 0; i < n; i++) {
		values[i] = zigzag(chunks->mem[first + i] - expected);
		expected = row_end(chunks, first + i) + HEADER_BETWEEN;
	}
}

static bool put_mem(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct chunks *chunks = context;
	vaddr before = first ? row_end(chunks, first - 1) : 0,
	      expected = first ? before + HEADER_BETWEEN : 0;

	for (size_t i = 0; i < n; i++) {
		chunk_id row = (chunk_id)(first + i);
		bool is_odd = chunks->size_units[row] == CHUNK_SIZE_ODD;
		uint64_t usable = is_odd ? chunks->mem[row] : chunk_usable(chunks, row);
		vaddr mem = expected + unzigzag(values[i]), end = mem + usable;

		// They ascend and do not overlap; sealing them sees the rest.
		if (mem < before || end < mem)
			return false;
		chunks->mem[row] = mem;
		// Behind those that are there, as rows ascend.
		if (is_odd)
			chunks_set_usable(chunks, row, usable);
		before = end;
		expected = end + HEADER_BETWEEN;
	}
	return true;
}

static void get_usable(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct chunks *chunks = context;

	for (size_t i = 0; i < n; i++)
		values[i] = chunk_usable(chunks, (chunk_id)(first + i));
}

/* Sizes that do not fit their column are kept by mem, so they wait in its place until that is read. */
static bool put_usable(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct chunks *chunks = context;

	for (size_t i = 0; i < n; i++) {
		uint64_t units = values[i] / CHUNK_SIZE_UNIT;

		if (values[i] % CHUNK_SIZE_UNIT || units >= CHUNK_SIZE_ODD) {
			chunks->size_units[first + i] = CHUNK_SIZE_ODD;
			chunks->mem[first + i] = values[i];
		} else {
			chunks->size_units[first + i] = (uint32_t)units;
		}
	}
	return true;
}

/* State in the lower four bits, kind above. */
static void get_state(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct chunks *chunks = context;

	for (size_t i = 0; i < n; i++)
		values[i] = chunks->state[first + i] | (unsigned)chunks->kind[first + i] << 4;
}

static bool put_state(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct chunks *chunks = context;

	for (size_t i = 0; i < n; i++) {
		if ((values[i] & 15) >= CHUNK_STATES || values[i] >> 4 >= CHUNK_KINDS)
			return false;
		chunks->state[first + i] = values[i] & 15;
		chunks->kind[first + i] = (uint8_t)(values[i] >> 4);
	}
	return true;
}

/* In this order: mem needs usable of the row before. */
static const struct column_kind chunk_columns[] = {
	{ "chunk.usable", get_usable, put_usable },
	{ "chunk.mem", get_mem, put_mem },
	{ "chunk.state", get_state, put_state },
};

enum { CHUNK_COLUMNS = sizeof(chunk_columns) / sizeof(*chunk_columns) };

/* What a chunk is to Python: its role in the lower three bits, and one more than its type above. */
static void get_python(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct python *python = context;

	for (size_t i = 0; i < n; i++)
		values[i] = python->role[first + i] | (uint64_t)(python->type[first + i] + 1) << 3;
}

static bool put_python(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct python *python = context;

	for (size_t i = 0; i < n; i++) {
		uint64_t role = values[i] & 7, type = values[i] >> 3;
		bool has_type = role == PY_OBJECT || role == PY_TABLE || role == PY_NATIVE || role == PY_CACHED;

		if (role >= PY_ROLES || type > python->classes.n || (has_type && !type))
			return false;
		python->role[first + i] = (uint8_t)role;
		python->type[first + i] = (uint32_t)type - 1;
	}
	return true;
}

static const struct column_kind python_column = { "chunk.python", get_python, put_python };

/* ---- writing ---- */

static struct error *tables_fill(sqlite3 *db, const struct snapshot *snapshot)
{
	struct error *error = schema_create(db);

	if (!error)
		error = schema_write(db, snapshot);
	if (!error)
		error = columns_create(db);
	for (size_t i = 0; !error && i < CHUNK_COLUMNS; i++)
		error = column_write(db, &chunk_columns[i], snapshot->heap.chunks.n,
				     &snapshot->heap.chunks);
	if (!error && python_is_known(&snapshot->python))
		error = column_write(db, &python_column, snapshot->heap.chunks.n, &snapshot->python);
	if (!error)
		error = types_write(db, snapshot);
	return error ? error : graph_write(db, snapshot);
}

/* Writes the whole database to an empty file. */
static struct error *database_fill(int fd, const struct snapshot *snapshot)
{
	_cleanup_database_ sqlite3 *db = NULL;
	struct error *error = descriptor_create(fd, &db);

	// One transaction, without a journal: nobody sees the file before it is complete.
	if (!error)
		error = database_run(db, "BEGIN");
	if (!error)
		error = tables_fill(db, snapshot);
	return error ? error : database_run(db, "COMMIT");
}

/* The directory part of a path. Owner: the caller. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

/*
 * A new file beside path. Without a name where the file system can, so that nothing is left whatever kills us; else with a name of its own, which
 * *name_ret gets.
 */
static int file_beside(const char *path, const char *directory, char **name_ret)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	*name_ret = NULL;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;

	char *name = xasprintf("%s.XXXXXX", path);

	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		free(name);
	else
		*name_ret = name;
	return fd;
}

/* Gives a nameless file its name: path itself where that is free, else one beside it, which *name_ret gets. False and errno on failure. */
static bool file_name(int fd, const char *path, char **name_ret)
{
	enum { TRIES = 1000 };
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (!linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
		return true;
	for (unsigned try = 0; try < TRIES && errno == EEXIST; try++) {
		char *name = xasprintf("%s.%d-%u", path, (int)getpid(), try);

		if (!linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW)) {
			*name_ret = name;
			return true;
		}
		free(name);
	}
	return false;
}

/* Only a snapshot, or nothing at all, is replaced: the name may be a slip. False and errno when it cannot be looked at. */
static bool path_is_free(const char *path, bool *ret)
{
	struct stat status;

	if (lstat(path, &status)) {
		*ret = true;
		return errno == ENOENT;
	}
	*ret = S_ISREG(status.st_mode) && (!status.st_size || snapshot_recognise(path));
	return true;
}

/* Gives a complete file its name. False and errno on failure; then it has none. */
static bool file_publish(int fd, const char *path, char *name)
{
	bool is_nameless = !name;

	// What is on the disk is complete before it has the name.
	if (!fsync(fd) && (!is_nameless || file_name(fd, path, &name)) &&
	    (!name || !rename(name, path))) {
		if (is_nameless)
			free(name);
		return true;
	}

	int errnum = errno;

	if (name)
		unlink(name);
	if (is_nameless)
		free(name);
	errno = errnum;
	return false;
}

/* Where a snapshot is about to be written. */
struct destination {
	/** What a symbolic link leads to: the link stays one. And its directory. Owned. */
	char *path, *directory;
	/** The new file; its name while it is written, NULL when it has none. Owned. */
	int fd;
	char *name;
};

static void destination_deinit(struct destination *destination)
{
	if (destination->fd >= 0)
		close(destination->fd);
	free(destination->path);
	free(destination->directory);
	free(destination->name);
}
#define _cleanup_destination_ _cleanup_(destination_deinit)

/* Begins a new file; `path` is how the user calls it. Owner: the caller, whatever comes of it. */
static struct error *destination_init(struct destination *destination, const char *path)
{
	bool is_free;

	*destination = (struct destination){ .path = realpath(path, NULL), .fd = -1 };
	if (!destination->path)
		destination->path = xstrdup(path);
	destination->directory = directory_of(destination->path);
	if (!path_is_free(destination->path, &is_free))
		return error_os(errno, "cannot write %s", path);
	if (!is_free)
		return error_create(ERROR_FORMAT,
				    "%s is there and is no snapshot; it is not replaced", path);
	destination->fd = file_beside(destination->path, destination->directory,
				      &destination->name);
	return destination->fd < 0 ? error_os(errno, "cannot write %s", path) : NULL;
}

struct error *snapshot_check_destination(const char *path)
{
	_cleanup_destination_ struct destination destination;
	struct error *error = destination_init(&destination, path);

	if (destination.name)
		unlink(destination.name);
	return error;
}

struct error *snapshot_write(const struct snapshot *snapshot, const char *path)
{
	_cleanup_destination_ struct destination destination;
	struct error *error = destination_init(&destination, path);

	if (error)
		return error;
	error = database_fill(destination.fd, snapshot);
	if (error) {
		if (destination.name)
			unlink(destination.name);
		return error_context(error, "cannot write %s", path);
	}
	if (!file_publish(destination.fd, destination.path, destination.name))
		return error_os(errno, "cannot write %s", path);

	// The name is on the disk when its directory is.
	_cleanup_close_ int directory = open(destination.directory,
					     O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory >= 0)
		(void)!fsync(directory);
	return NULL;
}

/* ---- reading ---- */

static uint32_t big_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* A device or a pipe may do something when it is opened or read. */
static int regular_open(const char *path, struct stat *status)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (!fstat(fd, status) && S_ISREG(status->st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

static bool is_snapshot(const uint8_t header[HEADER_SIZE])
{
	return !memcmp(header, magic, sizeof(magic)) &&
	       big_endian(header + APPLICATION_AT) == SCHEMA_APPLICATION;
}

bool snapshot_recognise(const char *path)
{
	uint8_t header[HEADER_SIZE];
	struct stat status;
	_cleanup_close_ int fd = regular_open(path, &status);

	return fd >= 0 && pread(fd, header, sizeof(header), 0) == HEADER_SIZE &&
	       is_snapshot(header);
}

/* What the first bytes tell, before SQLite sees the file. */
static struct error *header_check(int fd, uint64_t size)
{
	uint8_t header[HEADER_SIZE];
	ssize_t got = pread(fd, header, sizeof(header), 0);

	if (got < 0)
		return error_os(errno, "it cannot be read");
	if (got < HEADER_SIZE)
		return error_create(ERROR_FORMAT, "it is cut off: %zd bytes are no snapshot", got);
	if (!is_snapshot(header))
		return error_create(ERROR_FORMAT, "it is no snapshot%s",
				    memcmp(header, magic, sizeof(magic))
					    ? ""
					    : ", but another SQLite database");

	uint32_t version = big_endian(header + USER_VERSION_AT);

	if (version > SCHEMA_VERSION)
		return error_create(ERROR_UNSUPPORTED,
				    "a newer heapsnap wrote it: its format is %" PRIu32
				    ", this one knows up to %d",
				    version, SCHEMA_VERSION);

	unsigned page_size = (unsigned)header[PAGE_SIZE_AT] << 8 | header[PAGE_SIZE_AT + 1];

	if (page_size != DESCRIPTOR_PAGE || header[WRITE_VERSION_AT] != 1 ||
	    header[READ_VERSION_AT] != 1 || header[RESERVED_AT] != DESCRIPTOR_SUM)
		return error_create(
			ERROR_FORMAT,
			"it is not as heapsnap wrote it: another program changed its layout");

	uint64_t whole = (uint64_t)big_endian(header + PAGES_AT) * DESCRIPTOR_PAGE;

	if (size < whole)
		return error_create(ERROR_FORMAT,
				    "it is cut off: %" PRIu64 " of its %" PRIu64 " bytes are there",
				    size, whole);
	if (size > whole)
		return error_create(ERROR_FORMAT, "there are %" PRIu64 " bytes behind its end",
				    size - whole);
	return NULL;
}

/* What reading needs of SQL; nothing in the file gets to run anything else. */
static int authorize(void *context, int action, const char *first, const char *second,
		     const char *database, const char *view)
{
	(void)context, (void)second, (void)database, (void)view;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
		return SQLITE_OK;
	case SQLITE_PRAGMA:
		return first && (!strcmp(first, "quick_check") || !strcmp(first, "table_info"))
			       ? SQLITE_OK
			       : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static struct error *database_open(int fd, sqlite3 **ret)
{
	enum { VALUE_MAX = 16 << 20, STEPS_MAX = 100000 };
	_cleanup_database_ sqlite3 *db = NULL;
	struct error *error = descriptor_open(fd, &db);

	if (error)
		return error;
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, STEPS_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	error = database_run(db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;");
	sqlite3_set_authorizer(db, authorize, NULL);
	if (!error)
		*ret = take_pointer(db);
	return error;
}

static struct error *integer_of(sqlite3 *db, const char *sql, sqlite3_int64 *ret)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, sql, &statement);
	bool is_row;

	if (!error)
		error = database_row(db, statement, &is_row);
	if (!error && (!is_row || sqlite3_column_type(statement, 0) != SQLITE_INTEGER))
		return error_create(ERROR_FORMAT, "no number answers: %s", sql);
	if (!error)
		*ret = sqlite3_column_int64(statement, 0);
	return error;
}

/* Tables and their indexes are all that a snapshot has: views, triggers and virtual tables could do things. */
static struct error *tables_check(sqlite3 *db)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(
		db,
		"SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR rootpage "
		"IS NULL OR rootpage < 1",
		&statement);
	bool is_row;

	if (!error)
		error = database_row(db, statement, &is_row);
	if (!error && is_row)
		return error_create(ERROR_FORMAT, "it holds %s, which is no table",
				    sqlite3_column_text(statement, 0)
					    ? (const char *)sqlite3_column_text(statement, 0)
					    : "something");
	return error;
}

static struct error *structure_check(sqlite3 *db)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "PRAGMA quick_check(1)", &statement);
	bool is_row;

	if (!error)
		error = database_row(db, statement, &is_row);
	if (error || !is_row)
		return error;

	const char *answer = (const char *)sqlite3_column_text(statement, 0);
	uint64_t damaged;

	// The check goes on where a page cannot be read, and says so in words of its own.
	if (descriptor_failure(db, &damaged) || damaged)
		return database_error(db);
	if (!answer || strcmp(answer, "ok"))
		return error_create(ERROR_FORMAT, "it is damaged: %s",
				    answer ? answer : "no answer");
	return NULL;
}

static struct error *chunks_read(sqlite3 *db, uint64_t memory, struct chunks *chunks)
{
	sqlite3_int64 n = 0;
	struct error *error = integer_of(db, "SELECT value FROM meta WHERE key = 'chunks'", &n);

	if (error)
		return error;
	if (n < 0 || n >= CHUNK_NONE)
		return error_create(ERROR_FORMAT, "it cannot hold %lld chunks", n);
	// Alike chunks take a thousandth of a byte each in the file, so its size does not bound them.
	if ((uint64_t)n > memory / CHUNK_COST)
		return error_os(ENOMEM, "its %lld chunks", n);
	chunks_reserve(chunks, (size_t)n);
	for (size_t i = 0; !error && i < CHUNK_COLUMNS; i++)
		error = column_read(db, &chunk_columns[i], (size_t)n, chunks);
	if (error)
		return error;
	chunks->n = (size_t)n;
	if (chunks_seal(chunks))
		return error_create(ERROR_FORMAT, "its chunks overlap or are not aligned");
	return NULL;
}

/* The books must refer to each other. Whether their sums close is for the report to say: those of a damaged heap do not. */
static struct error *books_check(const struct heap *heap)
{
	for (size_t i = 0; i < heap->arenas.n; i++)
		if (heap->arenas.v[i].allocator >= heap->allocators.n)
			return error_create(ERROR_FORMAT, "arena %zu belongs to no allocator", i);
	for (size_t i = 0; i < heap->sources.n; i++) {
		const struct heap_source *source = &heap->sources.v[i];

		if (source->arena >= heap->arenas.n || source->start >= source->end ||
		    (i && source->start < heap->sources.v[i - 1].end))
			return error_create(ERROR_FORMAT, "source %zu is no part of an arena", i);
	}
	for (size_t i = 0; i < heap->findings.n; i++)
		if (heap->findings.v[i].arena >= heap->arenas.n &&
		    heap->findings.v[i].arena != UINT32_MAX)
			return error_create(ERROR_FORMAT, "finding %zu is about no arena", i);
	return NULL;
}

static bool is_chunk_or_none(chunk_id chunk, size_t n)
{
	return chunk < n || chunk == CHUNK_NONE;
}

/* What the tables about ways refer to is there. */
static bool python_ways_fit(const struct python *python, size_t n)
{
	bool fit = true;

	for (size_t i = 0; i < python->paths.n; i++)
		fit &= python->paths.v[i].class < python->classes.n;
	for (size_t i = 0; i < python->vias.n; i++)
		fit &= python->vias.v[i].class < python->classes.n;
	for (size_t i = 0; i < python->named.n; i++)
		fit &= python->named.v[i].chunk < n && (!i || python->named.v[i].chunk > python->named.v[i - 1].chunk);
	for (size_t i = 0; i < python->modules.n; i++)
		fit &= is_chunk_or_none(python->modules.v[i].object, n) && is_chunk_or_none(python->modules.v[i].dict, n);
	return fit;
}

/* A file without a Python has none of its tables filled. */
static struct error *python_read(sqlite3 *db, size_t n, struct python *python)
{
	if (!python_ways_fit(python, n))
		return error_create(ERROR_FORMAT, "its ways to Python objects lead to none");
	if (!python->roles.n)
		return python->named.n ? error_create(ERROR_FORMAT, "its tables about Python do not fit together") : NULL;
	if (python->roles.n != PY_ROLES || !python->runtimes.n)
		return error_create(ERROR_FORMAT, "its tables about Python do not fit together");
	for (size_t i = 0; i < PY_ROLES; i++)
		if (python->roles.v[i].role != (enum py_role)i)
			return error_create(ERROR_FORMAT, "role %zu of Python is not in its place", i);
	python_make_columns(python, n);
	return column_read(db, &python_column, n, python);
}

static struct error *contents_read(int fd, unsigned parts, uint64_t memory,
				   struct snapshot *snapshot)
{
	_cleanup_database_ sqlite3 *db = NULL;
	struct error *error = database_open(fd, &db);

	if (!error)
		error = tables_check(db);
	if (!error)
		error = structure_check(db);
	if (!error)
		error = schema_read(db, parts, snapshot);
	if (!error)
		error = books_check(&snapshot->heap);
	if (!error)
		error = chunks_read(db, memory, &snapshot->heap.chunks);
	if (!error)
		heap_sum(&snapshot->heap);
	if (!error)
		error = python_read(db, snapshot->heap.chunks.n, &snapshot->python);
	if (!error)
		error = types_read(db, parts, memory, snapshot);
	return error ? error : graph_read(db, parts & ~(unsigned)SNAPSHOT_TYPES, memory, snapshot);
}

struct error *snapshot_read(const char *path, unsigned parts, uint64_t memory, struct snapshot *ret)
{
	struct stat status;
	_cleanup_close_ int fd = regular_open(path, &status);

	if (fd < 0)
		return error_os(errno, "cannot open %s", path);

	struct error *error = header_check(fd, (uint64_t)status.st_size);
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	// From here on what there is of it is freed with the rest.
	snapshot.graph.is_built = parts != 0;
	if (!error)
		error = contents_read(fd, parts, memory, &snapshot);
	if (error) {
		snapshot_deinit(&snapshot);
		return error_context(error, "%s", path);
	}
	*ret = snapshot;
	return NULL;
}
