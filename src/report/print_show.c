/* SPDX-License-Identifier: MIT */
#include "report/print_show.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/graph_text.h"
#include "report/hints.h"
#include "report/place_label.h"
#include "report/print_fields.h"
#include "report/print_why.h"
#include "report/summary.h"

/* Words that text shows. Units: bytes. */
enum { WORDS_SHOWN = 512 };

static const struct column reference_columns[] = {
	{ .key = "offset", .title = "at", .flags = COLUMN_RIGHT },
	{ .key = "address", .title = "chunk" },
	{ .key = "size" },
	{ .key = "place" },
	{ .key = "hit" },
	{ .title = "" },
};

static const struct table in_table = { .key = "references_in", .columns = reference_columns, .n_columns = 6 };
static const struct table out_table = { .key = "references_out", .columns = reference_columns, .n_columns = 6 };

static const char *hit_words(enum pointer_hit hit, bool text)
{
	switch (hit) {
	case HIT_START:
		return text ? "" : "start";
	case HIT_KNOWN:
		return text ? ", by a known interior pointer" : "known-interior";
	case HIT_INTERIOR:
		return text ? ", into the middle" : "interior";
	}
	return "";
}

static void chunk_reference(struct writer *writer, const struct snapshot *snapshot, size_t edge, chunk_id other)
{
	const struct edges *edges = &snapshot->graph.edges;
	_cleanup_free_ char *size = chunk_text(writer, snapshot, other);
	_cleanup_free_ char *what = xasprintf("%s%s", size, hit_words(edge_hit(edges, edge), true));
	_cleanup_free_ char *offset = xasprintf("+0x%" PRIx64, edge_offset(edges, edge));

	writer_row(writer, (struct value[]){
				   value_word(offset),
				   value_address(snapshot->heap.chunks.mem[other]),
				   value_number(chunk_usable(&snapshot->heap.chunks, other)),
				   value_none(),
				   value_word(hit_words(edge_hit(edges, edge), false)),
				   value_word(what),
			   });
}

static void root_reference(struct writer *writer, const struct snapshot *snapshot, const struct root *root)
{
	_cleanup_free_ char *label = root_label(&snapshot->graph.roots, root), *escaped = text_escape(label, strlen(label));
	_cleanup_free_ char *what = xasprintf("%s%s", escaped, hit_words(root->hit, true));

	writer_row(writer, (struct value[]){
				   value_none(),
				   value_none(),
				   value_none(),
				   value_text(label),
				   value_word(hit_words(root->hit, false)),
				   value_word(what),
			   });
}

/* Says how many rows the limit left out. */
static void print_rest(struct writer *writer, size_t n, size_t limit)
{
	char count[TEXT_NUMBER_MAX];

	if (limit && n > limit)
		writer_print(writer, STYLE_FAINT, "(and %s more)\n", text_count(count, n - limit));
}

static bool is_held(const struct snapshot *snapshot, chunk_id chunk)
{
	const struct roots *roots = &snapshot->graph.roots;
	const struct edges *edges = &snapshot->graph.edges;

	for (size_t i = 0; i < roots->v.n; i++)
		if (roots->v.v[i].chunk == chunk)
			return true;
	for (size_t edge = 0; edge < edges->n; edge++)
		if (edge_to(edges, edge) == chunk)
			return true;
	return false;
}

static void print_in(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t limit)
{
	const struct roots *roots = &snapshot->graph.roots;
	const struct edges *edges = &snapshot->graph.edges;
	size_t n = 0;

	writer_print(writer, STYLE_BOLD, is_held(snapshot, chunk) ? "\nHeld by\n" : "\nHeld by nothing\n");
	writer_table_begin(writer, &in_table);
	for (size_t i = 0; i < roots->v.n; i++)
		if (roots->v.v[i].chunk == chunk && (!limit || n < limit)) {
			root_reference(writer, snapshot, &roots->v.v[i]);
			n++;
		} else {
			n += roots->v.v[i].chunk == chunk;
		}
	for (size_t edge = 0; edge < edges->n; edge++)
		if (edge_to(edges, edge) == chunk) {
			if (!limit || n < limit)
				chunk_reference(writer, snapshot, edge, edge_source(edges, edge));
			n++;
		}
	writer_table_end(writer);
	print_rest(writer, n, limit);
	writer_field(writer, "references_in_count", value_count(n));
}

