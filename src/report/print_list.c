/* SPDX-License-Identifier: MIT */
#include "report/print_list.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "report/place_label.h"
#include "report/summary.h"

/* What is looked up for the columns of each row. */
struct cursor {
	const struct snapshot *snapshot;
	/** Source that held the last row that was asked for. */
	const struct heap_source *last;
	/** Names of owners, made when first needed; NULL where these are not known. */
	char **labels;
};

static void cursor_init(struct cursor *cursor, const struct snapshot *snapshot)
{
	*cursor = (struct cursor){ .snapshot = snapshot };
	if (snapshot->graph.options.with_owners)
		cursor->labels = xcalloc(snapshot->graph.owners.v.n, sizeof(*cursor->labels));
}

static void cursor_deinit(struct cursor *cursor)
{
	for (size_t i = 0; cursor->labels && i < cursor->snapshot->graph.owners.v.n; i++)
		free(cursor->labels[i]);
	free(cursor->labels);
}

/* The arena of a row as a column: its index; none for a chunk that is a mapping of its own. */
static uint32_t arena_of(struct cursor *cursor, vaddr mem)
{
	// Neighbouring rows nearly always share a source.
	if (!cursor->last || mem < cursor->last->start || mem >= cursor->last->end)
		cursor->last = heap_source_at(&cursor->snapshot->heap, mem);
	return cursor->last ? cursor->last->arena : UINT32_MAX;
}

/* Who keeps a chunk; none for what is free or leaked. */
static struct value owner_of(struct cursor *cursor, size_t row)
{
	const struct graph *graph = &cursor->snapshot->graph;
	owner_id owner = cursor->labels ? graph->owners.of[row] : OWNER_NONE;

	if (owner == OWNER_NONE || graph->owners.v.v[owner].place == graph->leaked)
		return value_none();
	if (!cursor->labels[owner])
		cursor->labels[owner] = owner_label(&graph->roots, &graph->owners.v.v[owner]);
	return value_text(cursor->labels[owner]);
}

static bool wants_arena(const struct list_options *options, uint32_t arena)
{
	for (size_t i = 0; i < options->arenas.n; i++)
		if (options->arenas.v[i] == arena)
			return true;
	return false;
}

static bool wants(const struct list_options *options, const struct snapshot *snapshot, size_t row)
{
	const struct chunks *chunks = &snapshot->heap.chunks;

	if (options->has_label && snapshot->types.label[row] != options->label)
		return false;
	return options->states >> chunks->state[row] & 1 &&
	       options->kinds >> chunks->kind[row] & 1 &&
	       chunk_usable(chunks, row) >= options->min_size && chunk_usable(chunks, row) <= options->max_size;
}

static void list_row(struct writer *writer, struct cursor *cursor, size_t row, uint32_t arena)
{
	const struct chunks *chunks = &cursor->snapshot->heap.chunks;
	const struct graph *graph = &cursor->snapshot->graph;
	const struct types *types = &cursor->snapshot->types;
	bool has_type = types->is_built && types->label[row];
	const char *reach = graph->is_built ? reach_kind_name(graph->reach.kind[row]) : NULL;
	_cleanup_free_ char *type = python_label(&cursor->snapshot->python, (chunk_id)row);

	writer_row(writer, (struct value[]){
				   value_address(chunks->mem[row]),
				   value_number(chunk_usable(chunks, row)),
				   value_word(chunk_kind_name(chunks->kind[row])),
				   arena == UINT32_MAX ? value_none() : value_number(arena),
				   value_word(chunk_state_name(chunks->state[row])),
				   has_type ? value_text(types_name(types, (chunk_id)row)) : value_text(type),
				   has_type && types->confidence[row] ? value_confidence(types->confidence[row]) : value_none(),
				   has_type ? value_word(type_evidence_name((enum type_evidence)types->evidence[row])) : value_word(type ? "python" : NULL),
				   value_word(reach),
				   reach && graph->options.with_dominators ? value_number(graph->dominators.retained[row]) : value_none(),
				   owner_of(cursor, row),
				   value_word(type ? "python" : NULL),
			   });
}

