/* SPDX-License-Identifier: MIT */
#include "report/print_leaks.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "graph/outline.h"
#include "report/graph_text.h"
#include "report/hints.h"
#include "report/paragraph.h"
#include "report/summary.h"
#include "types/labels.h"
#include "types/type_index.h"

/* Words of an example that text shows. Units: bytes. */
enum { WORDS_SHOWN = 64 };

/* A site that is less sure is a guess by the size alone. Units: percent. */
enum { SITE_SURE = 75 };

/*
 * What leaks are told apart by, as numbers (kinds.h): those of labels, where these are types; behind them one for each look («(HTTP)») and size, so that a row of such has a size.
 */
struct leak_names {
	/** By chunk; NULL where types are not known. */
	uint32_t *of;
	/** By number, less that of the first look. */
	ARRAY(label_id) looks;
	uint32_t first_look;
};

static void leak_names_find(const struct snapshot *snapshot, struct leak_names *ret)
{
	const struct types *types = &snapshot->types;
	struct leak_names names = { .of = labels_column(types), .first_look = (uint32_t)types->labels.n };
	struct hash_map known = { .v = NULL };

	for (chunk_id chunk = 0; names.of && chunk < types->n; chunk++) {
		label_id label = types->label[chunk];
		uint64_t hash;

		if (names.of[chunk] || !reach_is_leaked(&snapshot->graph.reach, chunk) || types->labels.v[label].name[0] != '(')
			continue;
		hash = hash_mix(hash_mix(1, label), chunk_usable(&snapshot->heap.chunks, chunk));
		names.of[chunk] = hash_map_get(&known, hash);
		if (names.of[chunk] == UINT32_MAX) {
			names.of[chunk] = names.first_look + (uint32_t)names.looks.n;
			array_append(&names.looks, label);
			hash_map_set(&known, hash, names.of[chunk]);
		}
	}
	hash_map_deinit(&known);
	*ret = names;
}

static void leak_names_deinit(struct leak_names *names)
{
	free(names->of);
	array_deinit(&names->looks);
}

/* The outline of leaks, and what its numbers mean. */
struct leak_outline {
	struct leak_names names;
	struct outline outline;
};

/* The label of a node: of a type, or a look; 0 for none. */
static label_id node_type(const struct leak_outline *leaks, const struct outline_node *node)
{
	return !node->name || node->name < leaks->names.first_look ? node->name : leaks->names.looks.v[node->name - leaks->names.first_look];
}

static void print_kinds(struct writer *writer, const struct reach *reach, bool has_suppressions)
{
	static const struct column columns[] = {
		{ .key = "reach", .title = "" },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .title = "" },
	};
	static const struct table table = { .key = "reach", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	static const char *const meanings[REACH_KINDS] = {
		[REACH_REACHABLE] = "the program can get at them",
		[REACH_POSSIBLE] = "only by pointers into their middle",
		[REACH_DIRECT] = "leaked: nothing points to them",
		[REACH_INDIRECT] = "leaked: only leaked chunks point to them",
		[REACH_SUPPRESSED] = "leaked, but suppressed",
	};
	uint64_t total = 0;

	for (size_t kind = REACH_REACHABLE; kind < REACH_KINDS; kind++)
		total += reach->bytes[kind];
	writer_table_begin(writer, &table);
	for (size_t kind = REACH_REACHABLE; kind < (has_suppressions ? REACH_KINDS : REACH_SUPPRESSED); kind++)
		writer_row(writer, (struct value[]){
					   value_word(reach_kind_name(kind)),
					   value_count(reach->count[kind]),
					   value_bytes(reach->bytes[kind]),
					   value_share(reach->bytes[kind], total),
					   value_word(meanings[kind]),
				   });
	writer_table_end(writer);
}

