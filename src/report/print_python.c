/* SPDX-License-Identifier: MIT */
#include "report/print_python.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/summary.h"

/* A class as a row: index in classes, and all that its objects take. */
struct row {
	uint32_t class;
	uint64_t bytes;
};

static uint64_t class_bytes(const struct py_class *class)
{
	return class->objects.bytes + class->tables.bytes + class->native.bytes;
}

struct sort {
	const struct python *python;
	enum python_order order;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int compare_rows(const void *left, const void *right, void *context)
{
	const struct sort *sort = context;
	const struct row *a = left, *b = right;
	const struct py_class *first = &sort->python->classes.v[a->class], *second = &sort->python->classes.v[b->class];
	int order = 0;

	switch (sort->order) {
	case PYTHON_BY_BYTES:
		break;
	case PYTHON_BY_COUNT:
		order = compare_numbers(first->objects.count, second->objects.count);
		break;
	case PYTHON_BY_GETSIZEOF:
		order = compare_numbers(first->getsizeof_bytes, second->getsizeof_bytes);
		break;
	case PYTHON_BY_NAME:
		order = strcmp(first->name, second->name);
		break;
	}
	if (!order)
		order = compare_numbers(a->bytes, b->bytes);
	if (!order)
		order = strcmp(first->name, second->name);
	return order ? order : a->class < b->class ? -1 : a->class > b->class;
}

typedef ARRAY(struct row) row_array;

static row_array rows_sorted(const struct python *python, const struct python_options *options)
{
	struct sort sort = { python, options->order };
	row_array rows = { 0 };

	for (uint32_t i = 0; i < python->classes.n; i++) {
		uint64_t bytes = class_bytes(&python->classes.v[i]);

		if (python->classes.v[i].objects.count && bytes >= options->min_size)
			array_append(&rows, (struct row){ i, bytes });
	}
	if (rows.n)
		qsort_r(rows.v, rows.n, sizeof(*rows.v), compare_rows, &sort);
	return rows;
}

/* ---- whose the memory is ---- */

/* The question that comes first has these answers; together they are all that is in use. */
struct shares {
	uint64_t whole, objects, tables, object_bytes, native, native_bytes, own, own_bytes, foreign, foreign_bytes, unreachable, unreachable_bytes;
};

static struct shares shares_of(const struct snapshot *snapshot)
{
	const struct python *python = &snapshot->python;
	struct shares shares = {
		.whole = snapshot->heap.totals.bytes[CHUNK_IN_USE],
		.objects = python->roles.v[PY_OBJECT].all.count,
		.tables = python->roles.v[PY_TABLE].all.count,
		.object_bytes = python->roles.v[PY_OBJECT].all.bytes + python->roles.v[PY_TABLE].all.bytes,
		.native = python->roles.v[PY_NATIVE].all.count,
		.native_bytes = python->roles.v[PY_NATIVE].all.bytes,
		.foreign = python->roles.v[PY_FOREIGN].all.count,
		.foreign_bytes = python->roles.v[PY_FOREIGN].all.bytes,
	};
	static const enum py_role own[] = { PY_CACHED, PY_INTERPRETER, PY_UNKNOWN };

