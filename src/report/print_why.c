/* SPDX-License-Identifier: MIT */
#include "report/print_why.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "graph/chains.h"
#include "graph/outline.h"
#include "report/graph_text.h"
#include "report/hints.h"
#include "report/place_label.h"
#include "report/print_python.h"
#include "report/summary.h"
#include "types/labels.h"

static const struct column chain_columns[] = {
	{ .key = "chain" },
	{ .key = "hop" },
	{ .key = "kind" },
	{ .key = "address" },
	{ .key = "size" },
	{ .key = "place" },
	{ .key = "offset" },
	{ .key = "hit" },
	{ .key = "type" },
	{ .key = "member" },
};
static const struct table chain_table = { .key = "chains",
					  .columns = chain_columns,
					  .n_columns = sizeof(chain_columns) / sizeof(chain_columns[0]),
					  .is_main = true };

/* The same, beside a table of more weight. */
static const struct table example_table = { .key = "chains", .columns = chain_columns, .n_columns = sizeof(chain_columns) / sizeof(chain_columns[0]) };

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
					   value_none(),
					   value_none(),
				   });
	}
	for (size_t i = 0; i < chain->hops.n; i++) {
		const struct chain_hop *hop = &chain->hops.v[i];
		bool is_last = hop->edge == SIZE_MAX;
		_cleanup_free_ char *type = chunk_type(snapshot, hop->chunk);
		_cleanup_free_ char *member = is_last ? NULL : member_text(snapshot, hop->chunk, edge_offset(&graph->edges, hop->edge));

		writer_row(writer, (struct value[]){
					   value_number(number),
					   value_number(i + 1),
					   value_word("chunk"),
					   value_address(chunks->mem[hop->chunk]),
					   value_number(chunk_usable(chunks, hop->chunk)),
					   value_none(),
					   is_last ? value_none() : value_number(edge_offset(&graph->edges, hop->edge)),
					   is_last ? value_none() : value_word(hit_name(edge_hit(&graph->edges, hop->edge))),
					   value_text(type),
					   value_text(member),
				   });
	}
}

/* How a pointer hits, where that is worth a word. */
static const char *hit_remark(enum pointer_hit hit)
{
	return hit == HIT_INTERIOR ? " (into the middle of it)" : "";
}

