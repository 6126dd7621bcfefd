/* SPDX-License-Identifier: MIT */
#include "report/print_why.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "graph/chains.h"
#include "graph/outline.h"
#include "report/graph_text.h"
#include "report/hints.h"
#include "report/place_label.h"
#include "report/summary.h"

static const struct column chain_columns[] = {
	{ .key = "chain" },
	{ .key = "hop" },
	{ .key = "kind" },
	{ .key = "address" },
	{ .key = "size" },
	{ .key = "place" },
	{ .key = "offset" },
	{ .key = "hit" },
};
static const struct table chain_table = { .key = "chains",
					  .columns = chain_columns,
					  .n_columns = sizeof(chain_columns) / sizeof(chain_columns[0]),
					  .is_main = true };

static const char *hit_name(enum pointer_hit hit)
{
	switch (hit) {
	case HIT_START:
		return "start";
	case HIT_KNOWN:
		return "known-interior";
	case HIT_INTERIOR:
		return "interior";
	}
	return NULL;
}

/* Rows of one chain for JSON and CSV: the root, then its hops. */
static void chain_rows(struct writer *writer, const struct snapshot *snapshot, const struct chain *chain, size_t number)
{
	const struct graph *graph = &snapshot->graph;
	const struct chunks *chunks = &snapshot->heap.chunks;

	if (chain->root != SIZE_MAX) {
		const struct root *root = &graph->roots.v.v[chain->root];
		const struct root_place *place = &graph->roots.places.v[root->place];
		_cleanup_free_ char *label = root_label(&graph->roots, root);

		writer_row(writer, (struct value[]){
					   value_number(number),
					   value_number(0),
					   value_word(place_kind_name(place->kind)),
					   place->start ? value_address(place->start + root->offset) : value_none(),
					   value_none(),
					   value_text(label),
					   value_number(root->offset),
					   value_word(hit_name(root->hit)),
				   });
	}
	for (size_t i = 0; i < chain->hops.n; i++) {
		const struct chain_hop *hop = &chain->hops.v[i];
		bool is_last = hop->edge == SIZE_MAX;

		writer_row(writer, (struct value[]){
					   value_number(number),
					   value_number(i + 1),
					   value_word("chunk"),
					   value_address(chunks->mem[hop->chunk]),
					   value_number(chunk_usable(chunks, hop->chunk)),
					   value_none(),
					   is_last ? value_none() : value_number(edge_offset(&graph->edges, hop->edge)),
					   is_last ? value_none() : value_word(hit_name(edge_hit(&graph->edges, hop->edge))),
				   });
	}
}

/* How a pointer hits, where that is worth a word. */
static const char *hit_remark(enum pointer_hit hit)
{
	return hit == HIT_INTERIOR ? " (into the middle of it)" : "";
}

/* One chain in text: a line for each hop, and the middle of a long one left out. */
static void chain_print(struct writer *writer, const struct snapshot *snapshot, const struct chain *chain, size_t limit)
{
	const struct graph *graph = &snapshot->graph;
	const struct chunks *chunks = &snapshot->heap.chunks;
	size_t n = chain->hops.n, head = limit / 2, tail = limit - head;
	const char *remark = "";

	if (chain->root != SIZE_MAX) {
		_cleanup_free_ char *label = root_label(&graph->roots, &graph->roots.v.v[chain->root]);
		_cleanup_free_ char *escaped = text_escape(label, strlen(label));

		writer_print(writer, STYLE_BOLD, "%s\n", escaped);
		remark = hit_remark(graph->roots.v.v[chain->root].hit);
	} else {
		writer_print(writer, STYLE_BAD, "held by nothing (leaked)\n");
	}
	for (size_t i = 0; i < n; i++) {
		const struct chain_hop *hop = &chain->hops.v[i];
		_cleanup_free_ char *size = chunk_text(writer, snapshot, hop->chunk), *offset = NULL;
		char count[TEXT_NUMBER_MAX];

		if (limit && n > limit + 1 && i == head) {
			writer_print(writer, STYLE_FAINT, "  %s %s more\n", arrow(writer), text_count(count, n - head - tail));
			i = n - tail - 1;
			continue;
		}
		if (hop->edge != SIZE_MAX)
			offset = xasprintf(", at +0x%" PRIx64, edge_offset(&graph->edges, hop->edge));
		writer_print(writer, STYLE_PLAIN, "  %s 0x%" PRIxVADDR " %s%s%s\n", arrow(writer), chunks->mem[hop->chunk], size, remark,
			     offset ? offset : "");
		remark = hop->edge != SIZE_MAX ? hit_remark(edge_hit(&graph->edges, hop->edge)) : "";
	}
}