	for (size_t i = 0; i < 3; i++) {
		shares.own += python->roles.v[own[i]].all.count;
		shares.own_bytes += python->roles.v[own[i]].all.bytes;
	}
	for (size_t i = 0; i < PY_ROLES; i++) {
		shares.unreachable += python->roles.v[i].unreachable.count;
		shares.unreachable_bytes += python->roles.v[i].unreachable.bytes;
	}
	return shares;
}

static void share_line(struct writer *writer, const struct shares *shares, const char *label, uint64_t bytes, char *what)
{
	_cleanup_free_ char *amount = writer_format_value(writer, value_bytes(bytes));
	_cleanup_free_ char *share = writer_format_value(writer, value_share(bytes, shares->whole));

	writer_print(writer, STYLE_PLAIN, "  %-30s  %9s  %8s  %s\n", label, amount, share, what);
	free(what);
}

static char *counted(uint64_t n, const char *one, const char *many)
{
	char number[TEXT_NUMBER_MAX];

	return xasprintf("%s %s", text_count(number, n), n == 1 ? one : many);
}

/* Of what nothing reaches the class that the collector would find most of, or of what is lost the one with most: «, most of __main__.Cycle». A builtin that
   belongs to others says less than a class with a module. */
static char *most_of(const struct python *python, bool lost)
{
	const struct py_class *most = NULL;
	uint64_t best = 0;
	bool has_module = false;

	for (size_t i = 0; i < python->classes.n; i++) {
		const struct py_class *class = &python->classes.v[i];
		uint64_t bytes = lost ? class->lost.bytes : class->tracked ? class->unreachable.bytes : 0;

		if (bytes && (strchr(class->name, '.') ? !has_module || bytes > best : !has_module && bytes > best)) {
			best = bytes;
			most = class;
			has_module = strchr(class->name, '.');
		}
	}
	if (!most)
		return xstrdup("");

	_cleanup_free_ char *name = text_escape(most->name, strlen(most->name));

	return xasprintf(", most of %s", name);
}

/* «of all of it: 9,985 objects, most of __main__.Cycle, 4,993 chunks besides». */
static char *unreachable_text(const struct snapshot *snapshot, const struct shares *shares)
{
	const struct python *python = &snapshot->python;
	uint64_t garbage = python->roles.v[PY_OBJECT].unreachable.count;
	_cleanup_free_ char *objects = counted(garbage, "object", "objects"), *chunks = counted(shares->unreachable - garbage, "chunk", "chunks");
	_cleanup_free_ char *of_objects = most_of(python, false), *of_lost = most_of(python, true);
	_cleanup_free_ char *lost = counted(python_lost(python), "is", "are");

	if (!python_lost(python))
		return xasprintf("of all of it: %s%s, %s besides", objects, of_objects, chunks);
	return xasprintf("of all of it: %s%s, %s besides; %s lost%s: references to them that nobody holds", objects, of_objects, chunks, lost, of_lost);
}

static void print_shares(struct writer *writer, const struct snapshot *snapshot)
{
	struct shares shares = shares_of(snapshot);
	_cleanup_free_ char *objects = counted(shares.objects, "object", "objects");
	_cleanup_free_ char *tables = counted(shares.tables, "table", "tables");

	share_line(writer, &shares, "Python objects", shares.object_bytes, xasprintf("%s, %s of theirs", objects, tables));
	share_line(writer, &shares, "native memory owned by Python", shares.native_bytes, counted(shares.native, "chunk", "chunks"));
	share_line(writer, &shares, "native memory owned by C code", shares.foreign_bytes, counted(shares.foreign, "chunk", "chunks"));
	if (snapshot->python.has_unreachable)
		share_line(writer, &shares, "unreachable", shares.unreachable_bytes, unreachable_text(snapshot, &shares));
	share_line(writer, &shares, "the interpreter's own", shares.own_bytes, counted(shares.own, "chunk", "chunks"));

	writer_group_begin(writer, "memory");
	writer_field(writer, "in_use_bytes", value_bytes(shares.whole));
	writer_field(writer, "python_objects_bytes", value_bytes(shares.object_bytes));
	writer_field(writer, "python_native_bytes", value_bytes(shares.native_bytes));
	writer_field(writer, "c_native_bytes", value_bytes(shares.foreign_bytes));
	writer_field(writer, "interpreter_bytes", value_bytes(shares.own_bytes));
	writer_field(writer, "unreachable_bytes", snapshot->python.has_unreachable ? value_bytes(shares.unreachable_bytes) : value_none());
	writer_field(writer, "unreachable_objects",
		     snapshot->python.has_unreachable ? value_count(snapshot->python.roles.v[PY_OBJECT].unreachable.count) : value_none());
	writer_field(writer, "lost_objects", snapshot->python.has_unreachable ? value_count(python_lost(&snapshot->python)) : value_none());
	writer_group_end(writer);
}

static void print_headline(struct writer *writer, const struct snapshot *snapshot)
{
	_cleanup_free_ char *name = text_escape(snapshot->name ? snapshot->name : "?", strlen(snapshot->name ? snapshot->name : "?"));
	_cleanup_free_ char *bytes = writer_prose_bytes(writer, snapshot->heap.totals.bytes[CHUNK_IN_USE]);
	_cleanup_free_ char *objects = counted(snapshot->python.roles.v[PY_OBJECT].all.count, "Python object", "Python objects");

	writer_print(writer, STYLE_BOLD, "%s", name);
	if (snapshot->pid)
		writer_print(writer, STYLE_BOLD, ", pid %lld", (long long)snapshot->pid);
	writer_print(writer, STYLE_PLAIN, ": %s in use, %s, ", bytes, objects);
	writer_print(writer, heap_is_exact(&snapshot->heap) ? STYLE_GOOD : STYLE_BAD, heap_is_exact(&snapshot->heap) ? "exact\n" : "NOT exact, see below\n");
}

/* ---- classes ---- */

static void class_row(struct writer *writer, const struct py_class *class, uint64_t whole, const char *name)
{
	uint64_t bytes = class_bytes(class);

	writer_row(writer, (struct value[]){
				   value_text(name),
				   value_count(class->objects.count),
				   value_bytes(bytes),
				   value_share(bytes, whole),
				   value_bytes(class->objects.count ? bytes / class->objects.count : 0),
				   value_bytes(class->getsizeof_bytes),
				   value_bytes(class->objects.bytes),
				   value_count(class->tables.count),
				   value_bytes(class->tables.bytes),
				   value_count(class->native.count),
				   value_bytes(class->native.bytes),
				   value_count(class->tracked),
				   value_count(class->unreachable.count),
				   value_count(class->lost.count),
				   value_share(bytes, whole),
			   });
}

static void class_add(struct py_class *sum, const struct py_class *class)
{
	sum->objects.count += class->objects.count;
	sum->objects.bytes += class->objects.bytes;
	sum->tables.count += class->tables.count;
	sum->tables.bytes += class->tables.bytes;
	sum->native.count += class->native.count;
	sum->native.bytes += class->native.bytes;
	sum->getsizeof_bytes += class->getsizeof_bytes;
	sum->tracked += class->tracked;
	sum->unreachable.count += class->unreachable.count;
}

static void print_classes(struct writer *writer, const struct snapshot *snapshot, const struct python_options *options)
{
	static const struct column columns[] = {
		{ .key = "type", .title = "type" },
		{ .key = "count", .title = "objects", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "mean", .title = "mean", .flags = COLUMN_RIGHT },
		{ .key = "getsizeof", .title = "getsizeof", .flags = COLUMN_RIGHT },
		{ .key = "object_bytes" },
		{ .key = "tables" },
		{ .key = "table_bytes" },
		{ .key = "native_chunks" },
		{ .key = "native_bytes", .title = "native", .flags = COLUMN_RIGHT },
		{ .key = "tracked" },
		{ .key = "unreachable", .title = "unreachable", .flags = COLUMN_RIGHT },
		{ .key = "lost" },
		{ .title = "", .flags = COLUMN_BAR },
	};
	static const struct table table = { .key = "types",
					    .columns = columns,
					    .n_columns = sizeof(columns) / sizeof(columns[0]),
					    .is_main = true };
	row_array rows = rows_sorted(&snapshot->python, options);
	uint64_t whole = snapshot->heap.totals.bytes[CHUNK_IN_USE];
	size_t n = options->limit && options->limit < rows.n ? (size_t)options->limit : rows.n;
	struct py_class rest = { 0 };

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < n; i++)
		class_row(writer, &snapshot->python.classes.v[rows.v[i].class], whole, snapshot->python.classes.v[rows.v[i].class].name);
	for (size_t i = n; i < rows.n; i++)
		class_add(&rest, &snapshot->python.classes.v[rows.v[i].class]);
	if (n < rows.n && writer_options(writer)->format == FORMAT_TEXT) {
		_cleanup_free_ char *label = counted(rows.n - n, "more type", "more types");

		class_row(writer, &rest, whole, label);
	}
	writer_table_end(writer);
	array_deinit(&rows);
}