static void print_out(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t limit)
{
	const struct edges *edges = &snapshot->graph.edges;
	size_t first = edges->first[chunk], n = edges->first[chunk + 1] - first;

	writer_print(writer, STYLE_BOLD, n ? "\nHolds\n" : "\nHolds nothing\n");
	writer_table_begin(writer, &out_table);
	for (size_t i = 0; i < n && (!limit || i < limit); i++)
		chunk_reference(writer, snapshot, first + i, edge_to(edges, first + i));
	writer_table_end(writer);
	print_rest(writer, n, limit);
	writer_field(writer, "references_out_count", value_count(n));
}

static void print_neighbour(struct writer *writer, const struct snapshot *snapshot, const char *key, const char *word, size_t row)
{
	const struct chunks *chunks = &snapshot->heap.chunks;

	if (row >= chunks->n)
		return;

	_cleanup_free_ char *size = chunk_text(writer, snapshot, (chunk_id)row);

	writer_group_begin(writer, key);
	writer_field(writer, "address", value_address(chunks->mem[row]));
	writer_field(writer, "size", value_number(chunk_usable(chunks, row)));
	writer_field(writer, "state", value_word(chunk_state_name(chunks->state[row])));
	writer_group_end(writer);
	writer_print(writer, STYLE_PLAIN, "%s 0x%" PRIxVADDR ", %s, %s\n", word, chunks->mem[row], size, chunk_state_name(chunks->state[row]));
}

static void print_place(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk)
{
	const struct heap_source *source = heap_source_at(&snapshot->heap, snapshot->heap.chunks.mem[chunk]);

	writer_field(writer, "arena", source ? value_number(source->arena) : value_none());
	if (source)
		writer_print(writer, STYLE_PLAIN, "arena %" PRIu32 "%s\n", source->arena,
			     snapshot->heap.arenas.v[source->arena].is_main ? " (main)" : "");
	else
		writer_print(writer, STYLE_PLAIN, "a mapping of its own\n");
}

/* What it is, and by what that was told. */
static void print_label(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk)
{
	const struct types *types = &snapshot->types;
	bool has_label = types->is_built && types->label[chunk];
	_cleanup_free_ char *name = has_label ? xstrdup(types_name(types, chunk)) : python_label(&snapshot->python, chunk);
	const char *role = types->is_built && types->role[chunk] ? types->labels.v[types->role[chunk]].name : NULL;
	unsigned confidence = has_label ? types->confidence[chunk] : 0;
	const char *evidence = !name ? NULL : has_label ? type_evidence_name((enum type_evidence)types->evidence[chunk]) : "python";

	writer_field(writer, "type", value_text(name));
	writer_field(writer, "confidence", confidence ? value_confidence(confidence) : value_none());
	writer_field(writer, "evidence", value_word(evidence));
	writer_field(writer, "role", value_text(role));
	if (!name)
		return;

	_cleanup_free_ char *escaped = text_escape(name, strlen(name)), *place = role && strcmp(role, name) != 0 ? text_escape(role, strlen(role)) : xstrdup("");

	if (confidence)
		writer_print(writer, STYLE_PLAIN, "%s (%u %% sure, by %s)%s%s\n", escaped, confidence, evidence, *place ? " " : "", place);
	else
		writer_print(writer, STYLE_PLAIN, "%s%s%s\n", escaped, *place ? " " : "", place);
}