size_t print_chains(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t wanted, size_t hops)
{
	const struct graph *graph = &snapshot->graph;
	bool is_text = writer_options(writer)->format == FORMAT_TEXT;
	struct edges_in in;
	chain_array chains;
	size_t n;

	edges_reverse(&graph->edges, &in);
	chains_find(&graph->edges, &in, &graph->roots, &graph->reach, chunk, wanted, &chains);
	edges_in_deinit(&in);
	if (!is_text)
		writer_table_begin(writer, &chain_table);
	for (size_t i = 0; i < chains.n; i++) {
		if (is_text) {
			writer_print(writer, STYLE_PLAIN, "\n");
			chain_print(writer, snapshot, &chains.v[i], hops);
		} else {
			chain_rows(writer, snapshot, &chains.v[i], i + 1);
		}
	}
	if (!is_text)
		writer_table_end(writer);
	n = chains.n;
	chains_deinit(&chains);
	return n;
}

static void print_verdict_on(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	_cleanup_free_ char *size = size_text(writer, chunk_usable(chunks, chunk));
	const char *reach = reach_kind_name(snapshot->graph.reach.kind[chunk]);

	writer_field(writer, "address", value_address(chunks->mem[chunk]));
	writer_field(writer, "size", value_number(chunk_usable(chunks, chunk)));
	writer_field(writer, "state", value_word(chunk_state_name(chunks->state[chunk])));
	writer_field(writer, "reach", value_word(reach));
	writer_print(writer, STYLE_BOLD, "0x%" PRIxVADDR "\n", chunks->mem[chunk]);
	switch ((enum reach_kind)snapshot->graph.reach.kind[chunk]) {
	case REACH_NONE:
		writer_print(writer, STYLE_PLAIN, "%s, free (%s): nothing keeps it.\n", size, chunk_state_name(chunks->state[chunk]));
		break;
	case REACH_REACHABLE:
		writer_print(writer, STYLE_PLAIN, "%s, in use and reachable%s.\n", size,
			     chunks->state[chunk] == CHUNK_INTERNAL ? ": it belongs to libc" : "");
		break;
	case REACH_POSSIBLE:
		writer_print(writer, STYLE_PLAIN, "%s, in use, but reachable only by pointers into the middle of chunks: possibly leaked.\n", size);
		break;
	case REACH_DIRECT:
		writer_print(writer, STYLE_PLAIN, "%s, leaked: nothing points to it%s.\n", size, "");
		break;
	case REACH_INDIRECT:
		writer_print(writer, STYLE_PLAIN, "%s, leaked: only leaked chunks point to it.\n", size);
		break;
	case REACH_SUPPRESSED:
	case REACH_KINDS:
		break;
	}
}

