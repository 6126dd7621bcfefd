/* SPDX-License-Identifier: MIT */
#include "snapshot/tables.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "snapshot/database.h"
#include "snapshot/schema.h"

/* ---- chunk ---- */

enum {
	CHUNK_ID,
	CHUNK_ADDRESS,
	CHUNK_SIZE,
	CHUNK_KIND,
	CHUNK_ARENA,
	CHUNK_STATE,
	CHUNK_REACH,
	CHUNK_RETAINED,
	CHUNK_OWNER,
	CHUNK_SOLE_PLACE,
	CHUNK_TYPE,
	CHUNK_CONFIDENCE,
	CHUNK_EVIDENCE,
	CHUNK_ROLE,
};

static const char chunk_declaration[] =
	"CREATE TABLE chunk (id INTEGER PRIMARY KEY, address INTEGER, size INTEGER, kind TEXT,"
	" arena INTEGER, state TEXT, reach TEXT, retained INTEGER, owner INTEGER,"
	" sole_place INTEGER, type TEXT, confidence INTEGER, evidence TEXT, role TEXT)";

/*
 * What a plan asks for: bits of idxNum. A value for each comes in the order of the bits. Rows ascend by id and by address alike, so these become a range of
 * rows.
 */
enum {
	PLAN_ID = 1,
	PLAN_ADDRESS = 2,
	PLAN_FROM = 4,
	PLAN_AFTER = 8,
	PLAN_UPTO = 16,
	PLAN_BEFORE = 32,
	PLAN_STATE = 64,
	PLAN_BITS = 7,
};

struct chunk_table {
	sqlite3_vtab base;
	const struct snapshot *snapshot;
	/** The lowest place that dominates each chunk, found when it is first asked for. Owned. */
	place_id *places;
};

struct chunk_cursor {
	sqlite3_vtab_cursor base;
	const struct snapshot *snapshot;
	/** Rows [row, end); only those in this state, or CHUNK_STATES for all. */
	size_t row, end;
	unsigned state;
	/** Source that held the last row that was asked for its arena. */
	const struct heap_source *source;
};

static int chunk_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **message)
{
	int code = sqlite3_declare_vtab(db, chunk_declaration);

	(void)argc, (void)argv, (void)message;
	if (code != SQLITE_OK)
		return code;

	struct chunk_table *table = xcalloc(1, sizeof(*table));

	table->snapshot = context;
	*ret = &table->base;
	return SQLITE_OK;
}

/* Not the same function as the above: that would make a table without being asked. */
static int chunk_create(sqlite3 *db, void *context, int argc, const char *const *argv,
			sqlite3_vtab **ret, char **message)
{
	return chunk_connect(db, context, argc, argv, ret, message);
}

static int chunk_disconnect(sqlite3_vtab *base)
{
	struct chunk_table *table = (struct chunk_table *)base;
	size_t n = table->snapshot->heap.chunks.n;

	column_free(table->places, (n ? n : 1) * sizeof(*table->places));
	free(table);
	return SQLITE_OK;
}

/* The bit of a comparison, 0 for one that is of no use here. */
static unsigned plan_bit(int column, unsigned char operation)
{
	switch (column) {
	case -1:
	case CHUNK_ID:
		return operation == SQLITE_INDEX_CONSTRAINT_EQ ? PLAN_ID : 0;
	case CHUNK_STATE:
		return operation == SQLITE_INDEX_CONSTRAINT_EQ ? PLAN_STATE : 0;
	case CHUNK_ADDRESS:
		break;
	default:
		return 0;
	}
	switch (operation) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return PLAN_ADDRESS;
	case SQLITE_INDEX_CONSTRAINT_GE:
		return PLAN_FROM;
	case SQLITE_INDEX_CONSTRAINT_GT:
		return PLAN_AFTER;
	case SQLITE_INDEX_CONSTRAINT_LE:
		return PLAN_UPTO;
	case SQLITE_INDEX_CONSTRAINT_LT:
		return PLAN_BEFORE;
	}
	return 0;
}

