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
#include "snapshot/schema.h"

enum {
	/** The header of an SQLite file: its magic, and application_id (big-endian) at this place. */
	HEADER_SIZE = 100,
	APPLICATION_AT = 68,
	/** A chunk costs some bytes in the file; one that claims to hold many more per byte would only be a way to take our memory. */
	CHUNKS_PER_BYTE_MAX = 64,
};

static const char magic[] = "SQLite format 3";

/* ---- the chunk table as columns ---- */

/*
 * mem is stored as the distance from where the row before lets it be expected: chunks mostly touch each other, one header apart. The distance may be
 * negative (an mmapped chunk's usable size may end beyond where the next begins), hence the zigzag.
 */
enum { HEADER_BETWEEN = 8 };

static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static uint64_t unzigzag(uint64_t value)
{
	return value >> 1 ^ (0 - (value & 1));
}

static uint64_t expected_mem(const struct chunks *chunks, size_t row)
{
	return row ? chunks->mem[row - 1] + chunks->usable[row - 1] + HEADER_BETWEEN : 0;
}

static void get_mem(void *context, size_t first, size_t n, uint64_t *values)
{
	const struct chunks *chunks = context;

	for (size_t i = 0; i < n; i++)
		values[i] = zigzag(chunks->mem[first + i] - expected_mem(chunks, first + i));
}

static bool put_mem(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct chunks *chunks = context;

	for (size_t i = 0; i < n; i++)
		chunks->mem[first + i] = expected_mem(chunks, first + i) + unzigzag(values[i]);
	return true;
}

static void get_usable(void *context, size_t first, size_t n, uint64_t *values)
{
	const struct chunks *chunks = context;

	memcpy(values, chunks->usable + first, n * sizeof(*values));
}

static bool put_usable(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct chunks *chunks = context;

	memcpy(chunks->usable + first, values, n * sizeof(*values));
	return true;
}

static void get_state(void *context, size_t first, size_t n, uint64_t *values)
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

/* mem needs usable of the row before, so usable is read first. */
static const struct {
	const char *name;
	column_get *get;
	column_put *put;
} chunk_columns[] = {
	{ "chunk.usable", get_usable, put_usable },
	{ "chunk.mem", get_mem, put_mem },
	{ "chunk.state", get_state, put_state },
};

enum { CHUNK_COLUMNS = sizeof(chunk_columns) / sizeof(*chunk_columns) };

/* ---- writing ---- */

/* An empty database in memory. */
static struct error *memory_open(sqlite3 **ret)
{
	_cleanup_database_ sqlite3 *db = NULL;
	sqlite3_int64 unlimited = INT64_MAX;

	if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY, NULL) != SQLITE_OK)
		return error_os(ENOMEM, "the snapshot");
	sqlite3_exec(db, "PRAGMA page_size = 65536; PRAGMA journal_mode = OFF;", NULL, NULL, NULL);
	// A database that is one piece of our memory can be written out as it is.
	if (sqlite3_deserialize(db, "main", NULL, 0, 0, SQLITE_DESERIALIZE_RESIZEABLE | SQLITE_DESERIALIZE_FREEONCLOSE) != SQLITE_OK)
		return database_error(db);
	sqlite3_file_control(db, "main", SQLITE_FCNTL_SIZE_LIMIT, &unlimited);
	*ret = take_pointer(db);
	return NULL;
}

static struct error *tables_fill(sqlite3 *db, const struct snapshot *snapshot)
{
	struct error *error = schema_create(db);

	return error ? error : schema_write(db, snapshot);
}

struct error *snapshot_tables(const struct snapshot *snapshot, struct sqlite3 **ret)
{
	_cleanup_database_ sqlite3 *db = NULL;
	struct error *error = memory_open(&db);

	if (!error)
		error = database_run(db, "BEGIN");
	if (!error)
		error = tables_fill(db, snapshot);
	if (!error)
		error = database_run(db, "COMMIT");
	if (!error)
		*ret = take_pointer(db);
	return error;
}

static struct error *database_fill(sqlite3 *db, const struct snapshot *snapshot)
{
	struct error *error = database_run(db, "BEGIN");

	if (!error)
		error = tables_fill(db, snapshot);
	for (size_t i = 0; !error && i < CHUNK_COLUMNS; i++)
		error = column_write(db, chunk_columns[i].name, snapshot->heap.chunks.n, chunk_columns[i].get,
				     (void *)(uintptr_t)&snapshot->heap.chunks);
	return error ? error : database_run(db, "COMMIT");
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

/* The directory part of a path. Owner: the caller. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

/*
 * A new file beside path. Without a name where the file system can, so that nothing is left whatever kills us; else with a name of its own, which *name_ret
 * gets.
 */
static int file_beside(const char *path, const char *directory, char **name_ret)
{
	int fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	*name_ret = NULL;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
		return fd;
	char *name = xasprintf("%s.XXXXXX", path);

	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		free(name);
	else
		*name_ret = name;
	return fd;
}

/* Gives a nameless file a name that is free. Owner of it: the caller; NULL on failure, errno says why. */
static char *file_name(int fd, const char *path)
{
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	for (unsigned try = 0; try < 1000; try++) {
		char *name = xasprintf("%s.%d-%u", path, (int)getpid(), try);

		if (!linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW))
			return name;
		free(name);
		if (errno != EEXIST)
			return NULL;
	}
	return NULL;
}

static struct error *file_write(const char *path, const uint8_t *bytes, size_t size)
{
	_cleanup_free_ char *directory = directory_of(path), *name = NULL;
	_cleanup_close_ int fd = file_beside(path, directory, &name);

