/* SPDX-License-Identifier: MIT */
#include "snapshot/graph_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "snapshot/columns.h"
#include "snapshot/database.h"

enum {
	/** What an edge, a chunk's dominator, its owner and a leak take in memory. Units: bytes. */
	EDGE_COST = 8,
	DOMINATOR_COST = 12,
	OWNER_COST = 4,
	LEAK_COST = 8,
};

/* What a column needs to know beside the tables: where in them its reader or writer stands. */
struct walk {
	struct snapshot *snapshot;
	/** The chunk that the next edge begins in. */
	chunk_id source;
	/** The value before: of the row of an edge, or of a column that ascends. */
	uint64_t before;
};

/* Context is a walk in both directions: writing changes where it stands, and nothing of the snapshot. */
static struct walk *walk_of(const void *context)
{
	return (struct walk *)(uintptr_t)context;
}

/* ---- chunks: reach, dominators ---- */

static void get_reach(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct graph *graph = &walk_of(context)->snapshot->graph;

	for (size_t i = 0; i < n; i++)
		values[i] = graph->reach.kind[first + i];
}

static bool put_reach(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct snapshot *snapshot = walk_of(context)->snapshot;

	for (size_t i = 0; i < n; i++) {
		bool is_node = chunk_is_node(&snapshot->heap.chunks, (chunk_id)(first + i));

		if (values[i] > REACH_INDIRECT || (values[i] != REACH_NONE) != is_node)
			return false;
		snapshot->graph.reach.kind[first + i] = (uint8_t)values[i];
		snapshot->graph.reach.count[values[i]]++;
		snapshot->graph.reach.bytes[values[i]] += chunk_usable(&snapshot->heap.chunks,
								       (chunk_id)(first + i));
	}
	return true;
}

/*
 * A dominator is 0 for none, odd for a place or the root above all, even for a chunk, which is then told by how far it is. Vertices of places begin behind
 * those of chunks, so `at` is what is added to a row of the column.
 */
static void get_idom(const struct dominators *dominators, size_t at, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++) {
		vertex_id idom = dominators->idom[at + i];

		if (idom == VERTEX_NONE)
			values[i] = 0;
		else if (idom >= dominators->n_chunks)
			values[i] = 2 * (idom - dominators->n_chunks) + 1;
		else
			values[i] = 2 * (zigzag(at + i - idom) + 1);
	}
}

static bool put_idom(struct dominators *dominators, size_t at, size_t n, const uint64_t *values)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t idom = VERTEX_NONE;

		if (values[i] & 1)
			idom = dominators->n_chunks + values[i] / 2;
		else if (values[i])
			idom = at + i - unzigzag(values[i] / 2 - 1);
		if (values[i] && (idom >= vertex_count(dominators) || idom == at + i ||
				  (!(values[i] & 1) && idom >= dominators->n_chunks)))
			return false;
		dominators->idom[at + i] = (vertex_id)idom;
	}
	return true;
}

static void get_chunk_idom(const void *context, size_t first, size_t n, uint64_t *values)
{
	get_idom(&walk_of(context)->snapshot->graph.dominators, first, n, values);
}

static bool put_chunk_idom(void *context, size_t first, size_t n, const uint64_t *values)
{
	return put_idom(&walk_of(context)->snapshot->graph.dominators, first, n, values);
}

static void get_place_idom(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct dominators *dominators = &walk_of(context)->snapshot->graph.dominators;

	get_idom(dominators, dominators->n_chunks + first, n, values);
}

static bool put_place_idom(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct dominators *dominators = &walk_of(context)->snapshot->graph.dominators;

	return put_idom(dominators, dominators->n_chunks + first, n, values);
}

/* Beyond its own usable bytes, of which most chunks have no more; what is in no tree retains nothing. */
static void get_chunk_retained(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct snapshot *snapshot = walk_of(context)->snapshot;
	const struct dominators *dominators = &snapshot->graph.dominators;

	for (size_t i = first; i < first + n; i++)
		values[i - first] = dominators->idom[i] == VERTEX_NONE
					    ? zigzag(dominators->retained[i])
					    : zigzag(dominators->retained[i] -
						     chunk_usable(&snapshot->heap.chunks,
								  (chunk_id)(i)));
}