static void print_retained(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk)
{
	const struct graph *graph = &snapshot->graph;
	const struct dominators *dominators = &graph->dominators;
	vertex_id above = dominators->idom[chunk];
	_cleanup_free_ char *retained = writer_format_value(writer, value_bytes(dominators->retained[chunk])), *owner = NULL, *escaped = NULL;

	writer_field(writer, "retained", value_bytes(dominators->retained[chunk]));
	writer_print(writer, STYLE_PLAIN, "keeps %s, itself included\n", retained);
	if (above == VERTEX_NONE)
		return;
	if (above < dominators->n_chunks) {
		writer_field(writer, "kept_by", value_address(snapshot->heap.chunks.mem[above]));
		writer_print(writer, STYLE_PLAIN, "kept by 0x%" PRIxVADDR " alone\n", snapshot->heap.chunks.mem[above]);
		return;
	}
	owner = place_label(&graph->roots, above == vertex_top(dominators) ? PLACE_NONE : (place_id)(above - dominators->n_chunks));
	escaped = text_escape(owner, strlen(owner));
	writer_field(writer, "kept_by", value_text(owner));
	writer_print(writer, STYLE_PLAIN, above == vertex_top(dominators) ? "kept by several places of %s\n" : "kept by %s\n", escaped);
}

/* For eyes: that a chunk is leaked is not to be read out of «direct». */
static const char *reach_words(enum reach_kind kind)
{
	static const char *const words[REACH_KINDS] = {
		[REACH_REACHABLE] = "reachable",
		[REACH_POSSIBLE] = "possibly leaked (only pointers into its middle lead to it)",
		[REACH_DIRECT] = "leaked (nothing points to it)",
		[REACH_INDIRECT] = "leaked (only leaked chunks point to it)",
		[REACH_SUPPRESSED] = "leaked, but suppressed",
	};

	return words[kind];
}

void print_show(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, const struct show_options *options)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	bool is_text = writer_options(writer)->format == FORMAT_TEXT;
	bool is_node = snapshot->graph.reach.kind[chunk] != REACH_NONE;
	_cleanup_free_ char *size = size_text(writer, chunk_usable(chunks, chunk));
	enum reach_kind reach_kind = (enum reach_kind)snapshot->graph.reach.kind[chunk];
	const char *reach = reach_kind_name(reach_kind);
	hint_array hints;
	size_t length;

	print_head(writer, snapshot);
	writer_field(writer, "address", value_address(chunks->mem[chunk]));
	writer_field(writer, "offset", value_number(options->address - chunks->mem[chunk]));
	writer_field(writer, "size", value_number(chunk_usable(chunks, chunk)));
	writer_field(writer, "kind", value_word(chunk_kind_name(chunks->kind[chunk])));
	writer_field(writer, "state", value_word(chunk_state_name(chunks->state[chunk])));
	writer_field(writer, "reach", value_word(reach));
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_print(writer, STYLE_BOLD, "0x%" PRIxVADDR "\n", chunks->mem[chunk]);
	if (options->address != chunks->mem[chunk])
		writer_print(writer, STYLE_PLAIN, "0x%" PRIxVADDR " is 0x%" PRIxVADDR " bytes into it\n", options->address,
			     options->address - chunks->mem[chunk]);
	writer_print(writer, STYLE_PLAIN, "%s, %s%s%s\n", size, chunk_state_name(chunks->state[chunk]), reach ? ", " : "", reach ? reach_words(reach_kind) : "");
	print_label(writer, snapshot, chunk);
	print_place(writer, snapshot, chunk);
	print_neighbour(writer, snapshot, "before", "before it", (size_t)chunk - 1);
	print_neighbour(writer, snapshot, "after", "behind it", (size_t)chunk + 1);
	print_fields(writer, snapshot, chunk, options->fields);
	if (is_node) {
		print_retained(writer, snapshot, chunk);
		print_unread(writer, snapshot);
		print_in(writer, snapshot, chunk, is_text ? options->limit : 0);
		print_out(writer, snapshot, chunk, is_text ? options->limit : 0);
		// Of a leak that nothing points to there is nothing to say.
		if (is_text && reach_kind != REACH_DIRECT)
			writer_print(writer, STYLE_BOLD, "\nThe shortest way from a root\n");
		if (!is_text || reach_kind != REACH_DIRECT)
			print_chains(writer, snapshot, chunk, 1, 16);
	}
	if (is_text && snapshot_contents(snapshot, chunk, &length))
		writer_print(writer, STYLE_PLAIN, "\n");
	print_words(writer, snapshot, chunk, WORDS_SHOWN);
	print_trouble(writer, snapshot, options->lines);
	if (!options->quiet) {
		hints_show(snapshot, chunk, options->target, &hints);
		hints_print(writer, &hints);
		hints_deinit(&hints);
	}
}
