/* SPDX-License-Identifier: MIT */
/*
 * The snapshot file: what is written comes back, to the last member and the last byte of every report; what is hostile does not come in; and a
 * write that fails or is killed leaves the old file alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "graph_snapshot.h"
#include "snapshot/columns.h"
#include "snapshot/descriptor.h"
#include "snapshot/file.h"
#include "snapshot/schema.h"
#include "unit.h"
#include "written.h"

#define MEMORY (UINT64_C(1) << 32)

/* ---- a directory of the test's own ---- */

static char folder[64], path[128];

static void folder_make(void)
{
	snprintf(folder, sizeof(folder), "%s", "snapshot-file.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/one.hsnap", folder);
}

/* How many files there are, not counting path itself. */
static unsigned others(void)
{
	_cleanup_closedir_ DIR *dir = opendir(folder);
	const struct dirent *entry;
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.' && strcmp(entry->d_name, "one.hsnap") != 0;
	return n;
}

static void folder_remove(void)
{
	_cleanup_closedir_ DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	rmdir(folder);
}

static void succeeds(struct error *error)
{
	ck_assert_msg(error == NULL, "%s", error ? error->message : "");
}

/* The error says this, and is freed. */
static void fails_with(struct error *error, enum error_code code, const char *words)
{
	ck_assert_msg(error != NULL, "no error that says %s", words);
	ck_assert_msg(strstr(error->message, words) != NULL, "\"%s\" does not say \"%s\"",
		      error->message, words);
	ck_assert_msg(error->code == code, "\"%s\" has code %d, not %d", error->message,
		      (int)error->code, (int)code);
	error_destroy(error);
}

static void read_fails_with(enum error_code code, const char *words)
{
	struct snapshot snapshot = { .pid = 77 };

	fails_with(snapshot_read(path, SNAPSHOT_EVERYTHING, MEMORY, &snapshot), code, words);
	// Untouched.
	ck_assert_int_eq(snapshot.pid, 77);
	ck_assert_ptr_null(snapshot.name);
}

static uint8_t *bytes_of(const char *name, size_t *size_ret)
{
	_cleanup_close_ int fd = open(name, O_RDONLY);
	struct stat status;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &status), 0);

	uint8_t *bytes = xmalloc((size_t)status.st_size + 1);

	ck_assert_int_eq(read(fd, bytes, (size_t)status.st_size), status.st_size);
	*size_ret = (size_t)status.st_size;
	return bytes;
}

static void bytes_put(const uint8_t *bytes, size_t size)
{
	// A file system may take its time to replace what a file holds, as if it mattered.
	unlink(path);

	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
}

/* Writes what build() makes; again and again the same bytes, without the work. */
static void write_sample(void (*build)(struct snapshot *))
{
	static void (*built)(struct snapshot *);
	static uint8_t *bytes;
	static size_t size;

	if (build == built) {
		bytes_put(bytes, size);
		return;
	}

	struct snapshot snapshot;

	build(&snapshot);
	// What is there may be a snapshot no more.
	unlink(path);
	succeeds(snapshot_write(&snapshot, path));
	snapshot_deinit(&snapshot);
	free(bytes);
	bytes = bytes_of(path, &size);
	built = build;
}

/* ---- what is written comes back ---- */

static void member_is_equal(const struct field *field, const void *left, const void *right)
{
	const char *a = (const char *)left + field->offset,
		   *b = (const char *)right + field->offset;

	switch (field->kind) {
	case FIELD_U64:
	case FIELD_I64:
		ck_assert_msg(*(const uint64_t *)(const void *)a ==
				      *(const uint64_t *)(const void *)b,
			      "%s differs", field->name);
		return;
	case FIELD_U32:
	case FIELD_INDEX:
	case FIELD_I32:
	case FIELD_WORD:
		ck_assert_msg(*(const uint32_t *)(const void *)a ==
				      *(const uint32_t *)(const void *)b,
			      "%s differs", field->name);
		return;
	case FIELD_FLAG:
		ck_assert_msg(*(const bool *)a == *(const bool *)b, "%s differs", field->name);
		return;
	case FIELD_NAME16:
		ck_assert_msg(!memcmp(a, b, 16), "%s differs", field->name);
		return;
	case FIELD_TEXT:
	case FIELD_STRING:
	case FIELD_STATIC: {
		const char *s = *(char *const *)(const void *)a,
			   *t = *(char *const *)(const void *)b;

		ck_assert_msg((!s && !t) || (s && t && !strcmp(s, t)), "%s differs", field->name);
		return;
	}
	}
	ck_abort_msg("%s has no kind", field->name);
}

typedef ARRAY(char) any_array;

static void snapshots_are_equal(const struct snapshot *a, const struct snapshot *b)
{
	const struct chunks *left = &a->heap.chunks, *right = &b->heap.chunks;

	for (size_t i = 0; i < schema_n_meta; i++)
		member_is_equal(&schema_meta[i], a, b);
	for (const struct record *record = schema_records; record->table; record++) {
		any_array one, two;

		memcpy(&one, (const char *)a + record->array, sizeof(one));
		memcpy(&two, (const char *)b + record->array, sizeof(two));
		ck_assert_msg(one.n == two.n, "%s: %zu rows are not %zu", record->table, one.n,
			      two.n);
		for (size_t row = 0; row < one.n; row++)
			for (size_t i = 0; i < record->n_fields; i++)
				member_is_equal(&record->fields[i], one.v + row * record->size,
						two.v + row * record->size);
	}
	ck_assert_mem_eq(a->memory, b->memory, sizeof(a->memory));
	ck_assert_uint_eq(left->n, right->n);
	if (left->n) {
		ck_assert_mem_eq(left->mem, right->mem, left->n * sizeof(*left->mem));
		ck_assert_mem_eq(left->size_units, right->size_units,
				 left->n * sizeof(*left->size_units));
		ck_assert_mem_eq(left->state, right->state, left->n);
		ck_assert_mem_eq(left->kind, right->kind, left->n);
	}
	ck_assert_uint_eq(left->odd.n, right->odd.n);
	if (left->odd.n)
		ck_assert_mem_eq(left->odd.v, right->odd.v, left->odd.n * sizeof(*left->odd.v));
	ck_assert_mem_eq(&a->heap.totals, &b->heap.totals, sizeof(a->heap.totals));
	ck_assert_uint_eq(a->heap.system_bytes, b->heap.system_bytes);
	for (size_t i = 0; i < a->heap.arenas.n; i++) {
		ck_assert_mem_eq(&a->heap.arenas.v[i].totals, &b->heap.arenas.v[i].totals,
				 sizeof(struct heap_totals));
		ck_assert_uint_eq(a->heap.arenas.v[i].largest_free,
				  b->heap.arenas.v[i].largest_free);
	}
	for (size_t i = 0; i < a->heap.sources.n; i++)
		ck_assert_mem_eq(&a->heap.sources.v[i].totals, &b->heap.sources.v[i].totals,
				 sizeof(struct heap_totals));
}