static bool put_chunk_retained(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct snapshot *snapshot = walk_of(context)->snapshot;
	struct dominators *dominators = &snapshot->graph.dominators;

	for (size_t i = first; i < first + n; i++)
		dominators->retained[i] = unzigzag(values[i - first]) +
					  (dominators->idom[i] == VERTEX_NONE
						   ? 0
						   : chunk_usable(&snapshot->heap.chunks,
								  (chunk_id)(i)));
	return true;
}

static void get_place_retained(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct dominators *dominators = &walk_of(context)->snapshot->graph.dominators;

	memcpy(values, dominators->retained + dominators->n_chunks + first, n * sizeof(*values));
}

static bool put_place_retained(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct dominators *dominators = &walk_of(context)->snapshot->graph.dominators;

	memcpy(dominators->retained + dominators->n_chunks + first, values, n * sizeof(*values));
	return true;
}

/* 0 for none, else one more than the owner's id. */
static void get_owner(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct owners *owners = &walk_of(context)->snapshot->graph.owners;

	for (size_t i = 0; i < n; i++)
		values[i] = (owner_id)(owners->of[first + i] + 1);
}

static bool put_owner(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct snapshot *snapshot = walk_of(context)->snapshot;
	struct owners *owners = &snapshot->graph.owners;

	for (size_t i = 0; i < n; i++) {
		bool is_node = chunk_is_node(&snapshot->heap.chunks, (chunk_id)(first + i));

		if (values[i] > owners->v.n || (values[i] != 0) != is_node)
			return false;
		owners->of[first + i] = (owner_id)values[i] - 1;
	}
	return true;
}

static const struct column_kind owner_column = { "chunk.owner", get_owner, put_owner };
static const struct column_kind reach_column = { "chunk.reach", get_reach, put_reach };
static const struct column_kind dominator_columns[] = {
	{ "chunk.idom", get_chunk_idom, put_chunk_idom },
	{ "chunk.retained", get_chunk_retained, put_chunk_retained },
	{ "place.idom", get_place_idom, put_place_idom },
	{ "place.retained", get_place_retained, put_place_retained },
};

/* ---- edges ---- */

static void get_edge_count(const void *context, size_t first, size_t n, uint64_t *values)
{
	const struct edges *edges = &walk_of(context)->snapshot->graph.edges;

	for (size_t i = 0; i < n; i++)
		values[i] = edges->first[first + i + 1] - edges->first[first + i];
}

static bool put_edge_count(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct snapshot *snapshot = walk_of(context)->snapshot;
	struct edges *edges = &snapshot->graph.edges;

	for (size_t i = first; i < first + n; i++) {
		if (values[i - first] > edges->n - edges->first[i] ||
		    (values[i - first] && !chunk_is_node(&snapshot->heap.chunks, (chunk_id)i)))
			return false;
		edges->first[i + 1] = edges->first[i] + (uint32_t)values[i - first];
	}
	return true;
}

/* Goes on to the chunk that an edge begins in, which is no earlier one than that of the edge before; true when it is another one. */
static bool walk_to(struct walk *walk, const struct edges *edges, size_t edge)
{
	chunk_id before = walk->source;

	while (edges->first[walk->source + 1] <= edge)
		walk->source++;
	return walk->source != before || edge == 0;
}

/* How far the chunk is from the one the edge begins in, and whether the edge is weak. */
static void get_edge_to(const void *context, size_t first, size_t n, uint64_t *values)
{
	struct walk *walk = walk_of(context);
	const struct edges *edges = &walk->snapshot->graph.edges;

	for (size_t i = 0; i < n; i++) {
		walk_to(walk, edges, first + i);
		values[i] = zigzag((uint64_t)edge_to(edges, first + i) - walk->source) << 1 |
			    (edges->to[first + i] & EDGE_WEAK) >> 31;
	}
}

