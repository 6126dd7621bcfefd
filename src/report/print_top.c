/* SPDX-License-Identifier: MIT */
/*
 * The tree is made level by level: one pass over the chunks finds what hangs below all vertices of a level (children.h), so its cost does not grow with how many
 * of them there are. Below a place come its places, then its chunks: large ones by themselves, the others by size. Rows that hold less than the least are summed
 * up in one for each parent.
 */
#include "report/print_top.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/column.h"
#include "base/text.h"
#include "graph/children.h"
#include "graph/retained.h"
#include "report/graph_text.h"
#include "report/hints.h"
#include "report/place_label.h"
#include "report/print_suspects.h"
#include "report/print_top_python.h"
#include "report/sharers.h"
#include "report/summary.h"
#include "report/type_rows.h"
#include "types/labels.h"
#include "types/type_index.h"

enum {
	/** A chunk that retains one part in so many of everything is a row of its own. */
	LARGE_PART = 100,
	/** Below modules and threads; deeper rows have their place above them. */
	SHARED_DEPTH = 2,
	/** Rows of the table by type, or by size. */
	SIZES_SHOWN = 10,
};

#define ROW_NONE UINT32_MAX

struct tree_row {
	uint32_t parent;
	size_t depth;
	/** VERTEX_NONE for a group of chunks. */
	vertex_id vertex;
	/** Of a group: what tells it from others, its label where that is a type, size of each (0 for several), and how many. */
	uint64_t key;
	label_id label;
	uint64_t usable, count;
	uint64_t retained;
	chunk_id example;
	/** The sum of what is too small for rows of its own. */
	bool is_rest;
};

struct tree {
	const struct snapshot *snapshot;
	const struct dominators *dominators;
	const struct top_options *options;
	struct kinds kinds;
	uint64_t total, large;
	ARRAY(struct tree_row) rows;
};

static bool is_place(const struct tree *tree, vertex_id vertex)
{
	return vertex != VERTEX_NONE && vertex >= tree->dominators->n_chunks && vertex < vertex_top(tree->dominators);
}

static place_id place_of(const struct tree *tree, vertex_id vertex)
{
	return (place_id)(vertex - tree->dominators->n_chunks);
}

static int compare_rows(const void *left, const void *right)
{
	const struct tree_row *a = left, *b = right;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->is_rest != b->is_rest)
		return a->is_rest ? 1 : -1;
	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	if (a->vertex != b->vertex)
		return a->vertex < b->vertex ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* Sorts the rows of a level and sums up those of each parent that are too many or too small. */
static void level_settle(struct tree *tree, size_t start)
{
	size_t n = tree->rows.n, to = start, of_parent = 0;

	if (n > start)
		qsort(tree->rows.v + start, n - start, sizeof(*tree->rows.v), compare_rows);
	for (size_t i = start; i < n; i++) {
		struct tree_row row = tree->rows.v[i];
		struct tree_row *last = to > start ? &tree->rows.v[to - 1] : NULL;

		if (!last || last->parent != row.parent)
			of_parent = 0;
		if (row.retained >= tree->options->min_size && (!tree->options->limit || of_parent < tree->options->limit)) {
			tree->rows.v[to++] = row;
			of_parent++;
		} else if (last && last->parent == row.parent && last->is_rest) {
			last->retained += row.retained;
			last->count += row.count;
		} else {
			tree->rows.v[to++] = (struct tree_row){ .parent = row.parent, .depth = row.depth, .vertex = VERTEX_NONE, .count = row.count,
								.retained = row.retained, .example = CHUNK_NONE, .is_rest = true };
		}
	}
	tree->rows.n = to;
}