/* Where a chunk holds the next one: «, at .peer (+0x18)», «, at +0x18». Owner: the caller; escaped. */
static char *hop_text(const struct snapshot *snapshot, const struct chain_hop *hop)
{
	uint64_t offset = edge_offset(&snapshot->graph.edges, hop->edge);
	_cleanup_free_ char *path = member_text(snapshot, hop->chunk, offset), *escaped = path ? text_escape(path, strlen(path)) : NULL;

	return escaped ? xasprintf(", at %s (+0x%" PRIx64 ")", escaped, offset) : xasprintf(", at +0x%" PRIx64, offset);
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
			offset = hop_text(snapshot, hop);

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
	print_python_way(writer, snapshot, chunk);
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

/* ---- who holds all chunks of a type or a size ---- */

/* What the chunks of a row are: «struct entry», «40 B». Owner: the caller; escaped. */
static char *node_what(const struct writer *writer, const struct snapshot *snapshot, const struct outline_node *node)
{
	if (node->name)
		return text_escape(snapshot->types.labels.v[node->name].name, strlen(snapshot->types.labels.v[node->name].name));
	return node->usable ? size_text(writer, node->usable) : xstrdup("others");
}

/* What of them holds those of the row above: «entry.next», «40 B at +0x8». Owner: the caller; escaped. */
static char *node_member(const struct writer *writer, const struct snapshot *snapshot, const struct outline_node *node)
{
	bool is_array = node->offset == OUTLINE_ANY_OFFSET;
	_cleanup_free_ char *member = node->name && !is_array ? chunk_member(&snapshot->types, &snapshot->heap.chunks, node->example, node->offset) : NULL;
	_cleanup_free_ char *what = NULL, *offset = NULL;

	if (member)
		return text_escape(member, strlen(member));
	what = node_what(writer, snapshot, node);
	offset = offset_text(node->offset);
	// Its name may tell already that there are many.
	if (is_array && node->name && strlen(what) > 2 && !strcmp(what + strlen(what) - 2, "[]"))
		return take_pointer(what);
	return xasprintf("%s%s%s", what, is_array ? "" : " at ", offset);
}

static char *referrer_label(const struct writer *writer, const struct snapshot *snapshot, const struct outline_node *node, size_t depth)
{
	_cleanup_free_ char *name = NULL;

	if (node->place != PLACE_NONE) {
		_cleanup_free_ char *place = root_kind_label(&snapshot->graph.roots, &snapshot->graph.roots.v.v[node->root]);

		name = text_escape(place, strlen(place));
		return xasprintf("%*s%s", (int)depth * 2, "", name);
	}
	if (!depth) {
		name = node_what(writer, snapshot, node);
		return xasprintf("%s%s", name, node->is_again ? ", also by each other" : "");
	}
	name = node_member(writer, snapshot, node);
	return xasprintf("%*s%s%s", (int)depth * 2, "", name, node->is_again ? ", by way of more like it" : "");
}

static void referrer_row(struct writer *writer, const struct snapshot *snapshot, const struct outline *outline, uint32_t index, size_t depth)
{
	const struct outline_node *node = &outline->nodes.v[index];
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	_cleanup_free_ char *label = text ? referrer_label(writer, snapshot, node, depth) : NULL;
	_cleanup_free_ char *place = node->root != SIZE_MAX ? root_kind_label(&snapshot->graph.roots, &snapshot->graph.roots.v.v[node->root]) : NULL;
	bool has_offset = depth && (node->usable || node->name) && node->offset != OUTLINE_ANY_OFFSET;
	_cleanup_free_ char *member = has_offset && node->name ? chunk_member(&snapshot->types, &snapshot->heap.chunks, node->example, node->offset) : NULL;

	writer_row(writer, (struct value[]){
				   value_number(depth),
				   value_count(node->count),
				   value_bytes(node->bytes),
				   value_share(node->count, outline->nodes.v[0].count),
				   node->usable ? value_number(node->usable) : value_none(),
				   has_offset ? value_number(node->offset) : value_none(),
				   value_flag(node->is_again),
				   value_text(place),
				   node->place == PLACE_NONE && (node->usable || node->name) ? value_address(snapshot->heap.chunks.mem[node->example]) : value_none(),
				   node->name ? value_text(snapshot->types.labels.v[node->name].name) : value_none(),
				   value_text(member),
				   value_word(label),
			   });
}

static void print_tree(struct writer *writer, const struct snapshot *snapshot, const struct outline *outline, const struct why_options *options)
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
		{ .key = "type" },
		{ .key = "member" },
		{ .title = "shortest ways to them" },
	};
	static const struct table table = { .key = "referrers", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]), .is_main = true };
	_cleanup_free_ uint32_t *order = outline_order(outline);
	bool text = writer_options(writer)->format == FORMAT_TEXT;

	if (text && !outline->nodes.n)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
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

/* Places in which ways end, those with most chunks first. */
static int compare_ends(const void *left, const void *right, void *context)
{
	const struct outline *outline = context;
	uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
	uint64_t a = outline->nodes.v[i].count, b = outline->nodes.v[j].count;

	return a != b ? (a > b ? -1 : 1) : i < j ? -1 : i > j;
}