static bool put_edge_to(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct walk *walk = walk_of(context);
	const struct chunks *chunks = &walk->snapshot->heap.chunks;
	struct edges *edges = &walk->snapshot->graph.edges;

	for (size_t i = 0; i < n; i++) {
		walk_to(walk, edges, first + i);

		uint64_t to = walk->source + unzigzag(values[i] >> 1);

		if (to >= chunks->n || to >= EDGE_WEAK || !chunk_is_node(chunks, (chunk_id)to))
			return false;
		edges->to[first + i] = (uint32_t)to | (uint32_t)(values[i] & 1) << 31;
	}
	return true;
}

/* How far the place is behind the one before in the same chunk, and how it hits. */
static void get_edge_place(const void *context, size_t first, size_t n, uint64_t *values)
{
	struct walk *walk = walk_of(context);
	const struct edges *edges = &walk->snapshot->graph.edges;

	for (size_t i = 0; i < n; i++) {
		uint32_t place = edges->place[first + i] & EDGE_PLACE_MAX;

		if (walk_to(walk, edges, first + i))
			walk->before = 0;
		values[i] = zigzag(place - walk->before) << 2 |
			    edges->place[first + i] >> EDGE_HIT_SHIFT;
		walk->before = place;
	}
}

static bool put_edge_place(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct walk *walk = walk_of(context);
	struct edges *edges = &walk->snapshot->graph.edges;

	for (size_t i = 0; i < n; i++) {
		if (walk_to(walk, edges, first + i))
			walk->before = 0;
		walk->before += unzigzag(values[i] >> 2);
		if (walk->before > EDGE_PLACE_MAX || (values[i] & 3) > HIT_INTERIOR)
			return false;
		edges->place[first + i] = (uint32_t)walk->before | (uint32_t)(values[i] & 3)
									   << EDGE_HIT_SHIFT;
	}
	return true;
}

static const struct column_kind edge_count_column = { "edge.count", get_edge_count,
						      put_edge_count };
static const struct column_kind edge_columns[] = {
	{ "edge.to", get_edge_to, put_edge_to },
	{ "edge.place", get_edge_place, put_edge_place },
};

/* ---- leaks ---- */

static void get_leak_chunk(const void *context, size_t first, size_t n, uint64_t *values)
{
	struct walk *walk = walk_of(context);
	const struct reach *reach = &walk->snapshot->graph.reach;

	for (size_t i = 0; i < n; i++) {
		values[i] = reach->leaks.v[first + i].chunk - walk->before;
		walk->before = reach->leaks.v[first + i].chunk;
	}
}

static bool put_leak_chunk(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct walk *walk = walk_of(context);
	struct reach *reach = &walk->snapshot->graph.reach;

	for (size_t i = 0; i < n; i++) {
		// The first may be chunk 0; no other is the same as the one before.
		if ((!values[i] && first + i) || values[i] > walk->snapshot->heap.chunks.n)
			return false;
		walk->before += values[i];
		if (walk->before >= walk->snapshot->heap.chunks.n ||
		    reach->kind[walk->before] != REACH_DIRECT)
			return false;
		array_append(&reach->leaks, (struct leak){ .chunk = (chunk_id)walk->before });
	}
	return true;
}

static void get_leak_cycle(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = walk_of(context)->snapshot->graph.reach.leaks.v[first + i].cycle;
}

static bool put_leak_cycle(void *context, size_t first, size_t n, const uint64_t *values)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i] > UINT32_MAX)
			return false;
		walk_of(context)->snapshot->graph.reach.leaks.v[first + i].cycle =
			(uint32_t)values[i];
	}
	return true;
}

static const struct column_kind leak_columns[] = {
	{ "leak.chunk", get_leak_chunk, put_leak_chunk },
	{ "leak.cycle", get_leak_cycle, put_leak_cycle },
};

/* ---- contents ---- */

static void get_content_chunk(const void *context, size_t first, size_t n, uint64_t *values)
{
	struct walk *walk = walk_of(context);

	for (size_t i = 0; i < n; i++) {
		values[i] = walk->snapshot->contents.v[first + i].chunk - walk->before;
		walk->before = walk->snapshot->contents.v[first + i].chunk;
	}
}