/* ---- the interpreter ---- */

static void print_roles(struct writer *writer, const struct snapshot *snapshot)
{
	static const struct column columns[] = {
		{ .key = "role" }, { .key = "chunks" }, { .key = "bytes" }, { .key = "chunks_in_malloc" }, { .key = "bytes_in_malloc" }, { .key = "unreachable" },
	};
	static const struct table table = { .key = "roles", .columns = columns, .n_columns = 6 };
	const struct python *python = &snapshot->python;

	if (writer_options(writer)->format != FORMAT_JSON)
		return;
	writer_table_begin(writer, &table);
	for (enum py_role role = 0; role < PY_ROLES; role++)
		writer_row(writer, (struct value[]){
					   value_word(py_role_name(role)),
					   value_count(python->roles.v[role].all.count),
					   value_bytes(python->roles.v[role].all.bytes),
					   value_count(python->roles.v[role].in_malloc.count),
					   value_bytes(python->roles.v[role].in_malloc.bytes),
					   python->has_unreachable ? value_count(python->roles.v[role].unreachable.count) : value_none(),
				   });
	writer_table_end(writer);
}

static void print_runtimes(struct writer *writer, const struct snapshot *snapshot)
{
	static const struct column columns[] = {
		{ .key = "module" },	    { .key = "version" },     { .key = "offsets" },	{ .key = "why_not" },
		{ .key = "interpreters" },  { .key = "threads" },     { .key = "collecting" },	{ .key = "generation0" },
		{ .key = "generation1" },   { .key = "generation2" }, { .key = "permanent" },	{ .key = "garbage" },
	};
	static const struct table table = { .key = "runtimes", .columns = columns, .n_columns = 12 };

	if (writer_options(writer)->format != FORMAT_JSON)
		return;
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < snapshot->python.runtimes.n; i++) {
		const struct py_runtime *runtime = &snapshot->python.runtimes.v[i];
		bool known = runtime->gc.is_known;

		writer_row(writer, (struct value[]){
					   value_text(runtime->module),
					   value_text(runtime->version),
					   value_text(runtime->offsets),
					   value_text(runtime->why_not),
					   value_count(runtime->interpreters),
					   value_count(runtime->threads),
					   value_flag(runtime->gc.is_collecting),
					   known ? value_count(runtime->gc.generations[0]) : value_none(),
					   known ? value_count(runtime->gc.generations[1]) : value_none(),
					   known ? value_count(runtime->gc.generations[2]) : value_none(),
					   known ? value_count(runtime->gc.generations[3]) : value_none(),
					   known ? value_count(runtime->gc.garbage) : value_none(),
				   });
	}
	writer_table_end(writer);
}