/* Much that is only possibly leaked is a way of programming, not a leak: says so, and what it mostly is. */
static void print_possible(struct writer *writer, const struct snapshot *snapshot)
{
	// Units: per cent of what is in use.
	enum { WORTH_SAYING = 10 };
	const struct reach *reach = &snapshot->graph.reach;
	const struct types *types = &snapshot->types;
	_cleanup_free_ uint64_t *bytes = xcalloc(types->labels.n + 1, sizeof(*bytes));
	_cleanup_free_ char *name = NULL, *text = NULL;
	uint64_t all = 0;
	label_id most = 0;

	for (size_t kind = REACH_REACHABLE; kind < REACH_KINDS; kind++)
		all += reach->bytes[kind];
	if (reach->bytes[REACH_POSSIBLE] < all / 100 * WORTH_SAYING || !reach->bytes[REACH_POSSIBLE] || writer_options(writer)->format != FORMAT_TEXT)
		return;
	for (chunk_id chunk = 0; types->is_built && chunk < reach->n; chunk++) {
		if (reach->kind[chunk] != REACH_POSSIBLE)
			continue;
		bytes[types->label[chunk]] += chunk_usable(&snapshot->heap.chunks, chunk);
		if (bytes[types->label[chunk]] > bytes[most])
			most = types->label[chunk];
	}
	if (most)
		name = text_escape(types->labels.v[most].name, strlen(types->labels.v[most].name));
	text = xasprintf("So many that are possible%s%s%s are rarely leaks: a program that hands out pieces of its chunks itself (pools, arenas, headers in front) keeps only pointers into "
			 "them.",
			 name ? " (mostly " : "", name ? name : "", name ? ")" : "");
	writer_print(writer, STYLE_PLAIN, "\n");
	print_paragraph(writer, 0, text);
}

/* What each rule was for. */
static void print_suppressions(struct writer *writer, const struct suppressions *suppressions)
{
	static const struct column columns[] = {
		{ .key = "line", .title = "line", .flags = COLUMN_RIGHT },
		{ .key = "leaks", .title = "leaks", .flags = COLUMN_RIGHT },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "rule", .title = "suppressed by" },
	};
	static const struct table table = { .key = "suppressions", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };

	if (!suppressions)
		return;
	if (suppressions->v.n)
		writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < suppressions->v.n; i++) {
		const struct suppression *rule = &suppressions->v.v[i];

		writer_row(writer, (struct value[]){
					   value_number(rule->line),
					   value_count(rule->leaks),
					   value_count(rule->chunks),
					   value_bytes(rule->bytes),
					   value_text(rule->text),
				   });
	}
	writer_table_end(writer);
}

/* By which member those above hold these: «.peer»; NULL when that is not known. Owner: the caller; unescaped. */
static char *held_by(const struct snapshot *snapshot, const struct leak_outline *leaks, const struct outline_node *node)
{
	const struct outline_node *above = &leaks->outline.nodes.v[node->parent];
	bool is_known = node_type(leaks, above) && node->offset != OUTLINE_ANY_OFFSET;
	char *path = is_known ? chunk_path(&snapshot->types, &snapshot->heap.chunks, above->example, node->offset, true) : NULL;

	if (path && *path)
		return path;
	free(path);
	return NULL;
}

/* What they are: «struct conn of 48 B», «struct conn[]», «48 B». Owner: the caller; unescaped. */
static char *node_what(const struct writer *writer, const struct snapshot *snapshot, const struct leak_outline *leaks, const struct outline_node *node)
{
	_cleanup_free_ char *size = node->usable ? size_text(writer, node->usable) : NULL;
	label_id type = node_type(leaks, node);
	const char *name = type ? snapshot->types.labels.v[type].name : NULL;

	if (name)
		return size ? xasprintf("%s of %s", name, size) : xstrdup(name);
	return xstrdup(size ? size : "others");
}

static bool is_sure_site(const struct snapshot *snapshot, label_id label)
{
	size_t n;
	const struct type_site *sites = label_sites(&snapshot->types, label, &n);

	return sites && sites[0].confidence >= SITE_SURE;
}