static bool put_content_chunk(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct walk *walk = walk_of(context);

	for (size_t i = 0; i < n; i++) {
		if ((!values[i] && first + i) || values[i] > walk->snapshot->heap.chunks.n)
			return false;
		walk->before += values[i];
		if (walk->before >= walk->snapshot->heap.chunks.n)
			return false;
		array_append(&walk->snapshot->contents,
			     (struct snapshot_content){ .chunk = (chunk_id)walk->before });
	}
	return true;
}

static void get_content_length(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = walk_of(context)->snapshot->contents.v[first + i].length;
}

static bool put_content_length(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct walk *walk = walk_of(context);

	for (size_t i = 0; i < n; i++) {
		struct snapshot_content *content = &walk->snapshot->contents.v[first + i];

		if (values[i] > chunk_usable(&walk->snapshot->heap.chunks,
					     (chunk_id)(content->chunk)) ||
		    values[i] > SIZE_MAX - walk->before)
			return false;
		content->length = values[i];
		content->at = walk->before;
		walk->before += values[i];
	}
	return true;
}

static void get_content_byte(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = walk_of(context)->snapshot->content_bytes.v[first + i];
}

static bool put_content_byte(void *context, size_t first, size_t n, const uint64_t *values)
{
	(void)first;
	for (size_t i = 0; i < n; i++) {
		if (values[i] > UINT8_MAX)
			return false;
		array_append(&walk_of(context)->snapshot->content_bytes, (uint8_t)values[i]);
	}
	return true;
}

static const struct column_kind content_columns[] = {
	{ "content.chunk", get_content_chunk, put_content_chunk },
	{ "content.length", get_content_length, put_content_length },
};
static const struct column_kind content_byte_column = { "content.byte", get_content_byte,
							put_content_byte };

#define N(array) (sizeof(array) / sizeof(*(array)))

/* ---- writing ---- */

/* Each column is walked from its start. */
static struct error *write_columns(sqlite3 *db, const struct column_kind *columns, size_t n_columns,
				   size_t n, const struct snapshot *snapshot)
{
	struct error *error = NULL;

	for (size_t i = 0; !error && i < n_columns; i++) {
		// Nothing of it is changed.
		const struct walk walk = { .snapshot = (struct snapshot *)(uintptr_t)snapshot };

		error = column_write(db, &columns[i], n, &walk);
	}
	return error;
}

static struct error *write_number(sqlite3 *db, const char *key, size_t number)
{
	_cleanup_free_ char *sql = xasprintf("INSERT INTO meta VALUES ('%s', %zu)", key, number);

	return database_run(db, sql);
}

static struct error *write_edges(sqlite3 *db, const struct snapshot *snapshot)
{
	const struct edges *edges = &snapshot->graph.edges;
	struct error *error = write_number(db, "edges", edges->n);

	if (!error)
		error = write_number(db, "edge_place_unit", edges->place_unit);
	if (!error)
		error = write_columns(db, &edge_count_column, 1, edges->n_chunks, snapshot);
	return error ? error : write_columns(db, edge_columns, N(edge_columns), edges->n, snapshot);
}

static struct error *write_dominators(sqlite3 *db, const struct snapshot *snapshot)
{
	const struct dominators *dominators = &snapshot->graph.dominators;
	struct error *error = write_columns(db, dominator_columns, 2, dominators->n_chunks,
					    snapshot);

	return error ? error
		     : write_columns(db, dominator_columns + 2, 2, dominators->n_places + 1,
				     snapshot);
}

struct error *graph_write(struct sqlite3 *db, const struct snapshot *snapshot)
{
	const struct graph *graph = &snapshot->graph;
	struct error *error = NULL;

	if (!graph->is_built)
		return NULL;
	error = write_number(db, "leaks", graph->reach.leaks.n);
	if (!error)
		error = write_columns(db, &reach_column, 1, snapshot->heap.chunks.n, snapshot);
	if (!error)
		error = write_columns(db, leak_columns, N(leak_columns), graph->reach.leaks.n,
				      snapshot);
	if (!error && graph->options.with_edges)
		error = write_edges(db, snapshot);
	if (!error && graph->options.with_dominators)
		error = write_dominators(db, snapshot);
	if (!error && graph->options.with_owners)
		error = write_columns(db, &owner_column, 1, snapshot->heap.chunks.n, snapshot);
	if (!error && snapshot->contents.n) {
		error = write_number(db, "contents", snapshot->contents.n);
		if (!error)
			error = write_number(db, "content_bytes", snapshot->content_bytes.n);
		if (!error)
			error = write_columns(db, content_columns, N(content_columns),
					      snapshot->contents.n, snapshot);
		if (!error)
			error = write_columns(db, &content_byte_column, 1,
					      snapshot->content_bytes.n, snapshot);
	}
	return error;
}