static int compare_sizes(const void *left, const void *right, void *context)
{
	const struct chunks *chunks = context;
	chunk_id a = *(const chunk_id *)left, b = *(const chunk_id *)right;
	uint64_t size_a = chunk_usable(chunks, a), size_b = chunk_usable(chunks, b);

	if (size_a != size_b)
		return size_a > size_b ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* The rows that are wanted, largest first. */
static chunk_id *rows_by_size(const struct snapshot *snapshot, const struct list_options *options,
			      size_t *n_ret)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	struct cursor cursor = { .snapshot = snapshot };
	ARRAY(chunk_id) rows = { 0 };

	for (size_t i = 0; i < chunks->n; i++)
		if (wants(options, snapshot, i) &&
		    (!options->has_arenas ||
		     wants_arena(options, arena_of(&cursor, chunks->mem[i]))))
			array_append(&rows, (chunk_id)i);
	if (rows.n)
		qsort_r(rows.v, rows.n, sizeof(*rows.v), compare_sizes, (void *)chunks);
	*n_ret = rows.n;
	return rows.v;
}

static uint64_t list_by_size(struct writer *writer, const struct snapshot *snapshot,
			     const struct list_options *options, struct cursor *cursor)
{
	size_t n;
	_cleanup_free_ chunk_id *rows = rows_by_size(snapshot, options, &n);
	uint64_t printed = 0;

	for (; printed < n && (!options->limit || printed < options->limit) &&
	       !writer_is_dead(writer);
	     printed++)
		list_row(writer, cursor, rows[printed],
			 arena_of(cursor, snapshot->heap.chunks.mem[rows[printed]]));
	return printed;
}

static uint64_t list_by_address(struct writer *writer, const struct snapshot *snapshot,
				const struct list_options *options, struct cursor *cursor)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	uint64_t printed = 0;

	for (size_t i = 0; i < chunks->n && (!options->limit || printed < options->limit); i++) {
		if (!wants(options, snapshot, i))
			continue;

		uint32_t arena = arena_of(cursor, chunks->mem[i]);

		if (options->has_arenas && !wants_arena(options, arena))
			continue;
		if (writer_is_dead(writer))
			break;
		list_row(writer, cursor, i, arena);
		printed++;
	}
	return printed;
}

uint64_t print_list(struct writer *writer, const struct snapshot *snapshot,
		    const struct list_options *options)
{
	const struct column columns[] = {
		{ .key = "address", .title = "address", .width = 14 },
		{ .key = "size", .title = "size", .flags = COLUMN_RIGHT, .width = 12 },
		{ .key = "kind", .title = "kind", .width = 8 },
		{ .key = "arena", .title = "arena", .flags = COLUMN_RIGHT, .width = 5 },
		{ .key = "state", .title = "state", .width = 8 },
		{ .key = "type", .title = snapshot->types.is_built ? "type" : NULL },
		{ .key = "confidence" },
		{ .key = "evidence" },
		{ .key = "reach" },
		{ .key = "retained" },
		{ .key = "owner" },
		{ .key = "lang" },
	};
	const struct table table = { .key = "chunks",
					    .columns = columns,
					    .n_columns = sizeof(columns) / sizeof(columns[0]),
					    .is_main = true,
					    .is_streamed = true };
	struct cursor cursor;
	uint64_t printed;

	cursor_init(&cursor, snapshot);
	writer_field(writer, "exact", value_flag(heap_is_exact(&snapshot->heap)));
	writer_table_begin(writer, &table);
	printed = options->order == LIST_BY_SIZE ? list_by_size(writer, snapshot, options, &cursor)
						 : list_by_address(writer, snapshot, options, &cursor);
	writer_table_end(writer);
	cursor_deinit(&cursor);
	writer_field(writer, "rows", value_count(printed));
	return printed;
}