static int chunk_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct chunk_table *table = (const struct chunk_table *)base;
	double rows = (double)table->snapshot->heap.chunks.n + 1;
	int chosen[PLAN_BITS], position = 0;
	unsigned plan = 0;

	for (int i = 0; i < info->nConstraint; i++) {
		unsigned bit = info->aConstraint[i].usable ? plan_bit(info->aConstraint[i].iColumn,
								      info->aConstraint[i].op)
							   : 0;

		// One of a kind; SQLite checks the others itself.
		if (!bit || plan & bit)
			continue;
		plan |= bit;
		chosen[__builtin_ctz(bit)] = i;
	}
	for (unsigned i = 0; i < PLAN_BITS; i++)
		if (plan >> i & 1)
			info->aConstraintUsage[chosen[i]].argvIndex = ++position;

	// A word compares as it stands, so rows in another state need not be looked at again; numbers might be text or fractions.
	if (plan & PLAN_STATE)
		info->aConstraintUsage[chosen[__builtin_ctz(PLAN_STATE)]].omit = 1;
	if (plan & (PLAN_ID | PLAN_ADDRESS)) {
		rows = 1;
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
	} else {
		if (plan & (PLAN_FROM | PLAN_AFTER))
			rows /= 4;
		if (plan & (PLAN_UPTO | PLAN_BEFORE))
			rows /= 4;
	}
	info->idxNum = (int)plan;
	info->estimatedCost = rows;
	info->estimatedRows = (sqlite3_int64)rows;
	info->orderByConsumed = info->nOrderBy == 1 && !info->aOrderBy[0].desc &&
				(info->aOrderBy[0].iColumn == CHUNK_ID ||
				 info->aOrderBy[0].iColumn == CHUNK_ADDRESS ||
				 info->aOrderBy[0].iColumn == -1);
	return SQLITE_OK;
}

static int chunk_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	struct chunk_cursor *cursor = xcalloc(1, sizeof(*cursor));

	cursor->snapshot = ((const struct chunk_table *)base)->snapshot;
	*ret = &cursor->base;
	return SQLITE_OK;
}

static int chunk_close(sqlite3_vtab_cursor *base)
{
	free(base);
	return SQLITE_OK;
}

static void skip_others(struct chunk_cursor *cursor)
{
	const uint8_t *states = cursor->snapshot->heap.chunks.state;

	while (cursor->row < cursor->end && cursor->state != CHUNK_STATES &&
	       states[cursor->row] != cursor->state)
		cursor->row++;
}