/* ---- reading ---- */

static struct error *read_columns(sqlite3 *db, const struct column_kind *columns, size_t n_columns,
				  size_t n, struct snapshot *snapshot)
{
	struct error *error = NULL;

	for (size_t i = 0; !error && i < n_columns; i++) {
		struct walk walk = { .snapshot = snapshot };

		error = column_read(db, &columns[i], n, &walk);
	}
	return error;
}

/* A number of meta; UINT64_MAX when it is not there. */
static struct error *read_number(sqlite3 *db, const char *key, uint64_t max, uint64_t *ret)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "SELECT value FROM meta WHERE key = ?",
					       &statement);
	bool is_row;

	if (error)
		return error;
	sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	error = database_row(db, statement, &is_row);
	if (error)
		return error;
	if (!is_row) {
		*ret = UINT64_MAX;
		return NULL;
	}
	if (sqlite3_column_type(statement, 0) != SQLITE_INTEGER ||
	    sqlite3_column_int64(statement, 0) < 0 ||
	    (uint64_t)sqlite3_column_int64(statement, 0) > max)
		return error_create(ERROR_FORMAT, "meta has no valid %s", key);
	*ret = (uint64_t)sqlite3_column_int64(statement, 0);
	return NULL;
}

static struct error *no_memory(const char *what, uint64_t n)
{
	return error_os(ENOMEM, "its %" PRIu64 " %s", n, what);
}

static struct error *read_reach(sqlite3 *db, uint64_t leaks, uint64_t memory,
				struct snapshot *snapshot)
{
	struct reach *reach = &snapshot->graph.reach;
	size_t n = snapshot->heap.chunks.n;

	if (leaks > memory / LEAK_COST)
		return no_memory("leaks", leaks);
	reach->kind = column_grow(NULL, 0, n + 1);
	reach->n = n;

	struct error *error = read_columns(db, &reach_column, 1, n, snapshot);

	return error ? error : read_columns(db, leak_columns, N(leak_columns), leaks, snapshot);
}

static struct error *read_edges(sqlite3 *db, uint64_t memory, struct snapshot *snapshot)
{
	struct edges *edges = &snapshot->graph.edges;
	size_t n_chunks = snapshot->heap.chunks.n;
	uint64_t n, unit;
	struct error *error = read_number(db, "edges", EDGES_MAX, &n);

	if (!error)
		error = read_number(db, "edge_place_unit", sizeof(uint64_t), &unit);
	if (error)
		return error;
	if (n == UINT64_MAX)
		return error_create(ERROR_FORMAT, "it holds no edges");
	if (unit != 1 && unit != sizeof(uint64_t))
		return error_create(ERROR_FORMAT, "meta has no valid edge_place_unit");
	if (n > memory / EDGE_COST)
		return no_memory("edges", n);
	edges->n_chunks = n_chunks;
	edges->first = column_grow(NULL, 0, (n_chunks + 1) * sizeof(*edges->first));
	edges->n = n;
	edges->place_unit = (unsigned)unit;
	// Nothing is nothing, but has an address.
	edges->capacity = n ? n : 1;
	edges->to = column_grow(NULL, 0, edges->capacity * sizeof(*edges->to));
	edges->place = column_grow(NULL, 0, edges->capacity * sizeof(*edges->place));
	error = read_columns(db, &edge_count_column, 1, n_chunks, snapshot);
	if (!error && edges->first[n_chunks] != n)
		error = error_create(ERROR_FORMAT, "its edges are %" PRIu32 ", not %" PRIu64,
				     edges->first[n_chunks], n);
	return error ? error : read_columns(db, edge_columns, N(edge_columns), n, snapshot);
}