void print_why_chunk(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, const struct why_options *options)
{
	size_t n;

	print_head(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_verdict_on(writer, snapshot, chunk);
	print_unread(writer, snapshot);
	n = print_chains(writer, snapshot, chunk, options->chains, options->hops);
	writer_field(writer, "chains_found", value_count(n));
	print_trouble(writer, snapshot, options->lines);
	if (!options->quiet) {
		hint_array hints;

		hints_why(snapshot, chunk, n >= options->chains, options->target, &hints);
		hints_print(writer, &hints);
		hints_deinit(&hints);
	}
}

/* ---- who holds all chunks of a size ---- */

static char *referrer_label(const struct writer *writer, const struct snapshot *snapshot, const struct outline_node *node, size_t depth)
{
	_cleanup_free_ char *name = NULL, *offset = NULL;

	if (node->place != PLACE_NONE) {
		_cleanup_free_ char *place = root_kind_label(&snapshot->graph.roots, &snapshot->graph.roots.v.v[node->root]);

		name = text_escape(place, strlen(place));
		return xasprintf("%*s%s", (int)depth * 2, "", name);
	}
	name = node->usable ? size_text(writer, node->usable) : xstrdup("others");
	if (!depth)
		return xasprintf("%s%s", name, node->is_again ? ", also by each other" : "");
	offset = offset_text(node->offset);
	return xasprintf("%*s%s%s%s%s", (int)depth * 2, "", name, node->offset == OUTLINE_ANY_OFFSET ? "" : " at ", offset,
			 node->is_again ? ", by way of more like it" : "");
}

static void referrer_row(struct writer *writer, const struct snapshot *snapshot, const struct outline *outline, uint32_t index, size_t depth)
{
	const struct outline_node *node = &outline->nodes.v[index];
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	_cleanup_free_ char *label = text ? referrer_label(writer, snapshot, node, depth) : NULL;
	_cleanup_free_ char *place = node->root != SIZE_MAX ? root_kind_label(&snapshot->graph.roots, &snapshot->graph.roots.v.v[node->root]) : NULL;

	writer_row(writer, (struct value[]){
				   value_number(depth),
				   value_count(node->count),
				   value_bytes(node->bytes),
				   value_share(node->count, outline->nodes.v[0].count),
				   node->usable ? value_number(node->usable) : value_none(),
				   depth && node->usable && node->offset != OUTLINE_ANY_OFFSET ? value_number(node->offset) : value_none(),
				   value_flag(node->is_again),
				   value_text(place),
				   node->place == PLACE_NONE && node->usable ? value_address(snapshot->heap.chunks.mem[node->example]) : value_none(),
				   value_word(label),
			   });
}

static void print_referrers(struct writer *writer, const struct snapshot *snapshot, const struct outline *outline, const struct why_options *options)
{
	static const struct column columns[] = {
		{ .key = "depth" },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "size" },
		{ .key = "offset" },
		{ .key = "again" },
		{ .key = "place" },
		{ .key = "example", .title = "example" },
		{ .title = "held by" },
	};
	static const struct table table = { .key = "referrers", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]), .is_main = true };
	_cleanup_free_ uint32_t *order = outline_order(outline);
	bool text = writer_options(writer)->format == FORMAT_TEXT;

	if (text && !outline->nodes.n)
		return;
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < outline->nodes.n; i++) {
		const struct outline_node *node = &outline->nodes.v[order[i]];
		size_t depth = node->depth;

		if (depth <= options->depth &&
		    (!text || (double)node->count >= options->min_share * (double)outline->nodes.v[0].count))
			referrer_row(writer, snapshot, outline, order[i], depth);
	}
	writer_table_end(writer);
}

uint64_t print_why_size(struct writer *writer, const struct snapshot *snapshot, uint64_t usable, const struct why_options *options)
{
	const struct graph *graph = &snapshot->graph;
	const struct chunks *chunks = &snapshot->heap.chunks;
	uint64_t count[REACH_KINDS] = { 0 }, in_use = 0;
	char number[TEXT_NUMBER_MAX], leaked[TEXT_NUMBER_MAX];
	_cleanup_free_ char *size = size_text(writer, usable);
	struct outline outline;

	for (size_t i = 0; i < chunks->n; i++)
		if (chunk_usable(chunks, i) == usable)
			count[graph->reach.kind[i]]++;
	for (size_t kind = REACH_REACHABLE; kind < REACH_KINDS; kind++)
		in_use += count[kind];
	outline_referrers(chunks, &graph->edges, &graph->roots, &graph->reach, usable, &outline);
	print_head(writer, snapshot);
	writer_field(writer, "size", value_number(usable));
	writer_field(writer, "count", value_count(in_use));
	writer_field(writer, "leaked", value_count(count[REACH_DIRECT] + count[REACH_INDIRECT]));
	writer_print(writer, STYLE_PLAIN, "\n%s chunk%s of %s in use, %s of them leaked. Each is told once, along its shortest way to a root.\n",
		     text_count(number, in_use), in_use == 1 ? "" : "s", size,
		     text_count(leaked, count[REACH_DIRECT] + count[REACH_INDIRECT]));
	print_unread(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_referrers(writer, snapshot, &outline, options);
	print_trouble(writer, snapshot, options->lines);
	outline_deinit(&outline);
	return in_use;
}