/* One chain for each of the places that most ways end in, as an example. */
static void print_examples(struct writer *writer, const struct snapshot *snapshot, const struct outline *outline, const struct why_options *options)
{
	_cleanup_free_ uint32_t *ends = xcalloc(outline->nodes.n + 1, sizeof(*ends));
	bool is_text = writer_options(writer)->format == FORMAT_TEXT;
	const struct graph *graph = &snapshot->graph;
	struct edges_in in;
	size_t n = 0;

	for (uint32_t i = 0; i < outline->nodes.n; i++)
		if (outline->nodes.v[i].place != PLACE_NONE)
			ends[n++] = i;
	if (n)
		qsort_r(ends, n, sizeof(*ends), compare_ends, (void *)(uintptr_t)outline);
	edges_reverse(&graph->edges, &in);
	if (!is_text)
		writer_table_begin(writer, &example_table);
	for (size_t i = 0; i < n && i < options->chains; i++) {
		chain_array chains;

		chains_find(&graph->edges, &in, &graph->roots, &graph->reach, outline->nodes.v[ends[i]].example, 1, &chains);
		if (chains.n && is_text) {
			writer_print(writer, STYLE_PLAIN, "\n");
			chain_print(writer, snapshot, &chains.v[0], options->hops);
		} else if (chains.n) {
			chain_rows(writer, snapshot, &chains.v[0], i + 1);
		}
		chains_deinit(&chains);
	}
	if (!is_text)
		writer_table_end(writer);
	edges_in_deinit(&in);
}

static void print_question(struct writer *writer, const struct snapshot *snapshot, const struct chunk_choice *choice, uint64_t in_use, uint64_t leaked)
{
	char number[TEXT_NUMBER_MAX], lost[TEXT_NUMBER_MAX];
	const char *name = choice->label ? snapshot->types.labels.v[choice->label].name : NULL;
	_cleanup_free_ char *what = name ? text_escape(name, strlen(name)) : size_text(writer, choice->usable);

	writer_field(writer, "size", name ? value_none() : value_number(choice->usable));
	writer_field(writer, "type", value_text(name));
	writer_field(writer, "count", value_count(in_use));
	writer_field(writer, "leaked", value_count(leaked));
	text_count(number, in_use);
	text_count(lost, leaked);
	if (name)
		writer_print(writer, STYLE_BOLD, "\n%s", what);
	writer_print(writer, STYLE_PLAIN, name ? ": %s chunk%s in use%s%s, %s of them leaked.\n" : "\n%s chunk%s of %s in use%s, %s of them leaked.\n", number,
		     in_use == 1 ? "" : "s", name ? "" : what, "", lost);
}

uint64_t print_why_chunks(struct writer *writer, const struct snapshot *snapshot, const struct chunk_choice *choice, const struct why_options *options)
{
	const struct graph *graph = &snapshot->graph;
	const struct chunks *chunks = &snapshot->heap.chunks;
	uint64_t count[REACH_KINDS] = { 0 }, in_use = 0;
	_cleanup_free_ uint32_t *names = labels_column(&snapshot->types);
	// What is no type (a place, a look) is a name here all the same.
	const struct kinds kinds = { .chunks = chunks, .of = names };
	struct outline outline;
	referrer_array referrers;

	for (chunk_id i = 0; i < chunks->n; i++) {
		if (!choice_has(choice, snapshot, i))
			continue;
		count[graph->reach.kind[i]]++;
		if (choice->label)
			names[i] = choice->label;
	}
	for (size_t kind = REACH_REACHABLE; kind < REACH_KINDS; kind++)
		in_use += count[kind];
	outline_referrers(&kinds, &graph->edges, &graph->roots, &graph->reach, choice->label ? KEY_NAMED | choice->label : choice->usable, &outline);
	referrers_find(snapshot, choice, &referrers);
	print_head(writer, snapshot);
	print_question(writer, snapshot, choice, in_use, count[REACH_DIRECT] + count[REACH_INDIRECT]);
	print_unread(writer, snapshot);
	print_members(writer, snapshot, &referrers, in_use, options->members);
	print_tree(writer, snapshot, &outline, options);
	print_examples(writer, snapshot, &outline, options);
	print_trouble(writer, snapshot, options->lines);
	if (!options->quiet && in_use) {
		hint_array hints;

		hints_why_chunks(snapshot, choice->label, outline.nodes.n ? outline.nodes.v[0].example : CHUNK_NONE, options->target, &hints);
		hints_print(writer, &hints);
		hints_deinit(&hints);
	}
	referrers_deinit(&referrers);
	outline_deinit(&outline);
	return in_use;
}
