/* SPDX-License-Identifier: MIT */
/* What leaks, top, why and show print of one graph made by hand (golden.h). */
#include "graph/graph.h"

#include "debug/modules.h"
#include "golden.h"
#include "graph_builder.h"
#include "report/print_leaks.h"
#include "report/print_show.h"
#include "report/print_report.h"
#include "report/print_top.h"
#include "report/print_type.h"
#include "report/print_why.h"
#include "snapshot_builder.h"
#include "target/image.h"
#include "types_builder.h"
#include "unit.h"

/* Chunks of the sample, by what they have in this graph. */
struct cast {
	/** The table, and a request that holds it too. */
	chunk_id table, request;
	/** A queue of 1,032 bytes each, from its head. */
	chunk_id queue;
	/** The mapping of its own. */
	chunk_id large;
};

static place_id place(struct graph_builder *builder, enum place_kind kind, place_id parent, const char *name, const char *module, const char *source)
{
	struct root_place new = { .kind = kind, .parent = parent };

	new.name = name ? xstrdup(name) : NULL;
	new.module = module ? xstrdup(module) : NULL;
	new.source = source ? xstrdup(source) : NULL;
	if (kind == PLACE_THREAD || kind == PLACE_FRAME || kind == PLACE_REGISTER || kind == PLACE_TLS)
		new.tid = 4711;
	if (kind == PLACE_MAPPING)
		new.start = 0x7fffee000000;
	return roots_add_place(&builder->roots, new);
}

static void root(struct graph_builder *builder, place_id where, chunk_id chunk, enum pointer_hit hit, const char *path)
{
	builder_root(builder, where, chunk, hit);
	builder->roots.v.v[builder->roots.v.n - 1].path = path ? xstrdup(path) : NULL;
}

static bool is_used(const struct chunks *chunks, chunk_id chunk, uint64_t usable)
{
	return chunks->state[chunk] == CHUNK_IN_USE && chunk_usable(chunks, chunk) == usable;
}

static chunk_id first_of(const struct chunks *chunks, uint64_t usable)
{
	chunk_id chunk = 0;

	while (!is_used(chunks, chunk, usable))
		chunk++;
	return chunk;
}

/* The edges and roots of the sample's chunks. */
static struct cast stage(struct graph_builder *builder)
{
	const struct chunks *chunks = &builder->chunks;
	struct cast cast = { first_of(chunks, 66520), first_of(chunks, 4104), first_of(chunks, 1032), first_of(chunks, 0x200000 - 16) };
	place_id module = place(builder, PLACE_MODULE, PLACE_NONE, "server", NULL, NULL);
	place_id thread = place(builder, PLACE_THREAD, PLACE_NONE, "io", NULL, NULL);
	place_id sessions = place(builder, PLACE_VARIABLE, module, "sessions", "server", "session.c:12");
	place_id rest = place(builder, PLACE_VARIABLE, module, "everything", "server", "main.c:7");
	place_id frame = place(builder, PLACE_FRAME, thread, "serve", "server", "main.c:120");
	place_id rbx = place(builder, PLACE_REGISTER, thread, "rbx", NULL, NULL);
	place_id queue = place(builder, PLACE_TLS, thread, "queue", "server", "queue.c:3");
	place_id mapping = place(builder, PLACE_MAPPING, PLACE_NONE, NULL, NULL, NULL);
	place_id libc = place(builder, PLACE_LIBC, PLACE_NONE, "libc", NULL, NULL);
	uint32_t n = 0, leaked = cast.queue + 200;

	root(builder, sessions, cast.table, HIT_START, ".buckets");
	root(builder, frame, cast.request, HIT_START, "request");
	builder_edge(builder, cast.request, cast.table, false);
	root(builder, queue, cast.queue, HIT_START, ".head");
	root(builder, mapping, cast.large, HIT_START, NULL);
	for (chunk_id i = 0; i < chunks->n; i++) {
		if (chunks->state[i] == CHUNK_INTERNAL) {
			root(builder, libc, i, HIT_START, NULL);
		} else if (is_used(chunks, i, 88) && n++ < 1500) {
			// Sessions, in two halves: those that the table holds, and what they hold.
			if (n % 2)
				builder_edge(builder, cast.table, i, false);
			else
				builder_edge(builder, builder->pairs.v[builder->pairs.n - 1].to, i, false);
		} else if (is_used(chunks, i, 1032)) {
			if (i < leaked - 1)
				builder_edge(builder, i, i + 1, false);
			else if (i >= leaked && i % 10 == 0)
				builder_edge(builder, i, i + 1, false);
		} else if (chunks->state[i] == CHUNK_IN_USE && i != cast.table && i != cast.request && i != cast.large) {
			root(builder, rest, i, HIT_START, "[]");
		}
	}
	// A cycle of three, one that only a register has by its middle, and what that holds.
	builder_edge(builder, leaked + 1, leaked + 2, false);
	builder_edge(builder, leaked + 2, leaked + 3, false);
	builder_edge(builder, leaked + 3, leaked + 1, false);
	root(builder, rbx, leaked + 5, HIT_INTERIOR, NULL);
	builder_edge(builder, leaked + 5, leaked + 6, false);
	return cast;
}