static char *print_all(const struct snapshot *snapshot, enum format format)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = format });

	writer_begin(writer, "test");
	print_everything(writer, snapshot);
	return written(writer);
}

/* Columns of the graph, NULL where there are none. */
static void graphs_are_equal(const struct graph *a, const struct graph *b)
{
	size_t vertices = a->dominators.n_chunks + a->dominators.n_places + 1;

	ck_assert_int_eq(a->is_built, b->is_built);
	ck_assert_int_eq(a->options.with_edges, b->options.with_edges);
	ck_assert_int_eq(a->options.with_dominators, b->options.with_dominators);
	ck_assert_int_eq(a->options.with_owners, b->options.with_owners);
	ck_assert_uint_eq(a->edges.n, b->edges.n);
	ck_assert_uint_eq(a->edges.n_chunks, b->edges.n_chunks);
	ck_assert_uint_eq(a->edges.place_unit, b->edges.place_unit);
	ck_assert_uint_eq(a->reach.n, b->reach.n);
	ck_assert_uint_eq(a->owners.n_chunks, b->owners.n_chunks);
	ck_assert_uint_eq(a->reach.leaks.n, b->reach.leaks.n);
	ck_assert_uint_eq(a->dominators.n_chunks, b->dominators.n_chunks);
	ck_assert_uint_eq(a->dominators.n_places, b->dominators.n_places);
	if (!a->is_built)
		return;
	ck_assert_mem_eq(a->edges.first, b->edges.first, (a->edges.n_chunks + 1) * 4);
	if (a->edges.n) {
		ck_assert_mem_eq(a->edges.to, b->edges.to, a->edges.n * 4);
		ck_assert_mem_eq(a->edges.place, b->edges.place, a->edges.n * 4);
	}
	if (a->reach.n)
		ck_assert_mem_eq(a->reach.kind, b->reach.kind, a->reach.n);
	ck_assert_mem_eq(a->reach.count, b->reach.count, sizeof(a->reach.count));
	ck_assert_mem_eq(a->reach.bytes, b->reach.bytes, sizeof(a->reach.bytes));
	if (a->reach.leaks.n)
		ck_assert_mem_eq(a->reach.leaks.v, b->reach.leaks.v,
				 a->reach.leaks.n * sizeof(*a->reach.leaks.v));
	ck_assert_uint_eq(a->owners.v.n, b->owners.v.n);
	for (size_t i = 0; i < a->owners.v.n; i++) {
		ck_assert_uint_eq(a->owners.v.v[i].place, b->owners.v.v[i].place);
		ck_assert_str_eq(a->owners.v.v[i].name, b->owners.v.v[i].name);
	}
	if (a->owners.n_chunks)
		ck_assert_mem_eq(a->owners.of, b->owners.of, a->owners.n_chunks * 4);
	ck_assert_mem_eq(a->dominators.idom, b->dominators.idom, vertices * 4);
	ck_assert_mem_eq(a->dominators.retained, b->dominators.retained, vertices * 8);
}

static void contents_are_equal(const struct snapshot *a, const struct snapshot *b)
{
	ck_assert_uint_eq(a->contents.n, b->contents.n);
	ck_assert_uint_eq(a->content_bytes.n, b->content_bytes.n);
	for (size_t i = 0; i < a->contents.n; i++) {
		ck_assert_uint_eq(a->contents.v[i].chunk, b->contents.v[i].chunk);
		ck_assert_uint_eq(a->contents.v[i].length, b->contents.v[i].length);
		ck_assert_uint_eq(a->contents.v[i].at, b->contents.v[i].at);
	}
	if (a->content_bytes.n)
		ck_assert_mem_eq(a->content_bytes.v, b->content_bytes.v, a->content_bytes.n);
}

static void comes_back(const struct snapshot *snapshot)
{
	struct snapshot copy;

	succeeds(snapshot_write(snapshot, path));
	succeeds(snapshot_read(path, snapshot->graph.is_built ? SNAPSHOT_EVERYTHING : 0, MEMORY,
			       &copy));
	snapshots_are_equal(snapshot, &copy);
	graphs_are_equal(&snapshot->graph, &copy.graph);
	contents_are_equal(snapshot, &copy);
	for (enum format format = FORMAT_TEXT; format <= FORMAT_CSV; format++) {
		_cleanup_free_ char *before = print_all(snapshot, format),
				    *after = print_all(&copy, format);

		ck_assert_uint_gt(strlen(before), 0);
		ck_assert_str_eq(before, after);
	}
	snapshot_deinit(&copy);
}

static void damaged_graph_snapshot(struct snapshot *snapshot)
{
	damaged_snapshot(snapshot);
	graph_add(snapshot, 1000, 5);
	types_add(snapshot);
}

static void empty_snapshot(struct snapshot *snapshot)
{
	snapshot_init(snapshot);
	snapshot->machine = "x86-64";
	snapshot->page_size = 4096;
}

