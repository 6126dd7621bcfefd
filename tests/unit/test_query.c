/* SPDX-License-Identifier: MIT */
/*
 * Queries: the rows of `chunk` are the chunk table, whatever a plan narrows them to; nothing can be changed.
 */
#include <stdio.h>
#include <string.h>

#include "graph_snapshot.h"
#include "report/print_query.h"
#include "snapshot/query.h"
#include "unit.h"
#include "written.h"

/* The answer, as CSV. Owner: the caller. */
static char *answer(const struct snapshot *snapshot, const char *sql, enum format format)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = format });
	struct query *query;
	struct error *error = query_create(snapshot, sql, &query);

	ck_assert_msg(error == NULL, "%s: %s", sql, error ? error->message : "");
	writer_begin(writer, "test");
	error = print_query(writer, query, 0);
	ck_assert_msg(error == NULL, "%s: %s", sql, error ? error->message : "");
	query_destroy(query);
	return written(writer);
}

static void answers(const struct snapshot *snapshot, const char *sql, const char *expected)
{
	_cleanup_free_ char *text = answer(snapshot, sql, FORMAT_CSV);
	const char *rows = strchr(text, '\n') + 1;

	ck_assert_msg(!strcmp(rows, expected), "%s: %s", sql, rows);
}

static void is_refused(const struct snapshot *snapshot, const char *sql, const char *words)
{
	struct query *query = NULL;
	struct error *error = query_create(snapshot, sql, &query);

	ck_assert_msg(error != NULL, "%s is not refused", sql);
	ck_assert_int_eq(error->code, ERROR_USAGE);
	ck_assert_msg(strstr(error->message, words) != NULL, "%s: %s", sql, error->message);
	ck_assert_ptr_null(query);
	error_destroy(error);
}

START_TEST(chunks_are_rows)
{
	struct snapshot snapshot;

	sample_snapshot(&snapshot);

	const struct chunks *chunks = &snapshot.heap.chunks;
	ARRAY(char) expected = { 0 };

	for (size_t i = 0; i < chunks->n; i++) {
		const struct heap_source *source = heap_source_at(&snapshot.heap, chunks->mem[i]);
		char line[200], arena[20] = "";

		if (source)
			snprintf(arena, sizeof(arena), "%u", source->arena);

		int length = snprintf(line, sizeof(line), "%zu,%" PRIu64 ",%" PRIu64 ",%s,%s,%s\n",
				      i, chunks->mem[i], chunk_usable(chunks, (chunk_id)i),
				      chunk_kind_name(chunks->kind[i]), arena,
				      chunk_state_name(chunks->state[i]));

		array_reserve(&expected, (size_t)length + 1);
		memcpy(expected.v + expected.n, line, (size_t)length + 1);
		expected.n += (size_t)length;
	}
	answers(&snapshot, "SELECT id, address, size, kind, arena, state FROM chunk", expected.v);
	answers(&snapshot, "SELECT id, address, size, kind, arena, state FROM chunk ORDER BY id",
		expected.v);
	answers(&snapshot,
		"SELECT id, address, size, kind, arena, state FROM chunk ORDER BY address",
		expected.v);
	array_deinit(&expected);
	for (unsigned state = 0; state < CHUNK_STATES; state++) {
		_cleanup_free_ char *sql = xasprintf(
			"SELECT count(*), total(size) FROM chunk WHERE state = '%s'",
			chunk_state_name((enum chunk_state)state));
		_cleanup_free_ char *sums = xasprintf("%" PRIu64 ",%" PRIu64 "\n",
						      snapshot.heap.totals.count[state],
						      snapshot.heap.totals.bytes[state]);

		answers(&snapshot, sql, sums);
	}
	snapshot_deinit(&snapshot);
}
END_TEST