/* The first row whose address is at least this. Addresses compare as SQLite's signed numbers do, and below 2^63 that makes no difference. */
static size_t first_from(const struct chunks *chunks, sqlite3_int64 address)
{
	size_t low = 0, high = chunks->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((sqlite3_int64)chunks->mem[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static unsigned state_of(sqlite3_value *value)
{
	const char *word = sqlite3_value_type(value) == SQLITE_TEXT
				   ? (const char *)sqlite3_value_text(value)
				   : NULL;

	for (unsigned state = 0; word && state < CHUNK_STATES; state++)
		if (!strcmp(word, chunk_state_name((enum chunk_state)state)))
			return state;
	return UINT32_MAX;
}

/* Narrows the rows by one comparison. Never too far: SQLite compares what is left again. */
static void narrow(struct chunk_cursor *cursor, unsigned bit, sqlite3_value *value)
{
	const struct chunks *chunks = &cursor->snapshot->heap.chunks;
	size_t from = 0, end = chunks->n;

	if (bit == PLAN_STATE) {
		cursor->state = state_of(value);
		if (cursor->state == UINT32_MAX)
			cursor->end = cursor->row;
		return;
	}
	// Text and fractions compare in ways of their own, and so do addresses that are negative numbers, which no process has.
	if (sqlite3_value_type(value) != SQLITE_INTEGER ||
	    (chunks->n && chunks->mem[chunks->n - 1] > INT64_MAX))
		return;

	sqlite3_int64 number = sqlite3_value_int64(value);

	if (bit == PLAN_ID) {
		from = number < 0 || (uint64_t)number >= chunks->n ? chunks->n : (size_t)number;
		end = from < chunks->n ? from + 1 : from;
	} else {
		if (bit == PLAN_ADDRESS || bit == PLAN_FROM || bit == PLAN_AFTER)
			from = first_from(chunks, number);
		if ((bit == PLAN_ADDRESS || bit == PLAN_UPTO || bit == PLAN_BEFORE) &&
		    number < INT64_MAX)
			end = first_from(chunks, number + 1);
	}
	if (from > cursor->row)
		cursor->row = from;
	if (end < cursor->end)
		cursor->end = end;
}

static int chunk_filter(sqlite3_vtab_cursor *base, int plan, const char *name, int argc,
			sqlite3_value **argv)
{
	struct chunk_cursor *cursor = (struct chunk_cursor *)base;
	int position = 0;

	(void)name;
	cursor->row = 0;
	cursor->end = cursor->snapshot->heap.chunks.n;
	cursor->state = CHUNK_STATES;
	for (unsigned i = 0; i < PLAN_BITS; i++)
		if ((unsigned)plan >> i & 1 && position < argc)
			narrow(cursor, 1u << i, argv[position++]);
	skip_others(cursor);
	return SQLITE_OK;
}

static int chunk_next(sqlite3_vtab_cursor *base)
{
	struct chunk_cursor *cursor = (struct chunk_cursor *)base;

	cursor->row++;
	skip_others(cursor);
	return SQLITE_OK;
}

static int chunk_at_end(sqlite3_vtab_cursor *base)
{
	const struct chunk_cursor *cursor = (const struct chunk_cursor *)base;

	return cursor->row >= cursor->end;
}

static void arena_result(sqlite3_context *context, struct chunk_cursor *cursor)
{
	vaddr mem = cursor->snapshot->heap.chunks.mem[cursor->row];

	// Neighbouring rows nearly always share a source.
	if (!cursor->source || mem < cursor->source->start || mem >= cursor->source->end)
		cursor->source = heap_source_at(&cursor->snapshot->heap, mem);
	if (cursor->source)
		sqlite3_result_int64(context, cursor->source->arena);
}

/* What of the graph is not there is NULL, and so is what a free chunk has not. */
static void graph_result(sqlite3_context *context, struct chunk_cursor *cursor, int column)
{
	const struct graph *graph = &cursor->snapshot->graph;
	struct chunk_table *table = (struct chunk_table *)cursor->base.pVtab;
	size_t row = cursor->row;

	if (!graph->is_built || graph->reach.kind[row] == REACH_NONE)
		return;
	if (column == CHUNK_REACH) {
		sqlite3_result_text(context, reach_kind_name(graph->reach.kind[row]), -1,
				    SQLITE_STATIC);
		return;
	}
	if (column == CHUNK_OWNER) {
		if (graph->options.with_owners)
			sqlite3_result_int64(context, graph->owners.of[row]);
		return;
	}
	if (!graph->options.with_dominators)
		return;
	if (column == CHUNK_RETAINED) {
		sqlite3_result_int64(context, (sqlite3_int64)graph->dominators.retained[row]);
		return;
	}
	if (!table->places)
		table->places = dominators_places(&graph->dominators);
	if (table->places[row] != PLACE_NONE)
		sqlite3_result_int64(context, table->places[row]);
}

/* What has no name is NULL, and so is the confidence of what is no type. */
static void types_result(sqlite3_context *context, const struct types *types, size_t row, int column)
{
	if (!types->is_built)
		return;

	label_id label = column == CHUNK_ROLE ? types->role[row] : types->label[row];

	if (column == CHUNK_CONFIDENCE) {
		if (types->confidence[row])
			sqlite3_result_int64(context, types->confidence[row]);
	} else if (label) {
		sqlite3_result_text(context, column == CHUNK_EVIDENCE ? type_evidence_name((enum type_evidence)types->evidence[row]) : types->labels.v[label].name, -1,
				    SQLITE_STATIC);
	}
}

static int chunk_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	struct chunk_cursor *cursor = (struct chunk_cursor *)base;
	const struct chunks *chunks = &cursor->snapshot->heap.chunks;
	size_t row = cursor->row;

	switch (column) {
	case CHUNK_ID:
		sqlite3_result_int64(context, (sqlite3_int64)row);
		break;
	case CHUNK_ADDRESS:
		sqlite3_result_int64(context, (sqlite3_int64)chunks->mem[row]);
		break;
	case CHUNK_SIZE:
		sqlite3_result_int64(context, (sqlite3_int64)chunk_usable(chunks, (chunk_id)row));
		break;
	case CHUNK_KIND:
		sqlite3_result_text(context, chunk_kind_name(chunks->kind[row]), -1, SQLITE_STATIC);
		break;
	case CHUNK_ARENA:
		arena_result(context, cursor);
		break;
	case CHUNK_STATE:
		sqlite3_result_text(context, chunk_state_name(chunks->state[row]), -1,
				    SQLITE_STATIC);
		break;
	case CHUNK_REACH:
	case CHUNK_RETAINED:
	case CHUNK_OWNER:
	case CHUNK_SOLE_PLACE:
		graph_result(context, cursor, column);
		break;
	case CHUNK_TYPE:
	case CHUNK_CONFIDENCE:
	case CHUNK_EVIDENCE:
	case CHUNK_ROLE:
		types_result(context, &cursor->snapshot->types, row, column);
		break;
	}
	return SQLITE_OK;
}

static int chunk_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)((const struct chunk_cursor *)base)->row;
	return SQLITE_OK;
}