/* The rows below those in [start, end), which have `depth`. */
static void level_add(struct tree *tree, size_t start, size_t end, size_t depth)
{
	const struct roots *roots = &tree->snapshot->graph.roots;
	ARRAY(vertex_id) vertices = { 0 };
	ARRAY(uint32_t) parents = { 0 };
	child_group_array groups;
	size_t level = tree->rows.n, n_chunks = tree->dominators->n_chunks;
	// For each place, and the root above all: its row, plus one.
	_cleanup_free_ uint32_t *row_of = xcalloc(roots->places.n + 1, sizeof(*row_of));

	for (size_t i = start; i < end; i++) {
		vertex_id vertex = tree->rows.v[i].vertex;

		if (vertex == VERTEX_NONE)
			continue;
		array_append(&vertices, vertex);
		array_append(&parents, (uint32_t)i);
		if (vertex >= n_chunks)
			row_of[vertex - n_chunks] = (uint32_t)i + 1;
	}
	children_group(&tree->kinds, tree->dominators, vertices.v, vertices.n, tree->large, &groups);
	for (size_t i = 0; i < groups.n; i++) {
		const struct child_group *group = &groups.v[i];

		array_append(&tree->rows, (struct tree_row){ .parent = parents.v[group->parent],
							     .depth = depth,
							     .vertex = group->chunk != CHUNK_NONE || group->count == 1 ? group->example : VERTEX_NONE,
							     .key = group->key,
							     .label = group->name,
							     .usable = group->usable,
							     .count = group->count,
							     .retained = group->retained,
							     .example = group->example });
	}
	for (size_t place = 0; place < roots->places.n; place++) {
		vertex_id vertex = vertex_of_place(tree->dominators, (place_id)place), above = tree->dominators->idom[vertex];

		if (above == VERTEX_NONE || !row_of[above - n_chunks] || !tree->dominators->retained[vertex])
			continue;
		array_append(&tree->rows, (struct tree_row){ .parent = row_of[above - n_chunks] - 1,
							     .depth = depth,
							     .vertex = vertex,
							     .count = 1,
							     .retained = tree->dominators->retained[vertex],
							     .example = CHUNK_NONE });
	}
	level_settle(tree, level);
	array_deinit(&groups);
	array_deinit(&vertices);
	array_deinit(&parents);
}

static void tree_make(struct tree *tree)
{
	size_t start = 0;

	array_append(&tree->rows, (struct tree_row){ .parent = ROW_NONE, .vertex = vertex_top(tree->dominators), .retained = tree->total, .example = CHUNK_NONE });
	for (size_t depth = 1; depth <= tree->options->depth && start < tree->rows.n; depth++) {
		size_t end = tree->rows.n;

		level_add(tree, start, end, depth);
		start = end;
	}
}

/* ---- printing the tree ---- */

static char *row_name(const struct writer *writer, const struct tree *tree, const struct tree_row *row)
{
	const struct snapshot *snapshot = tree->snapshot;
	char count[TEXT_NUMBER_MAX];

	if (row->is_rest)
		return xasprintf("(%s more)", text_count(count, row->count));
	if (is_place(tree, row->vertex))
		return place_label(&snapshot->graph.roots, place_of(tree, row->vertex));

	_cleanup_free_ char *size = size_text(writer, row->usable), *type = NULL;

	if (row->vertex != VERTEX_NONE) {
		type = chunk_type(snapshot, row->vertex);

		// A large chunk at the top is shared, so no place stands above it; one that holds it can be named all the same.
		_cleanup_free_ char *label = row->retained >= tree->large && row->depth <= SHARED_DEPTH ? holder_text(snapshot, row->vertex) : NULL;

		return xasprintf("0x%" PRIxVADDR " of %s%s%s%s%s", snapshot->heap.chunks.mem[row->vertex], size, type ? ", " : "", type ? type : "", label ? ", " : "",
				 label ? label : "");
	}

	vertex_id above = tree->dominators->idom[row->example];
	_cleanup_free_ char *sharers = row->retained >= tree->large && row->depth <= SHARED_DEPTH ? sharers_text(&tree->kinds, snapshot, above, row->key) : NULL;
	_cleanup_free_ char *each = row->label && row->usable ? xasprintf(" of %s", size) : xstrdup("");

	text_count(count, row->count);
	return row->label ? xasprintf("%s x %s%s%s%s", count, snapshot->types.labels.v[row->label].name, each, sharers ? ", " : "", sharers ? sharers : "") :
			    xasprintf("%s chunks of %s%s%s", count, size, sharers ? ", " : "", sharers ? sharers : "");
}