/* Everything that can be: every state and kind, gaps, numbers at their ends, several blocks of each column. */
static void large_snapshot(struct snapshot *snapshot, size_t rows)
{
	struct heap *heap = &snapshot->heap;
	uint64_t random = 88172645463325252;
	vaddr mem = 0x555500000010;

	sample_snapshot(snapshot);
	chunks_deinit(&heap->chunks);
	heap->sources.n = 0;
	for (size_t i = 0; i < rows; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;

		uint64_t usable = random % 7	? 24 + random % 60 * 16
				  : random % 11 ? random >> 50
						: random >> 30;

		chunks_add(&heap->chunks, mem, usable, (enum chunk_state)(random % CHUNK_STATES),
			   (enum chunk_kind)(random / 16 % CHUNK_KINDS));
		mem += (usable + 8 + 15) / 16 * 16 + (random % 50 ? 0 : random >> 34 << 4);
		if (mem > UINT64_C(1) << 62)
			mem = 0;
	}
	ck_assert_uint_eq(chunks_seal(&heap->chunks), 0);
	heap->arenas.v[0].max_system_bytes = UINT64_MAX - 1;
	heap->arenas.v[0].system_bytes = UINT64_C(1) << 63;
	heap->allocators.v[0].n_mmaps = UINT64_MAX;
	heap_finding(heap, FINDING_MISSING, 0xffffffffff600000, 1, "%s", "");
	heap->findings_dropped = 3;
	array_append(&snapshot->notices, xstrdup("\xc3\xbc\x01\xff not quite UTF-8"));
	snapshot->time = -1;
	heap_sum(heap);
}

START_TEST(round_trips)
{
	struct snapshot snapshot;

	folder_make();
	sample_snapshot(&snapshot);
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	damaged_snapshot(&snapshot);
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	foreign_snapshot(&snapshot);
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	empty_snapshot(&snapshot);
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	graph_snapshot(&snapshot);
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	typed_snapshot(&snapshot);
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	damaged_snapshot(&snapshot);
	graph_add(&snapshot, 0, 3);
	snapshot.graph.options.pointers.unaligned = true;
	snapshot.graph.edges.place_unit = 1;
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	folder_remove();
}
END_TEST

/* Edges enough for several blocks of each column. */
START_TEST(large_graphs_round_trip)
{
	struct snapshot snapshot;

	folder_make();
	large_snapshot(&snapshot, COLUMN_BLOCK + 77);
	graph_add(&snapshot, 2 * COLUMN_BLOCK + 5, 9);
	comes_back(&snapshot);
	snapshot_deinit(&snapshot);
	folder_remove();
}
END_TEST

/* A report reads what it needs and no more. */
START_TEST(parts_are_read_alone)
{
	struct snapshot snapshot, part;

	folder_make();
	graph_snapshot(&snapshot);
	succeeds(snapshot_write(&snapshot, path));
	for (unsigned parts = 0; parts <= SNAPSHOT_EVERYTHING; parts++) {
		// Edges and dominators are nothing without the graph.
		if (parts && !(parts & SNAPSHOT_GRAPH))
			continue;
		succeeds(snapshot_read(path, parts, MEMORY, &part));
		ck_assert_int_eq(part.graph.is_built, parts != 0);
		ck_assert_uint_eq(part.graph.roots.v.n, parts ? snapshot.graph.roots.v.n : 0);
		ck_assert_uint_eq(part.graph.reach.n, parts ? snapshot.graph.reach.n : 0);
		ck_assert_uint_eq(part.graph.edges.n,
				  parts & SNAPSHOT_EDGES ? snapshot.graph.edges.n : 0);
		ck_assert_int_eq(part.graph.dominators.idom != NULL,
				 (parts & SNAPSHOT_DOMINATORS) != 0);
		ck_assert_int_eq(part.graph.owners.of != NULL, (parts & SNAPSHOT_OWNERS) != 0);
		snapshot_deinit(&part);
	}
	snapshot_deinit(&snapshot);
	write_sample(sample_snapshot);
	read_fails_with(ERROR_FORMAT, "it holds no graph");
	folder_remove();
}
END_TEST

START_TEST(large_tables_round_trip)
{
	static const size_t sizes[] = { COLUMN_BLOCK + 1, COLUMN_BLOCK, COLUMN_BLOCK - 1, 1,
					3 * COLUMN_BLOCK + 12345 };

	folder_make();
	for (size_t i = 0; i < (size_t)unit_rounds(sizeof(sizes) / sizeof(*sizes)); i++) {
		struct snapshot snapshot;

		large_snapshot(&snapshot, sizes[i]);
		comes_back(&snapshot);
		snapshot_deinit(&snapshot);
	}
	folder_remove();
}
END_TEST

/* ---- where it may be written ---- */

START_TEST(files_are_private_and_whole)
{
	struct snapshot snapshot;
	struct stat status;

	folder_make();
	umask(0);
	sample_snapshot(&snapshot);
	succeeds(snapshot_write(&snapshot, path));
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	ck_assert(snapshot_recognise(path));

	// Another snapshot is replaced, through a link as well, and an open one stays what it was.
	_cleanup_close_ int before = open(path, O_RDONLY);
	char link[128];

	snprintf(link, sizeof(link), "%s/link.hsnap", folder);
	ck_assert_int_eq(symlink("one.hsnap", link), 0);
	snapshot.pid = 1;
	succeeds(snapshot_write(&snapshot, link));
	ck_assert_int_eq(lstat(link, &status), 0);
	ck_assert(S_ISLNK(status.st_mode));
	ck_assert_int_eq(fstat(before, &status), 0);
	ck_assert_int_eq(status.st_nlink, 0);
	ck_assert_uint_eq(others(), 1);
	snapshot_deinit(&snapshot);
	succeeds(snapshot_read(path, 0, MEMORY, &snapshot));
	ck_assert_int_eq(snapshot.pid, 1);
	unlink(link);

	// Anything else is not.
	bytes_put((const uint8_t *)"precious", 8);
	fails_with(snapshot_write(&snapshot, path), ERROR_FORMAT, "is there and is no snapshot");
	ck_assert(!snapshot_recognise(path));
	fails_with(snapshot_write(&snapshot, "/dev/null"), ERROR_FORMAT,
		   "is there and is no snapshot");
	fails_with(snapshot_write(&snapshot, folder), ERROR_FORMAT, "is there and is no snapshot");
	ck_assert_int_eq(symlink("nowhere", link), 0);
	fails_with(snapshot_write(&snapshot, link), ERROR_FORMAT, "is there and is no snapshot");
	unlink(link);
	bytes_put(NULL, 0);
	succeeds(snapshot_write(&snapshot, path));
	fails_with(snapshot_write(&snapshot, "no/such/folder/x"), ERROR_OS,
		   "No such file or directory");
	fails_with(snapshot_write(&snapshot, ""), ERROR_OS, "No such file or directory");
	ck_assert_uint_eq(others(), 0);
	snapshot_deinit(&snapshot);
	folder_remove();
}
END_TEST