static struct cast cast_of(const struct snapshot *snapshot)
{
	const struct chunks *chunks = &snapshot->heap.chunks;

	return (struct cast){ first_of(chunks, 66520), first_of(chunks, 4104), first_of(chunks, 1032), first_of(chunks, 0x200000 - 16) };
}

static void sample_with(struct snapshot *snapshot, const char *rules)
{
	struct graph_builder builder = { 0 };
	struct graph *graph = &snapshot->graph;
	struct modules modules = { 0 };
	struct image image;
	uint32_t *nearest;

	sample_snapshot(snapshot);
	builder.chunks = snapshot->heap.chunks;
	roots_init(&builder.roots);
	stage(&builder);
	graph->leaked = roots_add_place(&builder.roots, (struct root_place){ .kind = PLACE_LEAKED, .parent = PLACE_NONE });
	graph->edges = builder_edges(&builder);
	graph->n_edges = graph->edges.n;
	reach_compute(&builder.chunks, &graph->edges, &builder.roots, &graph->reach);
	image_init(&image);
	image_seal(&image);
	if (rules) {
		struct error *error = suppressions_parse(rules, strlen(rules), "rules", &graph->suppressions);

		ck_assert_ptr_null(error);
		suppressions_apply(graph->suppressions, &image, &modules, &builder.chunks, NULL, &graph->edges, &graph->reach);
	}

	struct edges edges = builder_edges(&builder);

	dominators_compute(&builder.chunks, &edges, &builder.roots, &graph->reach, graph->leaked, &graph->dominators);
	suspects_find(&builder.chunks, &image, &builder.roots, &graph->dominators, 5, &graph->suspects);
	nearest = nearest_find(&snapshot->heap, &graph->edges, &builder.roots, NULL, &graph->reach);
	owners_compute(nearest, &builder.roots, NULL, &graph->reach, graph->leaked, &graph->owners);
	nearest_free(nearest, graph->reach.n);
	graph->roots = builder.roots;
	graph->options.with_edges = graph->options.with_dominators = graph->options.with_owners = true;
	graph->is_built = true;
	edges_deinit(&edges);
	image_deinit(&image);
	array_deinit(&builder.pairs);
}

static void sample(struct snapshot *snapshot)
{
	sample_with(snapshot, NULL);
}

static void sample_suppressed(struct snapshot *snapshot)
{
	sample_with(snapshot, "# known\nsize=1k-2k holds=1032 cycle\nsize=9000-\nsize=1032 holds=none");
}

/* The same with types; and the bytes of the first session, some of them hostile. */
static void sample_typed(struct snapshot *snapshot)
{
	static const char name[16] = "kil\x1broy";
	const float load = 0.5f;
	const uint64_t closed = 0x555555400010;
	const int32_t length = -3, phase = 1;
	chunk_id session;
	uint8_t *bytes;
	uint64_t next;

	sample_with(snapshot, NULL);
	types_add(snapshot);
	session = first_of(&snapshot->heap.chunks, 88);
	next = snapshot->heap.chunks.mem[session + 2] + 8;
	array_reserve(&snapshot->content_bytes, 88);
	bytes = snapshot->content_bytes.v;
	memset(bytes, 0, 88);
	memcpy(bytes, &next, sizeof(next));
	memcpy(bytes + 8, &phase, sizeof(phase));
	bytes[12] = 1;
	memcpy(bytes + 24, &(uint64_t){ 0x1234 }, sizeof(uint64_t));
	memcpy(bytes + 32, name, sizeof(name));
	memcpy(bytes + 48, &closed, sizeof(closed));
	memcpy(bytes + 56, &(uint32_t){ 4000000000 }, sizeof(uint32_t));
	memcpy(bytes + 60, &load, sizeof(load));
	memcpy(bytes + 72, &length, sizeof(length));
	snapshot->content_bytes.n = 88;
	array_append(&snapshot->contents, (struct snapshot_content){ session, 88, 0 });
	array_append(&snapshot->symbols, (struct snapshot_symbol){ closed, xstrdup("session_\x1b""closed"), xstrdup("server") });
}