static const char *row_kind(const struct tree *tree, const struct tree_row *row)
{
	if (row->is_rest)
		return "rest";
	if (is_place(tree, row->vertex))
		return place_kind_name(tree->snapshot->graph.roots.places.v[place_of(tree, row->vertex)].kind);
	return row->vertex != VERTEX_NONE ? "chunk" : "chunks";
}

static void row_print(struct writer *writer, const struct tree *tree, const struct tree_row *row, const uint32_t *counts)
{
	_cleanup_free_ char *name = row_name(writer, tree, row), *escaped = text_escape(name, strlen(name));
	_cleanup_free_ char *label = xasprintf("%*s%s", (int)(row->depth - 1) * 2, "", escaped);
	bool is_chunk = row->example != CHUNK_NONE;

	writer_row(writer, (struct value[]){
				   value_number(row->depth),
				   value_word(row_kind(tree, row)),
				   value_bytes(row->retained),
				   value_share(row->retained, tree->total),
				   row->vertex != VERTEX_NONE ? value_count(counts[row->vertex]) : value_none(),
				   is_chunk ? value_number(row->count) : value_none(),
				   is_chunk && row->usable ? value_number(row->usable) : value_none(),
				   is_chunk ? value_address(tree->snapshot->heap.chunks.mem[row->example]) : value_none(),
				   value_text(name),
				   row->label ? value_text(tree->snapshot->types.labels.v[row->label].name) : value_none(),
				   value_word(label),
			   });
}

/* Rows below a parent stand together, parents before; prints them depth first. */
static void tree_print(struct writer *writer, const struct tree *tree)
{
	static const struct column columns[] = {
		{ .key = "depth" },
		{ .key = "kind" },
		{ .key = "retained", .title = "retained", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "retained_count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "count" },
		{ .key = "size" },
		{ .key = "example" },
		{ .key = "name" },
		{ .key = "type" },
		{ .title = "kept by" },
	};
	static const struct table table = { .key = "tree", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]), .is_main = true };
	size_t n = tree->rows.n, depth = 0;
	_cleanup_free_ size_t *first = xcalloc(n + 1, sizeof(*first)), *branch = xcalloc(n + 1, sizeof(*branch));
	uint32_t *counts = dominators_counts(tree->dominators);

	for (size_t i = n; i-- > 1;)
		first[tree->rows.v[i].parent] = i;
	writer_table_begin(writer, &table);
	if (first[0])
		branch[depth++] = first[0];
	while (depth) {
		size_t at = branch[depth - 1];

		row_print(writer, tree, &tree->rows.v[at], counts);
		if (at + 1 < n && tree->rows.v[at + 1].parent == tree->rows.v[at].parent)
			branch[depth - 1]++;
		else
			depth--;
		if (first[at])
			branch[depth++] = first[at];
	}
	writer_table_end(writer);
	column_free(counts, vertex_count(tree->dominators) * sizeof(*counts));
}

/* ---- by size ---- */

struct size_sum {
	uint64_t usable, count, bytes, retained;
};

typedef ARRAY(struct size_sum) size_sum_array;

static int compare_sums(const void *left, const void *right)
{
	const struct size_sum *a = left, *b = right;

	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	return a->usable < b->usable ? -1 : a->usable > b->usable;
}

/* Sums by size, and for each chunk which one it is in. Owner: the caller, free() and array_deinit(). */
static uint32_t *sizes_count(size_sum_array *sums, const struct chunks *chunks, const struct dominators *dominators)
{
	struct hash_map index = { .v = NULL };
	uint32_t *group = xmalloc((dominators->n_chunks + 1) * sizeof(*group));

	for (chunk_id chunk = 0; chunk < dominators->n_chunks; chunk++) {
		uint64_t usable = chunk_usable(chunks, chunk), hash = hash_mix(1, usable);

		group[chunk] = UINT32_MAX;
		if (dominators->idom[chunk] == VERTEX_NONE)
			continue;
		group[chunk] = hash_map_get(&index, hash);
		if (group[chunk] == UINT32_MAX) {
			group[chunk] = (uint32_t)sums->n;
			array_append(sums, (struct size_sum){ .usable = usable });
			hash_map_set(&index, hash, group[chunk]);
		}
		sums->v[group[chunk]].count++;
		sums->v[group[chunk]].bytes += usable;
	}
	hash_map_deinit(&index);
	return group;
}