/* What the allocator says: as sys._debugmallocstats() does. */
static void pymalloc_fields(struct writer *writer, const struct py_pymalloc *pymalloc)
{
	static const struct column columns[] = { { .key = "size" }, { .key = "pools" }, { .key = "used" }, { .key = "free" } };
	static const struct table table = { .key = "pymalloc_sizes", .columns = columns, .n_columns = 4 };

	writer_group_begin(writer, "pymalloc");
	writer_field(writer, "address", pymalloc->address == VADDR_NONE ? value_none() : value_address(pymalloc->address));
	writer_field(writer, "debug", value_flag(pymalloc->is_debug));
	writer_field(writer, "arenas", value_count(pymalloc->arenas));
	writer_field(writer, "arena_bytes", value_bytes(pymalloc->arena_bytes));
	writer_field(writer, "pools", value_count(pymalloc->pools));
	writer_field(writer, "free_pools", value_count(pymalloc->free_pools));
	writer_field(writer, "fresh_pools", value_count(pymalloc->fresh_pools));
	writer_field(writer, "used_blocks", value_count(pymalloc->used.count));
	writer_field(writer, "used_bytes", value_bytes(pymalloc->used.bytes));
	writer_field(writer, "free_blocks", value_count(pymalloc->free.count));
	writer_field(writer, "free_bytes", value_bytes(pymalloc->free.bytes));
	writer_field(writer, "raw_blocks", pymalloc->raw_blocks == UINT64_MAX ? value_none() : value_count(pymalloc->raw_blocks));
	writer_field(writer, "allocated_blocks",
		     pymalloc->raw_blocks == UINT64_MAX ? value_none() : value_count(pymalloc->used.count + pymalloc->raw_blocks));
	writer_field(writer, "in_motion", value_count(pymalloc->in_motion));
	writer_group_end(writer);
	if (writer_options(writer)->format != FORMAT_JSON)
		return;
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < PY_CLASSES_MAX; i++)
		if (pymalloc->classes[i].pools)
			writer_row(writer, (struct value[]){
						   value_number((i + 1) * 16),
						   value_count(pymalloc->classes[i].pools),
						   value_count(pymalloc->classes[i].used),
						   value_count(pymalloc->classes[i].free),
					   });
	writer_table_end(writer);
}