static const sqlite3_module chunk_module = {
	.xCreate = chunk_create,
	.xConnect = chunk_connect,
	.xBestIndex = chunk_plan,
	.xDisconnect = chunk_disconnect,
	.xDestroy = chunk_disconnect,
	.xOpen = chunk_open,
	.xClose = chunk_close,
	.xFilter = chunk_filter,
	.xNext = chunk_next,
	.xEof = chunk_at_end,
	.xColumn = chunk_column,
	.xRowid = chunk_rowid,
};

/* ---- edge ---- */

enum {
	EDGE_SOURCE,
	EDGE_TARGET,
	EDGE_OFFSET,
	EDGE_HIT,
	EDGE_IS_WEAK,
};

static const char edge_declaration[] = "CREATE TABLE edge (source INTEGER, target INTEGER, offset "
				       "INTEGER, hit TEXT, weak INTEGER)";

struct edge_table {
	sqlite3_vtab base;
	const struct snapshot *snapshot;
};

struct edge_cursor {
	sqlite3_vtab_cursor base;
	const struct edges *edges;
	/** Edges [edge, end); and the chunk that `edge` begins in. */
	size_t edge, end;
	chunk_id source;
};

static int edge_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
			sqlite3_vtab **ret, char **message)
{
	int code = sqlite3_declare_vtab(db, edge_declaration);

	(void)argc, (void)argv, (void)message;
	if (code != SQLITE_OK)
		return code;

	struct edge_table *table = xcalloc(1, sizeof(*table));

	table->snapshot = context;
	*ret = &table->base;
	return SQLITE_OK;
}

/* As above: another function, or there would be a table without being asked. */
static int edge_create(sqlite3 *db, void *context, int argc, const char *const *argv,
		       sqlite3_vtab **ret, char **message)
{
	return edge_connect(db, context, argc, argv, ret, message);
}

static int edge_disconnect(sqlite3_vtab *base)
{
	free(base);
	return SQLITE_OK;
}