static void sizes_print(struct writer *writer, const struct tree *tree)
{
	static const struct column columns[] = {
		{ .key = "size", .title = "usable size", .flags = COLUMN_RIGHT },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "own bytes", .flags = COLUMN_RIGHT },
		{ .key = "retained", .title = "retained", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
	};
	static const struct table table = { .key = "sizes", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	size_sum_array sums = { 0 };
	_cleanup_free_ uint32_t *group = sizes_count(&sums, &tree->snapshot->heap.chunks, tree->dominators);
	_cleanup_free_ uint64_t *retained = xcalloc(sums.n + 1, sizeof(*retained));

	retained_by_group(tree->dominators, group, sums.n, retained);
	for (size_t i = 0; i < sums.n; i++)
		sums.v[i].retained = retained[i];
	if (sums.n)
		qsort(sums.v, sums.n, sizeof(*sums.v), compare_sums);
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < sums.n && (writer_options(writer)->format != FORMAT_TEXT || i < SIZES_SHOWN); i++)
		writer_row(writer, (struct value[]){
					   value_number(sums.v[i].usable),
					   value_count(sums.v[i].count),
					   value_bytes(sums.v[i].bytes),
					   value_bytes(sums.v[i].retained),
					   value_share(sums.v[i].retained, tree->total),
				   });
	writer_table_end(writer);
	array_deinit(&sums);
}

/* ---- by type ---- */

static void types_print(struct writer *writer, const struct tree *tree)
{
	static const struct column columns[] = {
		{ .key = "type", .title = "type" },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "own bytes", .flags = COLUMN_RIGHT },
		{ .key = "retained", .title = "retained", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "owner", .title = "most of them" },
	};
	static const struct table table = { .key = "types", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	const struct types *types = &tree->snapshot->types;
	const struct histogram_options options = { .order = HISTOGRAM_BY_RETAINED, .with_retained = true, .limit = writer_options(writer)->format == FORMAT_TEXT ? SIZES_SHOWN : 0 };
	struct type_rows rows;

	type_rows_compute(tree->snapshot, &options, &rows);
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < rows.v.n; i++) {
		const struct type_row *row = &rows.v.v[i];

		writer_row(writer, (struct value[]){
					   value_text(types->labels.v[row->label].name),
					   value_count(row->count),
					   value_bytes(row->bytes),
					   value_known_bytes(row->retained),
					   value_share(row->retained, tree->total),
					   row->owner ? value_text(types->labels.v[row->owner].name) : value_none(),
				   });
	}
	writer_table_end(writer);
	type_rows_deinit(&rows);
}

void print_top(struct writer *writer, const struct snapshot *snapshot, const struct top_options *options)
{
	const struct dominators *dominators = &snapshot->graph.dominators;
	struct tree tree = { .snapshot = snapshot, .dominators = dominators, .options = options,
			     .total = dominators->retained[vertex_top(dominators)] };
	_cleanup_free_ uint32_t *names = labels_column(&snapshot->types);
	hint_array hints;

	tree.kinds = (struct kinds){ .chunks = &snapshot->heap.chunks, .of = names };
	tree.large = tree.total / LARGE_PART + 1;
	print_head(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_unread(writer, snapshot);
	print_suspects(writer, snapshot);
	// What has a name in the program's own language comes first.
	print_top_python(writer, snapshot);
	tree_make(&tree);
	tree_print(writer, &tree);
	if (snapshot->types.is_built)
		types_print(writer, &tree);
	if (!snapshot->types.is_built || writer_options(writer)->format != FORMAT_TEXT)
		sizes_print(writer, &tree);
	print_trouble(writer, snapshot, options->lines);
	if (!options->quiet) {
		hints_top(snapshot, options->target, &hints);
		hints_print(writer, &hints);
		hints_deinit(&hints);
	}
	array_deinit(&tree.rows);
}