/* What a plan narrows is what SQLite finds without one (a subquery with a limit keeps it from using one). */
START_TEST(plans_change_nothing)
{
	static const char *const operations[] = { "=", "<", "<=", ">", ">=", "IS", "!=" };
	static const char *const states[] = { "in-use", "small", "none", "", "IN-USE" };
	static const char *const values[] = { "-1",
					      "0",
					      "1.5",
					      "1e30",
					      "-1e30",
					      "NULL",
					      "'12'",
					      "'x'",
					      "x''",
					      "9223372036854775807",
					      "-9223372036854775807",
					      "0x555555600290",
					      "100",
					      "140737219919888" };
	struct snapshot snapshot;

	sample_snapshot(&snapshot);

	const struct chunks *chunks = &snapshot.heap.chunks;

	srand(1);
	for (int i = 0; i < unit_rounds(700); i++) {
		const char *operation = operations[(size_t)rand() % 7],
			   *other = operations[(size_t)rand() % 7],
			   *state = states[(size_t)rand() % 5];
		size_t row = (size_t)rand() % chunks->n, far = (size_t)rand() % chunks->n;
		_cleanup_free_ char *low =
			rand() % 2 ? xasprintf("%" PRIu64,
					       chunks->mem[row] + (uint64_t)(rand() % 3) - 1)
				   : xstrdup(values[(size_t)rand() % 14]);
		_cleanup_free_ char *high =
			rand() % 2 ? xasprintf("%" PRIu64,
					       chunks->mem[far] + (uint64_t)(rand() % 3) - 1)
				   : xstrdup(values[(size_t)rand() % 14]);
		_cleanup_free_ char *id = rand() % 2 ? xasprintf("%zu", row)
						     : xstrdup(values[(size_t)rand() % 14]);
		bool with_id = rand() % 4 == 0, with_state = rand() % 2 == 0,
		     backwards = rand() % 2 == 0;
		_cleanup_free_ char *planned = NULL, *plain = NULL;

		for (unsigned with_plan = 2; with_plan-- > 0;) {
			_cleanup_free_ char *by_id =
				with_id ? xasprintf(" AND id %s %s", operation, id) : xstrdup("");
			_cleanup_free_ char *by_state =
				with_state ? xasprintf(" AND state = '%s'", state) : xstrdup("");
			_cleanup_free_ char *sql = xasprintf(
				"SELECT id, address FROM %s WHERE address %s %s AND address %s "
				"%s%s%s"
				" ORDER BY id %s",
				with_plan ? "chunk" : "(SELECT * FROM chunk LIMIT -1)", operation,
				low, other, high, by_id, by_state, backwards ? "DESC" : "ASC");

			*(with_plan ? &planned : &plain) = answer(&snapshot, sql, FORMAT_CSV);
			if (plain)
				ck_assert_msg(!strcmp(planned, plain), "%s", sql);
		}
	}
	answers(&snapshot,
		"SELECT count(*) = (SELECT count(*) FROM chunk) FROM chunk AS a JOIN chunk AS b"
		" ON b.address = a.address",
		"1\n");
	answers(&snapshot,
		"SELECT count(*) = (SELECT count(*) FROM chunk WHERE arena IS NOT NULL)"
		" FROM sources AS s JOIN chunk AS c ON c.address >= s.start AND c.address < "
		"s.\"end\"",
		"1\n");
	answers(&snapshot, "SELECT id FROM chunk WHERE id IN (5, 3, 99999, -1) ORDER BY 1",
		"3\n5\n");
	answers(&snapshot,
		"SELECT a.id FROM chunk AS a LEFT JOIN chunk AS b"
		" ON b.id = a.id + (SELECT count(*) - 1 FROM chunk) WHERE b.id IS NOT NULL",
		"0\n");
	snapshot_deinit(&snapshot);
}
END_TEST