static void print_pymalloc(struct writer *writer, const struct py_pymalloc *pymalloc)
{
	_cleanup_free_ char *arenas = counted(pymalloc->arenas, "arena", "arenas");
	_cleanup_free_ char *arena_bytes = writer_prose_bytes(writer, pymalloc->arena_bytes);
	_cleanup_free_ char *used = writer_prose_bytes(writer, pymalloc->used.bytes);
	_cleanup_free_ char *blocks = counted(pymalloc->used.count, "block", "blocks");
	_cleanup_free_ char *free_bytes = writer_prose_bytes(writer, pymalloc->free.bytes);
	_cleanup_free_ char *free_pools = writer_prose_bytes(writer, (pymalloc->free_pools + pymalloc->fresh_pools) * pymalloc->pool_bytes);
	char number[TEXT_NUMBER_MAX];

	if (pymalloc->address == VADDR_NONE) {
		writer_print(writer, STYLE_PLAIN, "pymalloc is not in use: every object is a chunk of malloc\n");
		return;
	}
	writer_print(writer, STYLE_PLAIN, "pymalloc%s: %s (%s); %s in %s, %s free beside them, %s in free pools\n",
		     pymalloc->is_debug ? " (debug)" : "", arenas, arena_bytes, used, blocks, free_bytes, free_pools);
	if (pymalloc->raw_blocks != UINT64_MAX)
		writer_print(writer, STYLE_PLAIN, "sys.getallocatedblocks() is %s\n",
			     text_count(number, pymalloc->used.count + pymalloc->raw_blocks));
}

static void print_gc(struct writer *writer, const struct py_gc *gc)
{
	char numbers[4][TEXT_NUMBER_MAX];

	if (gc->is_known)
		writer_print(writer, STYLE_PLAIN, "collector: %s + %s + %s objects in generations 0, 1, 2%s%s%s", text_count(numbers[0], gc->generations[0]),
			     text_count(numbers[1], gc->generations[1]), text_count(numbers[2], gc->generations[2]), gc->generations[3] ? ", " : "",
			     gc->generations[3] ? text_count(numbers[3], gc->generations[3]) : "", gc->generations[3] ? " permanent" : "");
	else
		writer_print(writer, STYLE_PLAIN, "collector: its lists cannot be followed now");
	if (gc->is_collecting)
		writer_print(writer, STYLE_BOLD, "; it was collecting at the stop");
	if (gc->garbage)
		writer_print(writer, STYLE_BAD, "; %s in gc.garbage", text_count(numbers[0], gc->garbage));
	writer_print(writer, STYLE_PLAIN, "\n");
}

static void print_interpreters(struct writer *writer, const struct snapshot *snapshot)
{
	print_runtimes(writer, snapshot);
	for (size_t i = 0; i < snapshot->python.runtimes.n; i++) {
		const struct py_runtime *runtime = &snapshot->python.runtimes.v[i];
		_cleanup_free_ char *module = text_escape(runtime->module, strlen(runtime->module));
		_cleanup_free_ char *interpreters = counted(runtime->interpreters, "interpreter", "interpreters");
		_cleanup_free_ char *threads = counted(runtime->threads, "thread", "threads");

		writer_print(writer, STYLE_PLAIN, "\n");
		if (runtime->why_not) {
			_cleanup_free_ char *why = text_escape(runtime->why_not, strlen(runtime->why_not));

			writer_print(writer, STYLE_PLAIN, "CPython %s (%s): %s\n", runtime->version ? runtime->version : "", module, why);
			continue;
		}
		writer_print(writer, STYLE_PLAIN, "CPython %s (%s), %s, %s; offsets from %s\n", runtime->version, module, interpreters, threads,
			     runtime->offsets);
		if (!i || snapshot->python.runtimes.v[0].why_not)
			pymalloc_fields(writer, &runtime->pymalloc);
		print_pymalloc(writer, &runtime->pymalloc);
		print_gc(writer, &runtime->gc);
	}
}

static void print_step(struct writer *writer, const char *command, const char *what)
{
	writer_print(writer, STYLE_PLAIN, "  heapsnap %s\n                            %s\n", command, what);
}