START_TEST(a_disk_without_room_leaves_the_old_file)
{
	struct snapshot snapshot;
	struct stat status;
	struct rlimit limit;
	const int rounds = unit_rounds(30);
	size_t size, again;

	folder_make();
	signal(SIGXFSZ, SIG_IGN);
	large_snapshot(&snapshot, 100000);
	succeeds(snapshot_write(&snapshot, path));
	ck_assert_int_eq(stat(path, &status), 0);
	write_sample(sample_snapshot);

	_cleanup_free_ uint8_t *old = bytes_of(path, &size);

	for (off_t room = 0; room < status.st_size; room += status.st_size / rounds + 1) {
		ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
		limit.rlim_cur = (rlim_t)room;
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
		fails_with(snapshot_write(&snapshot, path), ERROR_OS, "File too large");
		limit.rlim_cur = limit.rlim_max;
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

		_cleanup_free_ uint8_t *now = bytes_of(path, &again);

		ck_assert_uint_eq(size, again);
		ck_assert_mem_eq(old, now, size);
		ck_assert_uint_eq(others(), 0);
	}
	snapshot_deinit(&snapshot);
	folder_remove();
}
END_TEST

/* Kills a writer at a random moment; says whether the file was there before. */
static void kill_writer(const struct snapshot *snapshot, unsigned microseconds)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		succeeds(snapshot_write(snapshot, path));
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	nanosleep(&(struct timespec){ .tv_nsec = (long)microseconds * 1000 }, NULL);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

START_TEST(a_killed_writer_leaves_nothing)
{
	enum { LONGEST = 30000 };
	const unsigned trials = (unsigned)unit_rounds(30);
	struct snapshot snapshot, read;
	unsigned written = 0;

	folder_make();
	large_snapshot(&snapshot, 150000);
	srand(1);
	for (unsigned i = 0; i < trials; i++) {
		// Nothing half is ever under the name, and where there is no old file nothing beside it.
		kill_writer(&snapshot, (unsigned)rand() % LONGEST);
		ck_assert_uint_eq(others(), 0);
		if (access(path, F_OK))
			continue;
		written++;
		succeeds(snapshot_read(path, 0, MEMORY, &read));
		snapshots_are_equal(&snapshot, &read);
		snapshot_deinit(&read);
		unlink(path);
	}
	// The moments were spread over the whole of it, or nearly.
	ck_assert_uint_lt(written, trials);

	write_sample(sample_snapshot);
	for (unsigned i = 0; i < trials / 3; i++) {
		kill_writer(&snapshot, (unsigned)rand() % LONGEST);
		succeeds(snapshot_read(path, 0, MEMORY, &read));
		ck_assert(read.heap.chunks.n == snapshot.heap.chunks.n ||
			  read.heap.chunks.n < 10000);
		snapshot_deinit(&read);
	}
	snapshot_deinit(&snapshot);
	folder_remove();
}
END_TEST

/* ---- what is not as it was written ---- */

START_TEST(a_file_that_is_cut_is_refused)
{
	size_t size;

	folder_make();
	write_sample(sample_snapshot);

	_cleanup_free_ uint8_t *bytes = bytes_of(path, &size);

	for (size_t length = 0; length < size; length += length < 300 ? 1 : 509) {
		struct snapshot snapshot;

		bytes_put(bytes, length);

		struct error *error = snapshot_read(path, SNAPSHOT_EVERYTHING, MEMORY, &snapshot);

		fails_with(error, ERROR_FORMAT, "it is cut off");
	}
	bytes_put(bytes, size);
	ck_assert_int_eq(truncate(path, (off_t)size + 1), 0);
	read_fails_with(ERROR_FORMAT, "1 bytes behind its end");
	folder_remove();
}
END_TEST

START_TEST(a_flipped_bit_is_seen)
{
	enum { FLIPS = 2500, HEADER_FLIPS = 800 };
	const unsigned stride = FLIPS / (unsigned)unit_rounds(FLIPS);
	size_t size;

	folder_make();
	write_sample(damaged_graph_snapshot);

	_cleanup_free_ uint8_t *bytes = bytes_of(path, &size);
	_cleanup_close_ int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	srand(2);
	for (unsigned i = 0; i < FLIPS; i += stride) {
		// The header bit by bit, the rest here and there.
		bool in_header = i < HEADER_FLIPS;
		size_t at = in_header ? i / 8 : ((size_t)rand() << 16 ^ (size_t)rand()) % size;
		uint8_t byte = bytes[at] ^
			       (uint8_t)(1u << (in_header ? i % 8 : (unsigned)rand() % 8));
		struct snapshot snapshot;

		ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);

		struct error *error = snapshot_read(path, SNAPSHOT_EVERYTHING, MEMORY, &snapshot);

		ck_assert_msg(error != NULL, "bit flip %u at %zu is not seen", i, at);
		ck_assert(error->code == ERROR_FORMAT || error->code == ERROR_UNSUPPORTED);
		ck_assert_msg(!strncmp(error->message, path, strlen(path)) &&
				      strlen(error->message) > strlen(path) + 10,
			      "%s", error->message);
		error_destroy(error);
		ck_assert_int_eq(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
	}
	folder_remove();
}
END_TEST

/* ---- what was made to look right: changed by SQL, with its checksums set anew ---- */

static void seal_all(void)
{
	size_t size;
	_cleanup_free_ uint8_t *bytes = bytes_of(path, &size);

	ck_assert_uint_eq(size % DESCRIPTOR_PAGE, 0);
	for (size_t i = 0; i < size; i += DESCRIPTOR_PAGE)
		descriptor_seal_page(bytes + i);
	bytes_put(bytes, size);
}