/* Edges and what follows from them are rows, too; without a graph they are nothing. */
START_TEST(graphs_are_rows)
{
	struct snapshot snapshot;
	ARRAY(char) expected = { 0 };

	graph_snapshot(&snapshot);

	const struct edges *edges = &snapshot.graph.edges;
	place_id *places = dominators_places(&snapshot.graph.dominators);

	for (chunk_id source = 0; source < edges->n_chunks; source++)
		for (size_t i = edges->first[source]; i < edges->first[source + 1]; i++) {
			static const char *const hits[] = { "start", "known", "interior" };
			char line[100];
			int length = snprintf(line, sizeof(line), "%u,%u,%" PRIu64 ",%s,%d\n",
					      source, edge_to(edges, i), edge_offset(edges, i),
					      hits[edge_hit(edges, i)],
					      (edges->to[i] & EDGE_WEAK) != 0);

			array_reserve(&expected, (size_t)length + 1);
			memcpy(expected.v + expected.n, line, (size_t)length + 1);
			expected.n += (size_t)length;
		}
	answers(&snapshot, "SELECT * FROM edge", expected.v);
	answers(&snapshot, "SELECT e.* FROM chunk AS c CROSS JOIN edge AS e ON e.source = c.id",
		expected.v);
	answers(&snapshot,
		"SELECT count(*) FROM edge WHERE source = -1 OR source = 99999999 OR source = '5x'",
		"0\n");
	answers(&snapshot,
		"SELECT (SELECT count(*) FROM edge WHERE source = '7') = (SELECT count(*) FROM "
		"edge WHERE source = 7)",
		"1\n");
	expected.n = 0;
	for (chunk_id id = 0; id < snapshot.heap.chunks.n; id++) {
		char line[100], place[20] = "";
		const char *reach = reach_kind_name(snapshot.graph.reach.kind[id]);

		if (places[id] != PLACE_NONE)
			snprintf(place, sizeof(place), "%u", places[id]);

		int length = reach ? snprintf(line, sizeof(line), "%s,%" PRIu64 ",%u,%s\n", reach,
					      snapshot.graph.dominators.retained[id],
					      snapshot.graph.owners.of[id], place)
				   : snprintf(line, sizeof(line), ",,,\n");

		array_reserve(&expected, (size_t)length + 1);
		memcpy(expected.v + expected.n, line, (size_t)length + 1);
		expected.n += (size_t)length;
	}
	answers(&snapshot, "SELECT reach, retained, owner, sole_place FROM chunk", expected.v);
	column_free(places, snapshot.heap.chunks.n * sizeof(*places));
	array_deinit(&expected);
	snapshot_deinit(&snapshot);
	sample_snapshot(&snapshot);
	answers(&snapshot, "SELECT count(*) FROM edge", "0\n");
	answers(&snapshot, "SELECT count(reach), count(retained), count(owner), count(sole_place) FROM chunk",
		"0,0,0,0\n");
	snapshot_deinit(&snapshot);
}
END_TEST

static void asks_about(const char *sql, unsigned parts)
{
	struct snapshot snapshot;
	struct query *query;

	snapshot_init(&snapshot);

	struct error *error = query_create(&snapshot, sql, &query);

	ck_assert_msg(error == NULL, "%s", error ? error->message : "");
	ck_assert_msg(query_parts(query) == parts, "%s: %u", sql, query_parts(query));
	query_destroy(query);
	snapshot_deinit(&snapshot);
}