/* What is worth asking next: who holds what takes most, and what is leaked when that is much. */
static void print_next(struct writer *writer, const struct snapshot *snapshot, const struct python_options *options)
{
	enum { MUCH = 10 };
	struct python_options by_bytes = { .order = PYTHON_BY_BYTES };
	row_array rows = rows_sorted(&snapshot->python, &by_bytes);
	struct shares shares = shares_of(snapshot);

	if (rows.n) {
		const char *name = snapshot->python.classes.v[rows.v[0].class].name;
		_cleanup_free_ char *type = text_escape(name, strlen(name)), *why = xasprintf("why %s 'py:%s'", options->target, type);
		_cleanup_free_ char *leaks = xasprintf("leaks %s", options->target);

		writer_print(writer, STYLE_PLAIN, "\n");
		writer_print(writer, STYLE_BOLD, "Next\n");
		if (shares.unreachable_bytes >= shares.whole / MUCH && shares.unreachable)
			print_step(writer, leaks, "what nothing reaches");
		print_step(writer, why, "who holds these, by name");
	}
	array_deinit(&rows);
}

void print_python(struct writer *writer, const struct snapshot *snapshot, const struct python_options *options)
{
	writer_field(writer, "exact", value_flag(heap_is_exact(&snapshot->heap)));
	print_headline(writer, snapshot);
	print_shares(writer, snapshot);
	print_classes(writer, snapshot, options);
	print_roles(writer, snapshot);
	print_interpreters(writer, snapshot);
	print_trouble(writer, snapshot, options->lines);
	if (!options->quiet)
		print_next(writer, snapshot, options);
}

/* ---- why ---- */

static void print_paths(struct writer *writer, const struct py_why *why, uint64_t limit)
{
	static const struct column columns[] = {
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "objects", .title = "objects", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "named" },
		{ .key = "path", .title = "shortest way" },
	};
	static const struct table table = { .key = "paths", .columns = columns, .n_columns = 5, .is_main = true };
	struct py_totals rest = { 0 };
	size_t n = limit && limit < why->paths.n ? (size_t)limit : why->paths.n;

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < n; i++) {
		const struct py_path *path = &why->paths.v[i];

		writer_row(writer, (struct value[]){
					   value_share(path->totals.bytes, why->totals.bytes),
					   value_count(path->totals.count),
					   value_bytes(path->totals.bytes),
					   value_flag(path->is_named),
					   value_text(path->text),
				   });
	}
	for (size_t i = n; i < why->paths.n; i++) {
		rest.count += why->paths.v[i].totals.count;
		rest.bytes += why->paths.v[i].totals.bytes;
	}
	if (rest.count && writer_options(writer)->format == FORMAT_TEXT) {
		_cleanup_free_ char *label = counted(why->paths.n - n, "more way", "more ways");

		writer_row(writer, (struct value[]){
					   value_share(rest.bytes, why->totals.bytes),
					   value_count(rest.count),
					   value_bytes(rest.bytes),
					   value_none(),
					   value_word(label),
				   });
	}
	writer_table_end(writer);
}

static void print_vias(struct writer *writer, const struct py_why *why, uint64_t limit)
{
	static const struct column columns[] = {
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "references", .title = "references", .flags = COLUMN_RIGHT },
		{ .key = "via", .title = "referred to by" },
	};
	static const struct table table = { .key = "vias", .columns = columns, .n_columns = 3 };

	if (!why->vias.n)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < why->vias.n && (!limit || i < limit); i++)
		writer_row(writer, (struct value[]){
					   value_share(why->vias.v[i].references, why->references),
					   value_count(why->vias.v[i].references),
					   value_text(why->vias.v[i].text),
				   });
	writer_table_end(writer);
}

void print_why_python(struct writer *writer, const struct py_why *why, uint64_t limit)
{
	_cleanup_free_ char *name = text_escape(why->name, strlen(why->name));
	_cleanup_free_ char *objects = counted(why->totals.count, "object", "objects");
	_cleanup_free_ char *bytes = writer_prose_bytes(writer, why->totals.bytes);

	writer_field(writer, "type", value_text(why->name));
	writer_field(writer, "objects", value_count(why->totals.count));
	writer_field(writer, "bytes", value_bytes(why->totals.bytes));
	writer_field(writer, "references", value_count(why->references));
	writer_print(writer, STYLE_BOLD, "%s", name);
	writer_print(writer, STYLE_PLAIN, ": %s, %s\n", objects, bytes);
	print_paths(writer, why, limit);
	print_vias(writer, why, limit);
}

void print_python_way(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk)
{
	const char *way = python_named(&snapshot->python, chunk);

	if (!way)
		return;

	_cleanup_free_ char *escaped = text_escape(way, strlen(way));

	writer_field(writer, "path", value_text(way));
	writer_print(writer, STYLE_PLAIN, "In Python: %s\n", escaped);
}