	if (fd < 0)
		return error_os(errno, "cannot write %s", path);
	if (!write_all(fd, bytes, size) || fsync(fd) || (!name && !(name = file_name(fd, path))) || rename(name, path)) {
		struct error *error = error_os(errno, "cannot write %s", path);

		if (name)
			unlink(name);
		return error;
	}

	// The name is on the disk when its directory is.
	_cleanup_close_ int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory_fd >= 0)
		(void)!fsync(directory_fd);
	return NULL;
}

struct error *snapshot_write(const struct snapshot *snapshot, const char *path)
{
	_cleanup_database_ sqlite3 *db = NULL;
	struct error *error = memory_open(&db);

	if (!error)
		error = database_fill(db, snapshot);
	if (error)
		return error_context(error, "cannot make %s", path);

	sqlite3_int64 size;
	const uint8_t *bytes = sqlite3_serialize(db, "main", &size, SQLITE_SERIALIZE_NOCOPY);

	if (!bytes)
		return error_os(ENOMEM, "cannot make %s", path);
	return file_write(path, bytes, (size_t)size);
}

/* ---- reading ---- */

static uint32_t big_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

bool snapshot_recognise(const char *path)
{
	uint8_t header[HEADER_SIZE];
	struct stat status;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	// A device or a pipe may do something when it is read.
	if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode))
		return false;
	return read(fd, header, sizeof(header)) == HEADER_SIZE && !memcmp(header, magic, sizeof(magic)) &&
	       big_endian(header + APPLICATION_AT) == SCHEMA_APPLICATION;
}

static struct error *file_open(const char *path, sqlite3 **ret)
{
	_cleanup_database_ sqlite3 *db = NULL;

	// immutable: no locks, no journal looked for beside it.
	_cleanup_free_ char *escaped = xmalloc(strlen(path) * 3 + 1);
	char *out = escaped;

	for (const char *in = path; *in; in++) {
		if (strchr("%?#", *in))
			out += sprintf(out, "%%%02x", (unsigned char)*in);
		else
			*out++ = *in;
	}
	*out = '\0';
	_cleanup_free_ char *uri = xasprintf("file:%s%s?immutable=1", *path == '/' ? "" : "./", escaped);

	if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK)
		return database_error(db);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 16 << 20);
	sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 100000);

	struct error *error = database_run(db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;");

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

static struct error *version_check(sqlite3 *db)
{
	sqlite3_int64 application, version;
	struct error *error = integer_of(db, "PRAGMA application_id", &application);

	if (!error)
		error = integer_of(db, "PRAGMA user_version", &version);
	if (error)
		return error;
	if (application != SCHEMA_APPLICATION)
		return error_create(ERROR_FORMAT, "an SQLite database, but no heapsnap snapshot");
	if (version > SCHEMA_VERSION)
		return error_create(ERROR_UNSUPPORTED, "a newer heapsnap wrote it (format %lld, this one reads up to %d)", version,
				    SCHEMA_VERSION);
	return NULL;
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

	if (!answer || strcmp(answer, "ok"))
		return error_create(ERROR_FORMAT, "the database is damaged: %s", answer ? answer : "no answer");
	return NULL;
}

static struct error *chunks_read(sqlite3 *db, uint64_t file_size, struct chunks *chunks)
{
	sqlite3_int64 n;
	struct error *error = integer_of(db, "SELECT value FROM meta WHERE key = 'chunks'", &n);

	if (error)
		return error;
	if (n < 0 || n >= CHUNK_NONE || (uint64_t)n / CHUNKS_PER_BYTE_MAX > file_size)
		return error_create(ERROR_FORMAT, "it claims %lld chunks, more than fit into it", n);
	chunks_reserve(chunks, (size_t)n);
	for (size_t i = 0; !error && i < CHUNK_COLUMNS; i++)
		error = column_read(db, chunk_columns[i].name, (size_t)n, chunk_columns[i].put, chunks);
	if (error)
		return error;
	chunks->n = (size_t)n;
	if (chunks_seal(chunks))
		return error_create(ERROR_FORMAT, "its chunks overlap");
	return NULL;
}

/* The books must refer to each other and add up. */
static struct error *heap_check_read(struct heap *heap)
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
		if (heap->findings.v[i].arena >= heap->arenas.n && heap->findings.v[i].arena != UINT32_MAX)
			return error_create(ERROR_FORMAT, "finding %zu is about no arena", i);
	for (size_t i = 0; i < heap->allocators.n; i++)
		if (!heap->allocators.v[i].name || !heap->allocators.v[i].version || !heap->allocators.v[i].module ||
		    !heap->allocators.v[i].offsets)
			return error_create(ERROR_FORMAT, "allocator %zu has no name", i);
	heap_sum(heap);

	char *complaint = heap_verify(heap);

	if (!complaint)
		return NULL;
	struct error *error = error_create(ERROR_FORMAT, "it contradicts itself: %s", complaint);

	free(complaint);
	return error;
}

static struct error *contents_read(const char *path, struct snapshot *snapshot)
{
	_cleanup_database_ sqlite3 *db = NULL;
	struct stat status;

	if (stat(path, &status))
		return error_os(errno, "cannot open it");

	struct error *error = file_open(path, &db);

	if (!error)
		error = version_check(db);
	if (!error)
		error = structure_check(db);
	if (!error)
		error = schema_read(db, snapshot);
	if (!error)
		error = chunks_read(db, (uint64_t)status.st_size, &snapshot->heap.chunks);
	return error ? error : heap_check_read(&snapshot->heap);
}

struct error *snapshot_read(const char *path, struct snapshot *ret)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);

	struct error *error = contents_read(path, &snapshot);

	if (error) {
		snapshot_deinit(&snapshot);
		return error_context(error, "%s", path);
	}
	*ret = snapshot;
	return NULL;
}