START_TEST(queries_tell_what_they_ask_about)
{
	enum { GRAPH = SNAPSHOT_GRAPH };

	asks_about("SELECT 1", 0);
	asks_about("SELECT id, size FROM chunk WHERE state = 'in-use'", 0);
	asks_about("SELECT count(*) FROM chunk", 0);
	asks_about("SELECT reach FROM chunk", GRAPH);
	asks_about("SELECT 1 FROM chunk WHERE retained > 5", GRAPH | SNAPSHOT_DOMINATORS);
	asks_about("SELECT 1 FROM chunk ORDER BY owner", GRAPH | SNAPSHOT_OWNERS);
	asks_about("SELECT 1 FROM chunk ORDER BY sole_place", GRAPH | SNAPSHOT_DOMINATORS);
	asks_about("SELECT name FROM owners", GRAPH | SNAPSHOT_OWNERS);
	asks_about("SELECT * FROM chunk", GRAPH | SNAPSHOT_DOMINATORS | SNAPSHOT_OWNERS | SNAPSHOT_TYPES);
	asks_about("SELECT type, role FROM chunk", SNAPSHOT_TYPES);
	asks_about("SELECT count(*) FROM edge", GRAPH | SNAPSHOT_EDGES);
	asks_about("SELECT name FROM places", GRAPH);
	asks_about("SELECT r.chunk FROM roots AS r, edge WHERE edge.source = r.chunk",
		   GRAPH | SNAPSHOT_EDGES);
	asks_about("SELECT * FROM suspects", GRAPH | SNAPSHOT_DOMINATORS);
	asks_about("SELECT * FROM arenas", 0);
}
END_TEST

START_TEST(values_of_every_kind)
{
	struct snapshot snapshot;

	sample_snapshot(&snapshot);
	answers(&snapshot, "SELECT NULL, -1, 1.5, 'a,b\"c', x'00ff', '', x'', 1e400, 0.1",
		",-1,1.5,\"a,b\"\"c\",x'00ff',,x'',,0.1\n");
	answers(&snapshot, "SELECT name FROM threads WHERE id = 1", "worker/1\n");
	answers(&snapshot, "SELECT value FROM meta WHERE key = 'name'", "serv\\x1b[31mer\n");

	_cleanup_free_ char *csv = answer(&snapshot, "SELECT 1 AS \"a,b\", 2, max(3, 4)",
					  FORMAT_CSV);
	_cleanup_free_ char *json = answer(
		&snapshot, "SELECT 1 AS id, -2 AS id, 'x' AS id_2, NULL, 2.0 AS \"\x1b\"",
		FORMAT_JSON);
	_cleanup_free_ char *text = answer(
		&snapshot, "SELECT 1 AS number, 'x' AS word UNION SELECT 1000, 'yy'", FORMAT_TEXT);
	_cleanup_free_ char *nothing = answer(&snapshot, "SELECT * FROM chunk WHERE 0",
					      FORMAT_JSON);

	ck_assert_str_eq(csv, "\"a,b\",2,\"max(3, 4)\"\n1,2,4\n");
	ck_assert_msg(strstr(json, "{\"id\": 1, \"id_2\": -2, \"id_2_2\": \"x\", \"NULL\": null, "
				   "\"\\\\x1b\": 2}"),
		      "%s", json);
	ck_assert_str_eq(text, "number  word\n     1  x\n  1000  yy\n");
	ck_assert_ptr_nonnull(strstr(nothing, "\"rows\": []"));
	snapshot_deinit(&snapshot);
}
END_TEST

/* More rows than text keeps: they come in batches, as wide as the first. */
START_TEST(long_answers)
{
	struct snapshot snapshot;
	size_t lines = 0;

	sample_snapshot(&snapshot);

	_cleanup_free_ char *text = answer(
		&snapshot,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) "
		"SELECT i, i * i AS square FROM n",
		FORMAT_TEXT);

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_eq(lines, 25001);
	ck_assert_ptr_nonnull(strstr(text, "\n    1          1\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n25000  625000000\n"));
	snapshot_deinit(&snapshot);
}
END_TEST

