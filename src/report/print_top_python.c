/* SPDX-License-Identifier: MIT */
#include "report/print_top_python.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "graph/retained.h"

/* Rows of each table in text. */
enum { ROWS_SHOWN = 10 };

/* Something that retains memory, with its name. */
struct row {
	const char *name;
	/** Of an object its class. */
	uint32_t class;
	uint64_t count, bytes, retained;
	chunk_id chunk;
};

typedef ARRAY(struct row) row_array;

static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	return a->name && b->name ? strcmp(a->name, b->name) : a->chunk < b->chunk ? -1 : a->chunk > b->chunk;
}

static void rows_sort(row_array *rows)
{
	if (rows->n)
		qsort(rows->v, rows->n, sizeof(*rows->v), compare_rows);
}

static size_t rows_shown(struct writer *writer, const row_array *rows)
{
	return writer_options(writer)->format == FORMAT_TEXT && rows->n > ROWS_SHOWN ? ROWS_SHOWN : rows->n;
}

static uint64_t retained_of(const struct snapshot *snapshot, chunk_id chunk)
{
	return chunk == CHUNK_NONE ? 0 : snapshot->graph.dominators.retained[chunk];
}

static uint64_t total_of(const struct snapshot *snapshot)
{
	return snapshot->graph.dominators.retained[vertex_top(&snapshot->graph.dominators)];
}

/* ---- objects ---- */

/* A module and its dict are in a table of their own. */
static bool is_module(const struct python *python, chunk_id chunk)
{
	for (size_t i = 0; i < python->modules.n; i++)
		if (python->modules.v[i].object == chunk || python->modules.v[i].dict == chunk)
			return true;
	return false;
}

/* Whether a larger one reads the same: an instance and the dict with its attributes do. */
static bool is_told(const row_array *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows->v[i].name, name))
			return true;
	return false;
}

static void objects_print(struct writer *writer, const struct snapshot *snapshot)
{
	static const struct column columns[] = {
		{ .key = "retained", .title = "retained", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "type", .title = "Python object" },
		{ .key = "address" },
		{ .key = "path", .title = "shortest way" },
	};
	static const struct table table = { .key = "python_objects", .columns = columns, .n_columns = 5 };
	const struct python *python = &snapshot->python;
	row_array rows = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < python->named.n; i++)
		if (!is_module(python, python->named.v[i].chunk))
			array_append(&rows, (struct row){ .name = python->named.v[i].text,
							  .class = python->type[python->named.v[i].chunk],
							  .retained = retained_of(snapshot, python->named.v[i].chunk),
							  .chunk = python->named.v[i].chunk });
	rows_sort(&rows);
	for (size_t i = 0; i < rows.n; i++)
		if (!is_told(&rows, n, rows.v[i].name))
			rows.v[n++] = rows.v[i];
	rows.n = n;
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < rows_shown(writer, &rows); i++)
		writer_row(writer, (struct value[]){
					   value_bytes(rows.v[i].retained),
					   value_share(rows.v[i].retained, total_of(snapshot)),
					   value_text(rows.v[i].class < python->classes.n ? python->classes.v[rows.v[i].class].name : NULL),
					   value_address(snapshot->heap.chunks.mem[rows.v[i].chunk]),
					   value_text(rows.v[i].name),
				   });
	writer_table_end(writer);
	writer_print(writer, STYLE_PLAIN, "\n");
	array_deinit(&rows);
}

/* ---- modules ---- */

/* What would go with a module: its dict has all that is in it, but functions that run or are kept elsewhere hold that, too. */
static uint64_t module_retained(const struct snapshot *snapshot, const struct py_module *module)
{
	uint64_t retained = retained_of(snapshot, module->object);

	if (module->dict != CHUNK_NONE && module->object != CHUNK_NONE && snapshot->graph.dominators.idom[module->dict] == module->object)
		return retained;
	return retained + retained_of(snapshot, module->dict);
}

static void modules_print(struct writer *writer, const struct snapshot *snapshot)
{
	static const struct column columns[] = {
		{ .key = "retained", .title = "retained", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "module", .title = "Python module" },
	};
	static const struct table table = { .key = "python_modules", .columns = columns, .n_columns = 3 };
	const struct python *python = &snapshot->python;
	row_array rows = { 0 };

	for (size_t i = 0; i < python->modules.n; i++)
		array_append(&rows, (struct row){ .name = python->modules.v[i].name, .retained = module_retained(snapshot, &python->modules.v[i]) });
	rows_sort(&rows);
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < rows_shown(writer, &rows); i++)
		writer_row(writer, (struct value[]){
					   value_bytes(rows.v[i].retained),
					   value_share(rows.v[i].retained, total_of(snapshot)),
					   value_text(rows.v[i].name),
				   });
	writer_table_end(writer);
	writer_print(writer, STYLE_PLAIN, "\n");
	array_deinit(&rows);
}

/* ---- types ---- */

/* What objects of each class retain, those below others of their class not counted again. */
static void classes_retained(const struct snapshot *snapshot, uint64_t *ret)
{
	const struct python *python = &snapshot->python;
	size_t n = snapshot->graph.dominators.n_chunks;
	uint32_t *class = column_grow(NULL, 0, n * sizeof(*class));

	for (size_t i = 0; i < n; i++)
		class[i] = python->role[i] == PY_OBJECT && python->type[i] < python->classes.n ? python->type[i] : UINT32_MAX;
	retained_by_group(&snapshot->graph.dominators, class, python->classes.n, ret);
	column_free(class, n * sizeof(*class));
}

static void types_print(struct writer *writer, const struct snapshot *snapshot)
{
	static const struct column columns[] = {
		{ .key = "retained", .title = "retained", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "count", .title = "objects", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "own bytes", .flags = COLUMN_RIGHT },
		{ .key = "type", .title = "Python type" },
	};
	static const struct table table = { .key = "python_types", .columns = columns, .n_columns = 5 };
	const struct python *python = &snapshot->python;
	_cleanup_free_ uint64_t *retained = xcalloc(python->classes.n + 1, sizeof(*retained));
	row_array rows = { 0 };

	classes_retained(snapshot, retained);
	for (uint32_t i = 0; i < python->classes.n; i++)
		if (python->classes.v[i].objects.count)
			array_append(&rows, (struct row){ .name = python->classes.v[i].name,
							  .count = python->classes.v[i].objects.count,
							  .bytes = python->classes.v[i].objects.bytes,
							  .retained = retained[i] });
	rows_sort(&rows);
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < rows_shown(writer, &rows); i++)
		writer_row(writer, (struct value[]){
					   value_bytes(rows.v[i].retained),
					   value_share(rows.v[i].retained, total_of(snapshot)),
					   value_count(rows.v[i].count),
					   value_bytes(rows.v[i].bytes),
					   value_text(rows.v[i].name),
				   });
	writer_table_end(writer);
	writer_print(writer, STYLE_PLAIN, "\n");
	array_deinit(&rows);
}

void print_top_python(struct writer *writer, const struct snapshot *snapshot)
{
	if (!python_is_known(&snapshot->python) || !snapshot->graph.dominators.retained)
		return;
	objects_print(writer, snapshot);
	modules_print(writer, snapshot);
	types_print(writer, snapshot);
}