static void show_session(struct writer *writer, const struct snapshot *snapshot)
{
	chunk_id session = first_of(&snapshot->heap.chunks, 88);

	print_show(writer, snapshot, session,
		   &(struct show_options){ .limit = 4, .lines = 10, .address = snapshot->heap.chunks.mem[session], .target = "-p 4711", .quiet = true });
}

static void show_request(struct writer *writer, const struct snapshot *snapshot)
{
	// Its bytes are not there.
	chunk_id request = cast_of(snapshot).queue;

	print_show(writer, snapshot, request,
		   &(struct show_options){ .limit = 4, .lines = 10, .address = snapshot->heap.chunks.mem[request], .target = "-p 4711", .quiet = true });
}

static void show_table(struct writer *writer, const struct snapshot *snapshot)
{
	chunk_id table = cast_of(snapshot).table;

	print_show(writer, snapshot, table,
		   &(struct show_options){ .limit = 4, .lines = 10, .address = snapshot->heap.chunks.mem[table], .target = "-p 4711", .quiet = true });
}

static void why_type(struct writer *writer, const struct snapshot *snapshot)
{
	print_why_chunks(writer, snapshot, &(struct chunk_choice){ .label = LABEL_SESSION },
			 &(struct why_options){ .chains = 2, .hops = 24, .depth = 5, .min_share = 0.01, .members = 12, .lines = 10, .target = "-p 4711" });
}

static void one_type(struct writer *writer, const struct snapshot *snapshot)
{
	print_type(writer, snapshot, LABEL_SESSION, &(struct type_options){ .rows = 6, .members = 20, .lines = 10, .target = "-p 4711" });
}

static void other_type(struct writer *writer, const struct snapshot *snapshot)
{
	print_type(writer, snapshot, LABEL_REQUEST, &(struct type_options){ .wants_sizes = true, .rows = 6, .members = 20, .lines = 10, .target = "-p 4711" });
}

static void report_retained(struct writer *writer, const struct snapshot *snapshot)
{
	print_report(writer, snapshot, &(struct report_options){ .histogram = { .order = HISTOGRAM_BY_RETAINED, .limit = 16, .with_retained = true }, .lines = 10, .target = "-p 4711" });
}

static void leaks(struct writer *writer, const struct snapshot *snapshot)
{
	print_leaks(writer, snapshot, &(struct leaks_options){ .limit = 20, .depth = 2, .lines = 10, .target = "-p 4711" });
}

static void leaks_large(struct writer *writer, const struct snapshot *snapshot)
{
	// The cycle alone has three kilobytes.
	uint64_t left = print_leaks(writer, snapshot,
				    &(struct leaks_options){ .limit = 20, .min_size = 4000, .depth = 0, .lines = 10, .target = "-p 4711", .quiet = true });

	ck_assert_uint_lt(left, snapshot->graph.reach.count[REACH_DIRECT]);
}

static void top(struct writer *writer, const struct snapshot *snapshot)
{
	print_top(writer, snapshot, &(struct top_options){ .limit = 5, .depth = 3, .lines = 10, .target = "-p 4711" });
}

static void why(struct writer *writer, const struct snapshot *snapshot)
{
	// A session's second chunk: through the variable, and through the frame.
	chunk_id table = cast_of(snapshot).table, session = edge_to(&snapshot->graph.edges, snapshot->graph.edges.first[table]);
	chunk_id below = edge_to(&snapshot->graph.edges, snapshot->graph.edges.first[session]);

	print_why_chunk(writer, snapshot, below, &(struct why_options){ .chains = 3, .hops = 24, .lines = 10, .target = "-p 4711" });
}

static void why_long(struct writer *writer, const struct snapshot *snapshot)
{
	print_why_chunk(writer, snapshot, cast_of(snapshot).queue + 150,
			&(struct why_options){ .chains = 1, .hops = 6, .lines = 10, .target = "-p 4711", .quiet = true });
}

static void why_leaked(struct writer *writer, const struct snapshot *snapshot)
{
	print_why_chunk(writer, snapshot, cast_of(snapshot).queue + 203,
			&(struct why_options){ .chains = 1, .hops = 6, .lines = 10, .target = "-p 4711", .quiet = true });
}