/* From every vertex the way up must end. Each is walked once: a mark says that its way is known to end, another that it is the present one. */
static bool is_tree(const struct dominators *dominators)
{
	enum { UNKNOWN, PRESENT, GOOD };
	size_t n = vertex_count(dominators);
	_cleanup_free_ uint8_t *marks = xcalloc(n, 1);

	for (size_t start = 0; start < n; start++) {
		size_t at = start;

		while (at != VERTEX_NONE && marks[at] == UNKNOWN) {
			marks[at] = PRESENT;
			at = dominators->idom[at];
		}
		if (at != VERTEX_NONE && marks[at] == PRESENT)
			return false;
		for (at = start; at != VERTEX_NONE && marks[at] == PRESENT;
		     at = dominators->idom[at])
			marks[at] = GOOD;
	}
	return true;
}

/* Nodes and places are in the tree, free chunks are not. A chunk may be dominated by nodes and places, a place by its parents or the root above all. */
static bool is_complete(const struct snapshot *snapshot)
{
	const struct dominators *dominators = &snapshot->graph.dominators;

	if (dominators->idom[vertex_top(dominators)] != VERTEX_NONE)
		return false;
	for (size_t i = 0; i < dominators->n_chunks; i++) {
		vertex_id idom = dominators->idom[i];

		if ((idom != VERTEX_NONE) != chunk_is_node(&snapshot->heap.chunks, (chunk_id)i) ||
		    (idom < dominators->n_chunks && dominators->idom[idom] == VERTEX_NONE))
			return false;
	}
	for (size_t i = dominators->n_chunks; i < vertex_top(dominators); i++)
		if (dominators->idom[i] < dominators->n_chunks)
			return false;
	return true;
}

static struct error *read_dominators(sqlite3 *db, uint64_t memory, struct snapshot *snapshot)
{
	struct dominators *dominators = &snapshot->graph.dominators;
	size_t n_chunks = snapshot->heap.chunks.n, n_places = snapshot->graph.roots.places.n,
	       n = n_chunks + n_places + 1;

	if (n >= VERTEX_NONE || n > memory / DOMINATOR_COST)
		return no_memory("vertices", n);
	dominators->n_chunks = n_chunks;
	dominators->n_places = n_places;
	dominators->idom = column_grow(NULL, 0, n * sizeof(*dominators->idom));
	dominators->retained = column_grow(NULL, 0, n * sizeof(*dominators->retained));
	snapshot->graph.options.with_dominators = true;

	struct error *error = read_columns(db, dominator_columns, 2, n_chunks, snapshot);

	if (!error)
		error = read_columns(db, dominator_columns + 2, 2, n_places + 1, snapshot);
	if (!error && (!is_tree(dominators) || !is_complete(snapshot)))
		error = error_create(ERROR_FORMAT, "its dominators are no tree");
	return error;
}

/* Files of versions before there were owners have none: no table of them, that is. */
static struct error *read_owners(sqlite3 *db, uint64_t memory, struct snapshot *snapshot)
{
	struct owners *owners = &snapshot->graph.owners;
	size_t n = snapshot->heap.chunks.n;

	if (!owners->v.n)
		return NULL;
	if (n > memory / OWNER_COST)
		return no_memory("owners", n);
	owners_reserve(owners, n);
	snapshot->graph.options.with_owners = true;
	return read_columns(db, &owner_column, 1, n, snapshot);
}

static struct error *read_contents(sqlite3 *db, uint64_t memory, struct snapshot *snapshot)
{
	uint64_t n, bytes;
	struct error *error = read_number(db, "contents", snapshot->heap.chunks.n, &n);

	if (!error)
		error = read_number(db, "content_bytes", memory, &bytes);
	if (error || n == UINT64_MAX || bytes == UINT64_MAX)
		return error;
	error = read_columns(db, content_columns, N(content_columns), n, snapshot);
	if (!error && n) {
		const struct snapshot_content *last = &snapshot->contents.v[n - 1];

		if (last->at + last->length != bytes)
			error = error_create(ERROR_FORMAT,
					     "its contents are %zu bytes, not %" PRIu64,
					     last->at + last->length, bytes);
	}
	return error ? error : read_columns(db, &content_byte_column, 1, bytes, snapshot);
}