static void change(const char *sql)
{
	sqlite3 *db;

	write_sample(damaged_graph_snapshot);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql,
		      sqlite3_errmsg(db));
	sqlite3_close(db);
	seal_all();
}

START_TEST(books_that_cannot_be_are_refused)
{
	static const struct {
		const char *sql, *words;
	} cases[] = {
		{ "UPDATE arenas SET id = 7 WHERE id = 1", "table arenas has rows that cannot be" },
		{ "DELETE FROM modules WHERE id = 0", "table modules has rows that cannot be" },
		{ "UPDATE arenas SET allocator = 7", "belongs to no allocator" },
		{ "UPDATE arenas SET allocator = -1",
		  "row 0 of table arenas has no valid allocator" },
		{ "UPDATE arenas SET is_main = 2", "has no valid is_main" },
		{ "UPDATE sources SET arena = 2 WHERE id = 1", "source 1 is no part of an arena" },
		{ "UPDATE sources SET \"end\" = start WHERE id = 0",
		  "source 0 is no part of an arena" },
		{ "UPDATE sources SET start = -5 WHERE id = 0", "source 0 is no part of an arena" },
		{ "UPDATE sources SET start = 'x' WHERE id = 0", "has no valid start" },
		{ "UPDATE sources SET kind = 'sub' WHERE id = 0", "has no valid kind" },
		{ "UPDATE findings SET arena = 9 WHERE id = 3", "finding 3 is about no arena" },
		{ "UPDATE findings SET text = NULL", "has no valid text" },
		{ "UPDATE checks SET name = NULL", "has no valid name" },
		{ "UPDATE notices SET text = x'00'", "has no valid text" },
		{ "UPDATE notices SET text = 'a' || char(0) || 'b'", "has no valid text" },
		{ "UPDATE notices SET text = printf('%.*c', 1048577, 'x')", "has no valid text" },
		{ "UPDATE threads SET name = 'sixteen letters.'", "has no valid name" },
		{ "UPDATE threads SET tid = 5000000000", "has no valid tid" },
		{ "UPDATE allocators SET version = NULL", "has no valid version" },
		{ "UPDATE meta SET value = 'vax' WHERE key = 'machine'",
		  "meta has no valid machine" },
		{ "DELETE FROM meta WHERE key = 'machine'", "meta lacks the machine" },
		{ "UPDATE meta SET value = 0 WHERE key = 'page_size'",
		  "meta lacks the machine or a page size" },
		{ "UPDATE meta SET value = 12288 WHERE key = 'page_size'", "a page size" },
		{ "UPDATE meta SET value = 1 << 20 WHERE key = 'page_size'", "a page size" },
		{ "UPDATE meta SET value = -1 WHERE key = 'chunks'", "it cannot hold -1 chunks" },
		{ "UPDATE meta SET value = 1 << 32 WHERE key = 'chunks'",
		  "it cannot hold 4294967296 chunks" },
		{ "UPDATE meta SET value = 'many' WHERE key = 'chunks'", "no number answers" },
		{ "DELETE FROM meta WHERE key = 'chunks'", "no number answers" },
		{ "UPDATE meta SET value = value + 1 WHERE key = 'chunks'",
		  "block 0 of column chunk.usable is missing" },
		{ "UPDATE meta SET value = 100000 WHERE key = 'chunks'",
		  "block 0 of column chunk.usable is missing" },
		{ "DELETE FROM columns WHERE name = 'chunk.mem'",
		  "block 0 of column chunk.mem is missing" },
		{ "UPDATE columns SET block = 1", "block 0 of column chunk.usable is missing" },
		{ "UPDATE columns SET rows = -rows", "block 0 of column chunk.usable is missing" },
		{ "UPDATE columns SET data = 17", "block 0 of column chunk.usable is missing" },
		{ "UPDATE columns SET data = x''", "block 0 of column chunk.usable is damaged" },
		{ "UPDATE columns SET data = x'28b52ffd'",
		  "block 0 of column chunk.usable is damaged" },
		{ "UPDATE columns SET data = zeroblob(5000)",
		  "block 0 of column chunk.usable is damaged" },
		{ "UPDATE columns SET data = (SELECT data FROM columns WHERE name = "
		  "'chunk.usable')",
		  "holds what cannot be" },
		{ "UPDATE places SET parent = 9 WHERE id = 4",
		  "place 4 has no name, or not its parent" },
		{ "UPDATE places SET parent = -1", "has no valid parent" },
		{ "UPDATE places SET parent = NULL WHERE id = 4",
		  "place 4 has no name, or not its parent" },
		{ "UPDATE places SET name = NULL WHERE id = 1",
		  "place 1 has no name, or not its parent" },
		{ "UPDATE places SET kind = 'attic'", "has no valid kind" },
		{ "UPDATE roots SET chunk = 99999999 WHERE id = 0",
		  "root 0 leads from no place to no chunk" },
		{ "UPDATE roots SET place = 77 WHERE id = 3",
		  "root 3 leads from no place to no chunk" },
		{ "UPDATE roots SET hit = 'x'", "has no valid hit" },
		{ "UPDATE suspects SET chunk = 99999999 WHERE id = 0",
		  "suspect 0 is about nothing" },
		{ "UPDATE suspects SET place = 99 WHERE id = 1", "suspect 1 is about nothing" },
		{ "UPDATE owners SET place = 99 WHERE id = 1", "owner 1 has no place" },
		{ "UPDATE owners SET name = NULL WHERE id = 1", "row 1 of table owners has no valid name" },
		{ "DELETE FROM owners WHERE id > 0", "column chunk.owner holds what cannot be" },
		{ "DELETE FROM columns WHERE name = 'chunk.owner'",
		  "block 0 of column chunk.owner is missing" },
		{ "UPDATE meta SET value = 99 WHERE key = 'leaked_place'",
		  "meta has no valid leaked_place" },
		{ "UPDATE meta SET value = NULL WHERE key = 'leaked_place'",
		  "meta has no valid leaked_place" },
		{ "UPDATE meta SET value = -1 WHERE key = 'edges'", "meta has no valid edges" },
		{ "UPDATE meta SET value = value + 1 WHERE key = 'edges'",
		  "its edges are 1000, not 1001" },
		{ "UPDATE meta SET value = value - 1 WHERE key = 'edges'",
		  "column edge.count holds what cannot be" },
		{ "UPDATE meta SET value = 4 WHERE key = 'edge_place_unit'",
		  "meta has no valid edge_place_unit" },
		{ "DELETE FROM meta WHERE key = 'leaks'", "it holds no graph" },
		{ "DELETE FROM meta WHERE key = 'edges'", "it holds no edges" },
		{ "UPDATE meta SET value = 1 << 40 WHERE key = 'leaks'",
		  "meta has no valid leaks" },
		{ "UPDATE meta SET value = value + 1 WHERE key = 'content_bytes'",
		  "its contents are " },
		{ "UPDATE meta SET value = value - 1 WHERE key = 'contents'",
		  "block 0 of column content.chunk is missing" },
		{ "DELETE FROM columns WHERE name = 'chunk.idom'",
		  "block 0 of column chunk.idom is missing" },
		{ "DELETE FROM columns WHERE name = 'place.retained'",
		  "block 0 of column place.retained is missing" },
		{ "DELETE FROM places WHERE id = 9", "meta has no valid leaked_place" },
		{ "INSERT INTO places (id, kind) VALUES (10, 'libc')", "no valid" },
		{ "DROP TABLE columns", "no such table: columns" },
		{ "DROP TABLE columns; CREATE TABLE columns (name, block, rows, data)",
		  "no such index" },
		{ "DROP TABLE meta", "no such table: meta" },
		{ "ALTER TABLE findings DROP COLUMN text", "table findings has no text" },
		{ "CREATE VIEW x AS SELECT 1", "it holds x, which is no table" },
		{ "CREATE TRIGGER x AFTER INSERT ON meta BEGIN SELECT 1; END",
		  "it holds x, which is no table" },
		{ "DROP TABLE notices; CREATE VIEW notices AS SELECT 0 AS id, 'x' AS text",
		  "it holds notices, which is no table" },
		{ "DROP TABLE notices; CREATE TABLE notices (id INTEGER PRIMARY KEY, text TEXT AS "
		  "(upper('x')))",
		  "table notices has no text" },
		{ "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 3 WHERE name = "
		  "'arenas'",
		  "" },
		{ "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 0 WHERE name = "
		  "'arenas'",
		  "it holds arenas, which is no table" },
		{ "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE meta "
		  "(' WHERE name = 'meta'",
		  "malformed" },
	};

	folder_make();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		change(cases[i].sql);
		read_fails_with(ERROR_FORMAT, cases[i].words);
	}
	folder_remove();
}
END_TEST