START_TEST(nothing_is_changed)
{
	static const char *const changes[] = {
		"DELETE FROM arenas",
		"UPDATE meta SET value = 1",
		"INSERT INTO notices VALUES (9, 'x')",
		"DROP TABLE arenas",
		"CREATE TABLE x (y)",
		"CREATE TEMP TABLE x (y)",
		"CREATE VIEW v AS SELECT 1",
		"ATTACH 'x' AS y",
		"VACUUM INTO 'x'",
		"PRAGMA writable_schema = ON",
		"PRAGMA user_version = 7",
		"PRAGMA journal_mode",
		"BEGIN",
		"ANALYZE",
		"REINDEX",
		"SELECT load_extension('x')",
		"DELETE FROM chunk",
		"UPDATE chunk SET size = 1",
		"INSERT INTO chunk (id) VALUES (1)",
		"DROP TABLE chunk",
	};
	struct snapshot snapshot;

	sample_snapshot(&snapshot);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		is_refused(&snapshot, changes[i], "");
	is_refused(&snapshot, "DELETE FROM arenas", "a snapshot can only be read");
	is_refused(&snapshot, "", "the query asks for nothing");
	is_refused(&snapshot, " ; -- nothing", "the query asks for nothing");
	is_refused(&snapshot, "SELECT 1; SELECT 2", "one query at a time: what is \"SELECT 2\"?");
	is_refused(&snapshot, "SELECT 1; )", "one query at a time");
	is_refused(&snapshot, "SELEC 1", "in the query: near \"SELEC\": syntax error");
	is_refused(&snapshot, "SELECT x FROM chunk", "no such column: x");
	is_refused(&snapshot, "SELECT * FROM heapsnap_chunk", "no such table");
	answers(&snapshot, "SELECT 1 ; -- and no more\n /* at all */ ;", "1\n");
	answers(&snapshot, "SELECT count(*) FROM pragma_table_info('chunk')", "14\n");
	snapshot_deinit(&snapshot);
}
END_TEST

START_TEST(empty_snapshots_have_the_tables)
{
	struct snapshot snapshot;
	struct query *query;
	bool is_row;
	unsigned tables = 0;

	snapshot_init(&snapshot);
	answers(&snapshot, "SELECT count(*), min(address) FROM chunk WHERE address > 5 AND id = 0",
		"0,\n");

	struct error *error = query_schema(&snapshot, &query);

	ck_assert_ptr_null(error);
	while (!query_next(query, &is_row) && is_row)
		tables += query_cell(query, 2).kind == CELL_TEXT;
	ck_assert_uint_gt(tables, 50);
	query_destroy(query);

	struct writer *writer = write_in_memory((struct writer_options){ .format = FORMAT_TEXT });

	error = query_schema(&snapshot, &query);
	ck_assert_ptr_null(error);
	error = print_schema(writer, query);
	ck_assert_ptr_null(error);
	query_destroy(query);

	_cleanup_free_ char *text = written(writer);

	ck_assert_ptr_nonnull(strstr(
		text,
		"chunk         id, address, size, kind, arena, state, reach, retained, owner,\n"
		"              sole_place, type, confidence, evidence, role\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nhistogram     usable, count, bytes\n"));
	// Too many columns are told, not shown.
	ARRAY(char) wide = { 0 };

	for (const char *at = "SELECT 0"; *at; at++)
		array_append(&wide, *at);
	for (unsigned i = 0; i < TABLE_COLUMNS_MAX; i++) {
		array_append(&wide, ',');
		array_append(&wide, '0');
	}
	array_append(&wide, '\0');
	error = query_create(&snapshot, wide.v, &query);
	ck_assert_ptr_null(error);
	writer = write_in_memory((struct writer_options){ .format = FORMAT_TEXT });
	error = print_query(writer, query, 0);
	ck_assert_ptr_nonnull(error);
	ck_assert_str_eq(error->message, "the query has 101 columns; 100 can be shown");
	error_destroy(error);
	free(written(writer));
	query_destroy(query);
	array_deinit(&wide);
	snapshot_deinit(&snapshot);
}
END_TEST

UNIT_SUITE("query", chunks_are_rows, plans_change_nothing, graphs_are_rows,
	   queries_tell_what_they_ask_about, values_of_every_kind, long_answers, nothing_is_changed,
	   empty_snapshots_have_the_tables)