/* A place stands behind its parent; what belongs to a thread hangs on one; and what needs a name has one. */
static bool place_is_good(const struct roots *roots, size_t i)
{
	const struct root_place *place = &roots->places.v[i];
	const struct root_place *parent = place->parent < i ? &roots->places.v[place->parent]
							    : NULL;

	if (place->parent != PLACE_NONE && !parent)
		return false;
	switch (place->kind) {
	case PLACE_MODULE:
	case PLACE_VARIABLE:
		return place->name;
	case PLACE_REGISTER:
	case PLACE_TLS:
		return place->name && parent && parent->kind == PLACE_THREAD;
	case PLACE_FRAME:
	case PLACE_DESCRIPTOR:
		return parent && parent->kind == PLACE_THREAD;
	case PLACE_THREAD:
	case PLACE_MAPPING:
	case PLACE_LIBC:
	case PLACE_LEAKED:
	case PLACE_KINDS:
		break;
	}
	return true;
}

static bool is_node_or_none(const struct chunks *chunks, vertex_id vertex)
{
	return vertex == VERTEX_NONE || (vertex < chunks->n && chunk_is_node(chunks, vertex));
}

/* What the ordinary tables say must refer to what there is. */
static struct error *tables_check(const struct snapshot *snapshot)
{
	const struct graph *graph = &snapshot->graph;
	const struct chunks *chunks = &snapshot->heap.chunks;
	size_t n_places = graph->roots.places.n;

	if (graph->leaked >= n_places)
		return error_create(ERROR_FORMAT, "meta has no valid leaked_place");
	for (size_t i = 0; i < n_places; i++)
		if (!place_is_good(&graph->roots, i))
			return error_create(ERROR_FORMAT,
					    "place %zu has no name, or not its parent", i);
	for (size_t i = 0; i < graph->roots.v.n; i++) {
		const struct root *root = &graph->roots.v.v[i];

		if (root->place >= n_places || root->chunk >= chunks->n ||
		    !chunk_is_node(chunks, root->chunk))
			return error_create(ERROR_FORMAT,
					    "root %zu leads from no place to no chunk", i);
	}
	for (size_t i = 0; i < graph->owners.v.n; i++)
		if (graph->owners.v.v[i].place >= n_places)
			return error_create(ERROR_FORMAT, "owner %zu has no place", i);
	for (size_t i = 0; i < graph->suspects.n; i++) {
		const struct suspect *suspect = &graph->suspects.v[i];

		if ((suspect->place != PLACE_NONE && suspect->place >= n_places) ||
		    !is_node_or_none(chunks, suspect->start) ||
		    !is_node_or_none(chunks, suspect->point))
			return error_create(ERROR_FORMAT, "suspect %zu is about nothing", i);
	}
	return NULL;
}

struct error *graph_read(struct sqlite3 *db, unsigned parts, uint64_t memory,
			 struct snapshot *snapshot)
{
	struct graph *graph = &snapshot->graph;
	uint64_t leaks = 0;

	if (!parts)
		return NULL;

	struct error *error = read_number(db, "leaks", snapshot->heap.chunks.n, &leaks);

	if (!error && leaks == UINT64_MAX)
		error = error_create(ERROR_FORMAT, "it holds no graph");
	if (!error)
		error = tables_check(snapshot);
	if (error)
		return error;
	roots_seal(&graph->roots);
	if (parts & SNAPSHOT_EDGES) {
		graph->options.with_edges = true;
		error = read_edges(db, memory, snapshot);
		// Those who walk along edges rely on what these reach, so it is found anew.
		if (!error)
			reach_compute(&snapshot->heap.chunks, &graph->edges, &graph->roots,
				      &graph->reach);
	} else {
		error = read_reach(db, leaks, memory, snapshot);
	}
	if (!error && parts & SNAPSHOT_DOMINATORS)
		error = read_dominators(db, memory, snapshot);
	if (!error && parts & SNAPSHOT_OWNERS)
		error = read_owners(db, memory, snapshot);
	return error ? error : read_contents(db, memory, snapshot);
}