START_TEST(other_versions)
{
	struct snapshot snapshot;

	folder_make();
	// A newer format, and what is no snapshot.
	change("PRAGMA user_version = 2");
	read_fails_with(ERROR_UNSUPPORTED,
			"a newer heapsnap wrote it: its format is 2, this one knows up to 1");
	ck_assert(snapshot_recognise(path));
	change("PRAGMA application_id = 1");
	read_fails_with(ERROR_FORMAT, "it is no snapshot, but another SQLite database");
	ck_assert(!snapshot_recognise(path));
	change("PRAGMA journal_mode = WAL");
	read_fails_with(ERROR_FORMAT, "another program changed its layout");

	// A newer heapsnap that only adds.
	change("CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO types VALUES "
	       "(5, NULL);"
	       "ALTER TABLE arenas ADD COLUMN numa_node INTEGER DEFAULT 3; INSERT INTO meta VALUES "
	       "('mood', 'good');"
	       "INSERT INTO memory VALUES ('tape', 1, 2, 3); INSERT INTO columns VALUES "
	       "('chunk.mood', 0, 1, x'00');"
	       "CREATE INDEX faster ON modules (path)");
	succeeds(snapshot_read(path, 0, MEMORY, &snapshot));
	ck_assert_uint_eq(snapshot.heap.arenas.n, 2);
	ck_assert_uint_eq(snapshot.heap.findings.n, 12);
	snapshot_deinit(&snapshot);

	// An older one that knew less.
	change("DROP TABLE tcaches; ALTER TABLE threads DROP COLUMN in_malloc; ALTER TABLE modules "
	       "DROP COLUMN replaced;"
	       "DELETE FROM meta WHERE key IN ('trimmable_resident', 'runtime', 'boot_id'); DELETE "
	       "FROM memory WHERE kind = 'stack'");
	succeeds(snapshot_read(path, 0, MEMORY, &snapshot));
	ck_assert_uint_eq(snapshot.heap.tcaches.n, 0);
	ck_assert_uint_eq(snapshot.threads.n, 3);
	ck_assert_uint_eq(snapshot.trimmable_resident, UINT64_MAX);
	ck_assert_str_eq(snapshot.modules.v[1].path, "/lib/libgone.so");
	snapshot_deinit(&snapshot);
	change("DROP TABLE owners; DELETE FROM columns WHERE name = 'chunk.owner'");
	succeeds(snapshot_read(path, SNAPSHOT_EVERYTHING, MEMORY, &snapshot));
	ck_assert(!snapshot.graph.options.with_owners);
	ck_assert(snapshot.graph.options.with_dominators);
	snapshot_deinit(&snapshot);
	folder_remove();
}
END_TEST

/* Replaces the only block of a column by a frame of these bytes. */
static void change_column(const char *name, const uint8_t *plain, size_t size)
{
	size_t bound = ZSTD_compressBound(size);
	_cleanup_free_ uint8_t *packed = xmalloc(bound);
	size_t n = ZSTD_compress(packed, bound, plain, size, 1);
	sqlite3 *db;
	sqlite3_stmt *statement;

	write_sample(graph_snapshot);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "UPDATE columns SET data = ? WHERE name = ?", -1,
					    &statement, NULL),
			 SQLITE_OK);
	sqlite3_bind_blob64(statement, 1, packed, n, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	seal_all();
}