/* What a row is, for eyes: «struct conn of 48 B, from conn_make (conn.c:12)», below it «.peer → 200 B». Owner: the caller; escaped. */
static char *node_label(const struct writer *writer, const struct snapshot *snapshot, const struct leak_outline *leaks, const struct outline_node *node, size_t depth)
{
	_cleanup_free_ char *what = node_what(writer, snapshot, leaks, node), *at = NULL, *sites = NULL, *label = NULL;
	const char *more = node->is_cycle ? ", in cycles" : node->is_again ? ", and on to more like it" : "";

	if (depth) {
		at = held_by(snapshot, leaks, node);
		if (!at)
			at = offset_text(node->offset);
		label = xasprintf("%*s%s %s %s%s", (int)depth * 2, "", at, arrow(writer), what, more);
	} else {
		sites = sites_phrase(snapshot, node_type(leaks, node));
		label = xasprintf("%s%s%s%s", what, more, !sites ? "" : is_sure_site(snapshot, node_type(leaks, node)) ? ", from " : ", perhaps from ", sites ? sites : "");
	}
	return text_escape(label, strlen(label));
}

static void node_row(struct writer *writer, const struct snapshot *snapshot, const struct leak_outline *leaks, const struct outline_node *node, size_t depth, uint64_t group)
{
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	_cleanup_free_ char *label = text ? node_label(writer, snapshot, leaks, node, depth) : NULL;
	_cleanup_free_ char *member = depth ? held_by(snapshot, leaks, node) : NULL, *sites = depth ? NULL : sites_phrase(snapshot, node_type(leaks, node));
	label_id type = node_type(leaks, node);
	uint64_t leaked = snapshot->graph.reach.bytes[REACH_DIRECT] + snapshot->graph.reach.bytes[REACH_INDIRECT];

	writer_row(writer, (struct value[]){
				   value_number(group),
				   value_number(depth),
				   depth ? value_none() : value_count(node->trees),
				   value_count(node->count),
				   value_bytes(node->bytes),
				   value_count(node->below_count),
				   value_bytes(node->below_bytes),
				   value_share(node->below_bytes, leaked),
				   node->usable ? value_number(node->usable) : value_none(),
				   depth && node->offset != OUTLINE_ANY_OFFSET ? value_number(node->offset) : value_none(),
				   value_flag(node->is_again),
				   value_flag(node->is_cycle),
				   value_address(snapshot->heap.chunks.mem[node->example]),
				   type ? value_text(snapshot->types.labels.v[type].name) : value_none(),
				   value_text(member),
				   value_text(sites),
				   value_word(label),
			   });
}

struct left_out {
	uint64_t kinds, leaks, bytes;
	/** Leaks of kinds that are too small. */
	uint64_t small;
};

/* Gives how many rows at the top were printed; their examples go to `examples`. */
static size_t print_outline(struct writer *writer, const struct snapshot *snapshot, const struct leaks_options *options,
			    const struct leak_outline *leaks, chunk_id *examples, struct left_out *left_out)
{
	static const struct column columns[] = {
		{ .key = "group" },
		{ .key = "depth" },
		{ .key = "leaks", .title = "leaks", .flags = COLUMN_RIGHT },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "own bytes", .flags = COLUMN_RIGHT },
		{ .key = "below_count" },
		{ .key = "below_bytes", .title = "with all below", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "size" },
		{ .key = "offset" },
		{ .key = "again" },
		{ .key = "cycle" },
		{ .key = "example", .title = "example" },
		{ .key = "type" },
		{ .key = "member" },
		{ .key = "sites" },
		{ .title = "each" },
	};
	static const struct table table = { .key = "leaks", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]), .is_main = true };
	const struct outline *outline = &leaks->outline;
	_cleanup_free_ uint32_t *order = outline_order(outline);
	const struct outline_node *top = NULL;
	size_t group = 0;
	bool is_wanted = false;

	// No headings over nothing.
	if (!outline->nodes.n && writer_options(writer)->format == FORMAT_TEXT)
		return 0;
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < outline->nodes.n; i++) {
		const struct outline_node *node = &outline->nodes.v[order[i]];
		size_t depth = node->depth;

		if (!depth) {
			is_wanted = node->below_bytes >= options->min_size && (!options->limit || group < options->limit);
			if (is_wanted) {
				examples[group++] = node->example;
			} else {
				left_out->kinds++;
				left_out->leaks += node->trees;
				left_out->bytes += node->below_bytes;
				left_out->small += node->below_bytes < options->min_size ? node->trees : 0;
			}
		}
		if (!depth)
			top = node;
		// Below the top, what tells something.
		if (is_wanted && depth <= options->depth &&
		    (!depth || (double)node->below_bytes >= options->min_share * (double)top->below_bytes))
			node_row(writer, snapshot, leaks, node, depth, group);
	}
	writer_table_end(writer);
	return group;
}