/* The edges of one chunk are a range; nothing else is narrowed. */
static int edge_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct edges *edges = &((const struct edge_table *)base)->snapshot->graph.edges;
	double rows = (double)edges->n + 1;

	for (int i = 0; i < info->nConstraint && !info->idxNum; i++) {
		if (!info->aConstraint[i].usable || info->aConstraint[i].iColumn != EDGE_SOURCE ||
		    info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		info->aConstraintUsage[i].argvIndex = 1;
		info->idxNum = 1;
		rows = 4;
	}
	info->estimatedCost = rows;
	info->estimatedRows = (sqlite3_int64)rows;
	return SQLITE_OK;
}

static int edge_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	struct edge_cursor *cursor = xcalloc(1, sizeof(*cursor));

	cursor->edges = &((const struct edge_table *)base)->snapshot->graph.edges;
	*ret = &cursor->base;
	return SQLITE_OK;
}

static int edge_close(sqlite3_vtab_cursor *base)
{
	free(base);
	return SQLITE_OK;
}

static void find_source(struct edge_cursor *cursor)
{
	while (cursor->edge < cursor->end &&
	       cursor->edges->first[cursor->source + 1] <= cursor->edge)
		cursor->source++;
}

static int edge_filter(sqlite3_vtab_cursor *base, int plan, const char *name, int argc,
		       sqlite3_value **argv)
{
	struct edge_cursor *cursor = (struct edge_cursor *)base;
	const struct edges *edges = cursor->edges;

	(void)name;
	cursor->edge = 0;
	cursor->end = edges->n;
	cursor->source = 0;
	// SQLite compares again, so text and fractions may be left to it.
	if (plan && argc && sqlite3_value_type(argv[0]) == SQLITE_INTEGER) {
		sqlite3_int64 source = sqlite3_value_int64(argv[0]);
		bool is_there = source >= 0 && (uint64_t)source < edges->n_chunks;

		cursor->source = is_there ? (chunk_id)source : 0;
		cursor->edge = is_there ? edges->first[source] : 0;
		cursor->end = is_there ? edges->first[source + 1] : 0;
	}
	find_source(cursor);
	return SQLITE_OK;
}

static int edge_next(sqlite3_vtab_cursor *base)
{
	struct edge_cursor *cursor = (struct edge_cursor *)base;

	cursor->edge++;
	find_source(cursor);
	return SQLITE_OK;
}

static int edge_at_end(sqlite3_vtab_cursor *base)
{
	const struct edge_cursor *cursor = (const struct edge_cursor *)base;

	return cursor->edge >= cursor->end;
}

static int edge_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	static const char *const hits[] = {
		[HIT_START] = "start", [HIT_KNOWN] = "known", [HIT_INTERIOR] = "interior"
	};
	const struct edge_cursor *cursor = (const struct edge_cursor *)base;
	const struct edges *edges = cursor->edges;

	switch (column) {
	case EDGE_SOURCE:
		sqlite3_result_int64(context, cursor->source);
		break;
	case EDGE_TARGET:
		sqlite3_result_int64(context, edge_to(edges, cursor->edge));
		break;
	case EDGE_OFFSET:
		sqlite3_result_int64(context, (sqlite3_int64)edge_offset(edges, cursor->edge));
		break;
	case EDGE_HIT:
		sqlite3_result_text(context, hits[edge_hit(edges, cursor->edge)], -1,
				    SQLITE_STATIC);
		break;
	case EDGE_IS_WEAK:
		sqlite3_result_int(context, (edges->to[cursor->edge] & EDGE_WEAK) != 0);
		break;
	}
	return SQLITE_OK;
}

static int edge_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)((const struct edge_cursor *)base)->edge;
	return SQLITE_OK;
}

static const sqlite3_module edge_module = {
	.xCreate = edge_create,
	.xConnect = edge_connect,
	.xBestIndex = edge_plan,
	.xDisconnect = edge_disconnect,
	.xDestroy = edge_disconnect,
	.xOpen = edge_open,
	.xClose = edge_close,
	.xFilter = edge_filter,
	.xNext = edge_next,
	.xEof = edge_at_end,
	.xColumn = edge_column,
	.xRowid = edge_rowid,
};