START_TEST(columns_that_cannot_be_are_refused)
{
	enum { BOMB = 64 << 20 };
	struct snapshot snapshot;

	folder_make();
	sample_snapshot(&snapshot);

	size_t n = snapshot.heap.chunks.n;
	_cleanup_free_ uint8_t *plain = xcalloc(BOMB, 1);

	snapshot_deinit(&snapshot);
	// More than the rows need, however well it is packed.
	change_column("chunk.usable", plain, BOMB);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.usable is damaged");
	plain[0] = 9;
	change_column("chunk.usable", plain, 1 + 9 * n);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.usable is damaged");
	plain[0] = 2;
	change_column("chunk.usable", plain, 1 + n);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.usable is damaged");
	change_column("chunk.usable", plain, 0);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.usable is damaged");

	// All 2^64 - 1 bytes long; ever backwards; not aligned; in no state.
	memset(plain + 1, 0xff, 8 * n);
	plain[0] = 8;
	change_column("chunk.usable", plain, 1 + 8 * n);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.mem holds what cannot be");
	change_column("chunk.mem", plain, 1 + 8 * n);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.mem holds what cannot be");
	change_column("chunk.state", plain, 1 + 8 * n);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.state holds what cannot be");
	memset(plain, 2, 1 + n);
	plain[0] = 1;
	change_column("chunk.mem", plain, 1 + n);
	read_fails_with(ERROR_FORMAT, "its chunks overlap or are not aligned");
	memset(plain + 1, CHUNK_STATES, n);
	change_column("chunk.state", plain, 1 + n);
	read_fails_with(ERROR_FORMAT, "block 0 of column chunk.state holds what cannot be");

	// Of leaks there is one block more, and the first is none; where edges are read, they are found anew.
	change("UPDATE meta SET value = value + 1 WHERE key = 'leaks'");
	fails_with(snapshot_read(path, SNAPSHOT_GRAPH, MEMORY, &snapshot), ERROR_FORMAT,
		   "column leak.chunk is missing");
	memset(plain + 1, 0, n);
	change_column("leak.chunk", plain, 1);
	fails_with(snapshot_read(path, SNAPSHOT_GRAPH, MEMORY, &snapshot), ERROR_FORMAT,
		   "column leak.chunk ");
	succeeds(snapshot_read(path, SNAPSHOT_EVERYTHING, MEMORY, &snapshot));
	snapshot_deinit(&snapshot);

	// Dominators that go round in circles.
	plain[0] = 1;
	for (size_t i = 0; i < n; i++)
		plain[1 + i] = i % 2 || i + 1 == n ? 6 : 4;
	change_column("chunk.idom", plain, 1 + n);
	read_fails_with(ERROR_FORMAT, "its dominators are no tree");

	// What is right but larger than may be.
	write_sample(sample_snapshot);
	fails_with(snapshot_read(path, SNAPSHOT_EVERYTHING, n, &snapshot), ERROR_OS,
		   "Cannot allocate memory");
	fails_with(snapshot_read("/dev/zero", SNAPSHOT_EVERYTHING, MEMORY, &snapshot), ERROR_OS,
		   "cannot open /dev/zero");
	fails_with(snapshot_read(folder, SNAPSHOT_EVERYTHING, MEMORY, &snapshot), ERROR_OS,
		   "cannot open");
	ck_assert(!snapshot_recognise(folder));
	ck_assert(!snapshot_recognise("/dev/zero"));
	ck_assert(!snapshot_recognise("/no/such/file"));
	folder_remove();
}
END_TEST

/* Columns of the graph with anything in them: refused, or harmless. */
START_TEST(graphs_of_anything)
{
	static const struct {
		const char *name;
		size_t n;
	} columns[] = {
		{ "chunk.reach", 0 },
		{ "chunk.idom", 0 },
		{ "chunk.retained", 0 },
		{ "place.idom", PLACE_KINDS + 1 },
		{ "place.retained", PLACE_KINDS + 1 },
		{ "edge.count", 0 },
		{ "edge.to", 2500 },
		{ "edge.place", 2500 },
	};
	const unsigned n_patterns = 12,
		       stride = n_patterns / (unsigned)unit_rounds((int)n_patterns);
	struct snapshot snapshot;
	unsigned refused = 0, taken = 0;
	uint64_t state = 77;

	folder_make();
	graph_snapshot(&snapshot);

	size_t chunks = snapshot.heap.chunks.n;
	_cleanup_free_ uint8_t *plain = xmalloc(1 + 8 * chunks);

	snapshot_deinit(&snapshot);
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		for (unsigned pattern = (unsigned)i % stride; pattern < n_patterns;
		     pattern += stride) {
			size_t n = columns[i].n ? columns[i].n : chunks,
			       width = pattern < 4   ? pattern * 2
				       : pattern < 8 ? 1
						     : 2;

			plain[0] = (uint8_t)width;
			for (size_t j = 0; j < width * n; j++)
				plain[1 + j] = pattern < 4   ? 0xff
					       : pattern < 8 ? (uint8_t)(pattern - 4)
							     : (uint8_t)dice(&state,
									     pattern < 10 ? 2 : 6);
			change_column(columns[i].name, plain, 1 + width * n);

			for (unsigned parts = SNAPSHOT_GRAPH | SNAPSHOT_DOMINATORS;
			     parts <= SNAPSHOT_EVERYTHING; parts += SNAPSHOT_EDGES) {
				struct error *error = snapshot_read(path, parts, MEMORY, &snapshot);

				if (error) {
					refused++;
					error_destroy(error);
					continue;
				}

				_cleanup_free_ char *text = print_all(&snapshot, FORMAT_TEXT);

				ck_assert_uint_gt(strlen(text), 0);

				taken++;
				snapshot_deinit(&snapshot);
			}
		}
	ck_assert_uint_gt(refused, 60 / stride);
	ck_assert_uint_gt(taken, 5 / stride);
	folder_remove();
}
END_TEST