static void print_examples(struct writer *writer, const struct snapshot *snapshot, const chunk_id *examples, size_t n)
{
	for (size_t i = 0; i < n && writer_options(writer)->format == FORMAT_TEXT; i++) {
		size_t length;

		if (!snapshot_contents(snapshot, examples[i], &length))
			continue;
		writer_print(writer, STYLE_PLAIN, "\n");
		writer_print(writer, STYLE_BOLD, "0x%" PRIxVADDR "\n", snapshot->heap.chunks.mem[examples[i]]);
		print_words(writer, snapshot, examples[i], WORDS_SHOWN);
	}
}

static void print_left_out(struct writer *writer, const struct left_out *left_out)
{
	_cleanup_free_ char *bytes = NULL;
	char kinds[TEXT_NUMBER_MAX], leaks[TEXT_NUMBER_MAX];

	if (!left_out->kinds)
		return;
	bytes = writer_format_value(writer, value_bytes(left_out->bytes));
	writer_print(writer, STYLE_FAINT, "(%s more kind%s: %s leak%s, %s with all below)\n", text_count(kinds, left_out->kinds),
		     left_out->kinds == 1 ? "" : "s", text_count(leaks, left_out->leaks), left_out->leaks == 1 ? "" : "s", bytes);
}

uint64_t print_leaks(struct writer *writer, const struct snapshot *snapshot, const struct leaks_options *options)
{
	const struct reach *reach = &snapshot->graph.reach;
	struct left_out left_out = { 0 };
	struct leak_outline leaks;
	hint_array hints;

	leak_names_find(snapshot, &leaks.names);
	outline_leaks(&(struct kinds){ .chunks = &snapshot->heap.chunks, .of = leaks.names.of }, &snapshot->graph.edges, reach, &leaks.outline);
	print_head(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_kinds(writer, reach, snapshot->graph.suppressions);
	print_possible(writer, snapshot);
	print_unread(writer, snapshot);
	if (!reach->leaks.n)
		writer_print(writer, STYLE_GOOD, reach->count[REACH_SUPPRESSED] ? "\nNothing else is leaked.\n" : "\nNothing is leaked.\n");
	else
		writer_print(writer, STYLE_PLAIN, "\n");

	_cleanup_free_ chunk_id *examples = xcalloc(leaks.outline.nodes.n + 1, sizeof(*examples));
	size_t n = print_outline(writer, snapshot, options, &leaks, examples, &left_out);

	print_left_out(writer, &left_out);
	print_examples(writer, snapshot, examples, n);
	print_suppressions(writer, snapshot->graph.suppressions);
	print_trouble(writer, snapshot, options->lines);
	if (!options->quiet) {
		hints_leaks(snapshot, n ? examples[0] : CHUNK_NONE, options->target, &hints);
		hints_print(writer, &hints);
		hints_deinit(&hints);
	}
	outline_deinit(&leaks.outline);
	leak_names_deinit(&leaks.names);
	return reach->count[REACH_DIRECT] - left_out.small;
}