/* ---- the database ---- */

/* Which parts of a snapshot a column is made of. */
static unsigned parts_of(const char *table, const char *column)
{
	static const struct {
		const char *table, *column;
		unsigned parts;
	} known[] = {
		{ "chunk", "reach", SNAPSHOT_GRAPH },
		{ "chunk", "retained", SNAPSHOT_GRAPH | SNAPSHOT_DOMINATORS },
		{ "chunk", "owner", SNAPSHOT_GRAPH | SNAPSHOT_OWNERS },
		{ "chunk", "sole_place", SNAPSHOT_GRAPH | SNAPSHOT_DOMINATORS },
		{ "chunk", "type", SNAPSHOT_TYPES },
		{ "chunk", "confidence", SNAPSHOT_TYPES },
		{ "chunk", "evidence", SNAPSHOT_TYPES },
		{ "chunk", "role", SNAPSHOT_TYPES },
		{ "labels", NULL, SNAPSHOT_TYPES },
		{ "type_members", NULL, SNAPSHOT_TYPES },
		{ "type_constants", NULL, SNAPSHOT_TYPES },
		{ "type_sites", NULL, SNAPSHOT_TYPES },
		{ "undescribed", NULL, SNAPSHOT_TYPES },
		{ "edge", NULL, SNAPSHOT_GRAPH | SNAPSHOT_EDGES },
		{ "places", NULL, SNAPSHOT_GRAPH },
		{ "roots", NULL, SNAPSHOT_GRAPH },
		{ "owners", NULL, SNAPSHOT_GRAPH | SNAPSHOT_OWNERS },
		{ "suspects", NULL, SNAPSHOT_GRAPH | SNAPSHOT_DOMINATORS },
	};

	for (size_t i = 0; table && i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(table, known[i].table) &&
		    (!known[i].column || (column && !strcmp(column, known[i].column))))
			return known[i].parts;
	return 0;
}

/* What a query may do: look. What it looks at is noted. */
static int authorize(void *context, int action, const char *first, const char *second,
		     const char *database, const char *view)
{
	static const char *const pragmas[] = { "table_info", "table_xinfo", NULL };

	(void)database, (void)view;
	switch (action) {
	case SQLITE_READ:
		*(unsigned *)context |= parts_of(first, second);
		return SQLITE_OK;
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return second && !strcmp(second, "load_extension") ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		for (size_t i = 0; first && pragmas[i]; i++)
			if (!strcmp(first, pragmas[i]))
				return SQLITE_OK;
		return SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

struct error *tables_open(const struct snapshot *snapshot, unsigned *parts, struct sqlite3 **ret)
{
	_cleanup_database_ sqlite3 *db = NULL;

	if (sqlite3_open_v2(":memory:", &db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY,
			    NULL) != SQLITE_OK)
		return error_os(ENOMEM, "the tables of the snapshot");

	struct error *error = database_run(db, "PRAGMA temp_store = MEMORY; BEGIN");

	if (!error)
		error = schema_create(db);
	if (!error)
		error = schema_write(db, snapshot);
	if (!error && (sqlite3_create_module(db, "heapsnap_chunk", &chunk_module,
					     (void *)(uintptr_t)snapshot) != SQLITE_OK ||
		       sqlite3_create_module(db, "heapsnap_edge", &edge_module,
					     (void *)(uintptr_t)snapshot) != SQLITE_OK))
		error = database_error(db);
	if (!error)
		error = database_run(db, "CREATE VIRTUAL TABLE chunk USING heapsnap_chunk;"
					 "CREATE VIRTUAL TABLE edge USING heapsnap_edge; COMMIT");
	// These functions are made when they are first used, which the authorizer takes for writing.
	if (!error)
		error = database_run(
			db, "SELECT * FROM pragma_table_info('meta'), pragma_table_xinfo('meta')");
	if (error)
		return error;
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_set_authorizer(db, authorize, parts);
	*ret = take_pointer(db);
	return NULL;
}