static void why_size(struct writer *writer, const struct snapshot *snapshot)
{
	print_why_chunks(writer, snapshot, &(struct chunk_choice){ .usable = 88 }, &(struct why_options){ .chains = 1, .hops = 24, .depth = 5, .min_share = 0.01, .lines = 10, .target = "-p 4711" });
}

static void show(struct writer *writer, const struct snapshot *snapshot)
{
	chunk_id table = cast_of(snapshot).table;

	print_show(writer, snapshot, table,
		   &(struct show_options){ .limit = 4, .lines = 10, .address = snapshot->heap.chunks.mem[table] + 8, .target = "-p 4711" });
}

START_TEST(what_is_leaked)
{
	prints("leaks", sample, leaks, (struct writer_options){ .format = FORMAT_TEXT });
	prints("leaks-json", sample, leaks, (struct writer_options){ .format = FORMAT_JSON });
	prints("leaks-csv", sample, leaks, (struct writer_options){ .format = FORMAT_CSV });
	prints("leaks-large", sample, leaks_large, (struct writer_options){ .format = FORMAT_TEXT });
	prints("leaks-suppressed", sample_suppressed, leaks, (struct writer_options){ .format = FORMAT_TEXT });
	prints("leaks-suppressed-json", sample_suppressed, leaks, (struct writer_options){ .format = FORMAT_JSON });
}
END_TEST

START_TEST(who_keeps_how_much)
{
	prints("top", sample, top, (struct writer_options){ .format = FORMAT_TEXT });
	prints("top-json", sample, top, (struct writer_options){ .format = FORMAT_JSON });
	prints("top-csv", sample, top, (struct writer_options){ .format = FORMAT_CSV });
}
END_TEST

START_TEST(why_it_is_alive)
{
	prints("why", sample, why, (struct writer_options){ .format = FORMAT_TEXT });
	prints("why-json", sample, why, (struct writer_options){ .format = FORMAT_JSON });
	prints("why-csv", sample, why, (struct writer_options){ .format = FORMAT_CSV });
	prints("why-long", sample, why_long, (struct writer_options){ .format = FORMAT_TEXT });
	prints("why-leaked", sample, why_leaked, (struct writer_options){ .format = FORMAT_TEXT });
	prints("why-size", sample, why_size, (struct writer_options){ .format = FORMAT_TEXT });
	prints("why-size-csv", sample, why_size, (struct writer_options){ .format = FORMAT_CSV });
}
END_TEST

START_TEST(one_chunk)
{
	prints("show", sample, show, (struct writer_options){ .format = FORMAT_TEXT });
	prints("show-json", sample, show, (struct writer_options){ .format = FORMAT_JSON });
}
END_TEST

START_TEST(by_type)
{
	prints("leaks-types", sample_typed, leaks, (struct writer_options){ .format = FORMAT_TEXT });
	prints("leaks-types-json", sample_typed, leaks, (struct writer_options){ .format = FORMAT_JSON });
	prints("top-types", sample_typed, top, (struct writer_options){ .format = FORMAT_TEXT });
	prints("top-types-json", sample_typed, top, (struct writer_options){ .format = FORMAT_JSON });
	prints("why-type", sample_typed, why_type, (struct writer_options){ .format = FORMAT_TEXT });
	prints("why-type-json", sample_typed, why_type, (struct writer_options){ .format = FORMAT_JSON });
	prints("why-type-csv", sample_typed, why_type, (struct writer_options){ .format = FORMAT_CSV });
	prints("type", sample_typed, one_type, (struct writer_options){ .format = FORMAT_TEXT });
	prints("type-json", sample_typed, one_type, (struct writer_options){ .format = FORMAT_JSON });
	prints("type-sizes", sample_typed, other_type, (struct writer_options){ .format = FORMAT_TEXT });
	prints("report-retained", sample_typed, report_retained, (struct writer_options){ .format = FORMAT_TEXT });
	prints("show-fields", sample_typed, show_session, (struct writer_options){ .format = FORMAT_TEXT });
	prints("show-fields-json", sample_typed, show_session, (struct writer_options){ .format = FORMAT_JSON });
	prints("show-fields-unknown", sample_typed, show_request, (struct writer_options){ .format = FORMAT_TEXT });
	prints("show-fields-array", sample_typed, show_table, (struct writer_options){ .format = FORMAT_TEXT });
}
END_TEST

UNIT_SUITE("graph_reports", by_type, what_is_leaked, who_keeps_how_much, why_it_is_alive, one_chunk)