/* Members, constants and sites of types that cannot be: refused, or harmless. */
START_TEST(types_of_anything)
{
	static const struct {
		const char *sql;
		bool is_refused;
	} changes[] = {
		{ "UPDATE type_members SET label = 77", true },
		{ "UPDATE type_members SET label = 20 - id", true },
		{ "UPDATE type_sites SET label = 3 - id", true },
		{ "UPDATE type_members SET kind = 'secret'", true },
		{ "UPDATE type_members SET depth = 4000000000", false },
		{ "UPDATE type_members SET depth = id", false },
		{ "UPDATE type_members SET depth = 0", false },
		{ "UPDATE type_members SET depth = id % 3, size = 0", false },
		{ "UPDATE type_members SET offset = -1", false },
		{ "UPDATE type_members SET offset = -8, size = 16", false },
		{ "UPDATE type_members SET size = -1", false },
		{ "UPDATE type_members SET count = -1, is_array = 1", false },
		{ "UPDATE type_members SET count = -1, is_array = 1, size = 4", false },
		{ "UPDATE type_members SET count = 0, is_array = 1, depth = id", false },
		{ "UPDATE type_members SET kind = 'enum', enumeration = 4000000000", false },
		{ "UPDATE type_members SET kind = 'enum', enumeration = 1, size = 16", false },
		{ "UPDATE type_members SET kind = 'signed', bit_size = 200, bit_offset = 77", false },
		{ "UPDATE type_members SET kind = 'unsigned', bit_size = 64, bit_offset = 63", false },
		{ "UPDATE type_members SET kind = 'float', size = 4000000000", false },
		{ "UPDATE type_members SET kind = 'char', count = -1, is_array = 1, size = 1", false },
		{ "UPDATE type_constants SET enumeration = 5", false },
		{ "DELETE FROM type_members WHERE id = 0", true },
		{ "DELETE FROM type_members", false },
		{ "UPDATE symbols SET address = 9 - id", false },
		{ "UPDATE meta SET value = 4000000000 WHERE key = 'type_header'", false },
	};
	struct snapshot snapshot;

	folder_make();
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		change(changes[i].sql);

		struct error *error = snapshot_read(path, SNAPSHOT_EVERYTHING, MEMORY, &snapshot);

		ck_assert_msg((error != NULL) == changes[i].is_refused, "%s: %s", changes[i].sql, error ? error->message : "is taken");
		if (error) {
			error_destroy(error);
			continue;
		}

		_cleanup_free_ char *text = print_all(&snapshot, FORMAT_TEXT);

		ck_assert_uint_gt(strlen(text), 0);
		ck_assert_ptr_null(strchr(text, '\x1b'));
		snapshot_deinit(&snapshot);
	}
	folder_remove();
}
END_TEST

/* Flips behind the checksums: nothing crashes, whatever comes of them. */
START_TEST(sealed_flips_do_no_harm)
{
	const unsigned flips = (unsigned)unit_rounds(300);
	unsigned refused = 0;
	size_t size;

	folder_make();
	write_sample(damaged_graph_snapshot);

	_cleanup_free_ uint8_t *bytes = bytes_of(path, &size);
	_cleanup_close_ int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	srand(3);
	for (unsigned i = 0; i < flips; i++) {
		size_t at = ((size_t)rand() << 16 ^ (size_t)rand()) % size,
		       start = at - at % DESCRIPTOR_PAGE;
		uint8_t page[DESCRIPTOR_PAGE];
		struct snapshot snapshot;

		memcpy(page, bytes + start, sizeof(page));
		page[at - start] ^= (uint8_t)(1u << ((unsigned)rand() % 8));
		descriptor_seal_page(page);
		ck_assert_int_eq(pwrite(fd, page, sizeof(page), (off_t)start), sizeof(page));

		struct error *error = snapshot_read(path, SNAPSHOT_EVERYTHING, MEMORY, &snapshot);

		if (error) {
			refused++;
			error_destroy(error);
		} else {
			_cleanup_free_ char *complaint = chunks_verify(&snapshot.heap.chunks);
			_cleanup_free_ char *text = print_all(&snapshot, FORMAT_TEXT);

			ck_assert_uint_gt(strlen(text), 0);
			ck_assert_msg(complaint == NULL, "%s", complaint);
			snapshot_deinit(&snapshot);
		}
		ck_assert_int_eq(pwrite(fd, bytes + start, sizeof(page), (off_t)start),
				 sizeof(page));
	}
	ck_assert_uint_ge(refused, flips / 100);
	folder_remove();
}
END_TEST

/* What a stock client sees: the first rows of the histogram tell most. */
START_TEST(other_clients_read_it)
{
	struct snapshot snapshot;
	sqlite3 *db;
	sqlite3_stmt *statement;
	uint64_t bytes = 0, count = 0, before = UINT64_MAX;

	folder_make();
	write_sample(sample_snapshot);
	sample_snapshot(&snapshot);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT usable, count, bytes FROM histogram", -1,
					    &statement, NULL),
			 SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		uint64_t row = (uint64_t)sqlite3_column_int64(statement, 2);

		ck_assert_uint_eq((uint64_t)sqlite3_column_int64(statement, 0) *
					  (uint64_t)sqlite3_column_int64(statement, 1),
				  row);
		ck_assert_uint_le(row, before);
		before = row;
		bytes += row;
		count += (uint64_t)sqlite3_column_int64(statement, 1);
	}
	sqlite3_finalize(statement);
	ck_assert_uint_eq(bytes, snapshot.heap.totals.bytes[CHUNK_IN_USE]);
	ck_assert_uint_eq(count, snapshot.heap.totals.count[CHUNK_IN_USE]);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(statement, 0), "ok");
	sqlite3_finalize(statement);
	sqlite3_close(db);
	snapshot_deinit(&snapshot);
	folder_remove();
}
END_TEST

UNIT_SUITE("snapshot_file", round_trips, large_graphs_round_trip, parts_are_read_alone,
	   graphs_of_anything, types_of_anything, large_tables_round_trip, files_are_private_and_whole,
	   a_disk_without_room_leaves_the_old_file, a_killed_writer_leaves_nothing,
	   a_file_that_is_cut_is_refused, a_flipped_bit_is_seen, books_that_cannot_be_are_refused,
	   other_versions, columns_that_cannot_be_are_refused, sealed_flips_do_no_harm,
	   other_clients_read_it)
