/* SPDX-License-Identifier: MIT */
#include "report/graph_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* Sizes are exact names up to here; beyond it units read better. */
static const uint64_t UNITS_FROM = 64 * 1024;

char *size_text(const struct writer *writer, uint64_t bytes)
{
	char buffer[TEXT_NUMBER_MAX];

	if (writer_options(writer)->plain_bytes)
		return xasprintf("%" PRIu64, bytes);
	if (bytes >= UNITS_FROM)
		return xstrdup(text_bytes(buffer, bytes, false));
	return xasprintf("%s B", text_count(buffer, bytes));
}

char *chunk_type(const struct snapshot *snapshot, chunk_id chunk)
{
	const struct types *types = &snapshot->types;

	// Where it hangs is no type, and is told anyway.
	if (types->is_built && types->label[chunk] && types->evidence[chunk] != EVIDENCE_ROLE)
		return xstrdup(types_name(types, chunk));
	return python_label(&snapshot->python, chunk);
}

char *chunk_text(const struct writer *writer, const struct snapshot *snapshot, chunk_id chunk)
{
	_cleanup_free_ char *size = size_text(writer, chunk_usable(&snapshot->heap.chunks, chunk)), *name = NULL, *type = chunk_type(snapshot, chunk);

	if (!type)
		return take_pointer(size);
	name = text_escape(type, strlen(type));
	return xasprintf("%s, %s", size, name);
}

char *member_text(const struct snapshot *snapshot, chunk_id chunk, uint64_t offset)
{
	char *path = snapshot->types.is_built ? chunk_path(&snapshot->types, &snapshot->heap.chunks, chunk, offset, false) : NULL;

	if (path && *path)
		return path;
	free(path);
	return NULL;
}

char *site_phrase(const struct type_site *site)
{
	if (!site->function && !site->source)
		return xasprintf("a call of %s", site->allocator ? site->allocator : "an allocator");
	if (!site->source)
		return xstrdup(site->function);
	return site->function ? xasprintf("%s (%s)", site->function, site->source) : xstrdup(site->source);
}

char *sites_phrase(const struct snapshot *snapshot, label_id label)
{
	enum { NAMED = 2 };
	size_t n = 0, named;
	const struct type_site *sites = label ? label_sites(&snapshot->types, label, &n) : NULL;
	char *phrase = NULL;

	named = n > NAMED ? NAMED : n;
	for (size_t i = 0; i < named; i++) {
		_cleanup_free_ char *site = site_phrase(&sites[i]), *before = phrase;

		phrase = xasprintf("%s%s%s", before ? before : "", !before ? "" : i + 1 == n ? " or " : ", ", site);
	}
	if (n > NAMED) {
		_cleanup_free_ char *before = phrase;

		phrase = xasprintf("%s or %zu other place%s", before, n - NAMED, n - NAMED == 1 ? "" : "s");
	}
	return phrase;
}

/* A type, or what its bytes look like: «(HTTP)». */
static bool label_tells(const struct chunk_label *label)
{
	return label->is_type || label->name[0] == '(';
}

/* The vertex that it all hangs below. */
static vertex_id suspect_point(const struct dominators *dominators, const struct suspect *suspect)
{
	if (suspect->point != VERTEX_NONE)
		return suspect->point;
	return suspect->place == PLACE_NONE ? vertex_top(dominators) : vertex_of_place(dominators, suspect->place);
}

struct suspect_children suspect_children(const struct snapshot *snapshot, const struct suspect *suspect)
{
	const struct dominators *dominators = &snapshot->graph.dominators;
	const struct types *types = &snapshot->types;
	const struct suspect_children untyped = { 0, suspect->child_usable, suspect->child_count, CHUNK_NONE };
	vertex_id above = suspect_point(dominators, suspect);
	// What several places share was put together by size.
	bool of_one_size = suspect->is_shared && suspect->point == VERTEX_NONE;
	struct suspect_children children = { .example = CHUNK_NONE };
	_cleanup_free_ uint64_t *retained = NULL;
	uint64_t all = 0;

	if (!types->is_built || !suspect->child_count)
		return untyped;
	retained = xcalloc(types->labels.n + 1, sizeof(*retained));
	for (chunk_id chunk = 0; chunk < dominators->n_chunks; chunk++) {
		if (dominators->idom[chunk] != above || (of_one_size && chunk_usable(&snapshot->heap.chunks, chunk) != suspect->child_usable))
			continue;
		all += dominators->retained[chunk];
		retained[types->label[chunk]] += dominators->retained[chunk];
		if (retained[types->label[chunk]] > retained[children.label])
			children.label = types->label[chunk];
	}
	// Those of one size are counted together, so nearly all have to be of the type.
	if (!label_tells(&types->labels.v[children.label]) || retained[children.label] < (of_one_size ? all - all / 10 : all / 2))
		return untyped;
	for (chunk_id chunk = 0; chunk < dominators->n_chunks; chunk++) {
		uint64_t usable = chunk_usable(&snapshot->heap.chunks, chunk);

		if (dominators->idom[chunk] != above || types->label[chunk] != children.label || (of_one_size && usable != suspect->child_usable))
			continue;
		children.usable = !children.count || children.usable == usable ? usable : 0;
		if (!children.count++)
			children.example = chunk;
	}
	if (of_one_size)
		children.count = suspect->child_count;
	return children;
}

const char *arrow(const struct writer *writer)
{
	return writer_options(writer)->has_utf8 ? "→" : "->";
}

char *offset_text(uint64_t offset)
{
	return offset == OUTLINE_ANY_OFFSET ? xstrdup("[]") : xasprintf("+0x%" PRIx64, offset);
}

/* By parent, then by bytes. */
static int compare_nodes(const void *left, const void *right, void *context)
{
	const struct outline *outline = context;
	uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
	const struct outline_node *a = &outline->nodes.v[i], *b = &outline->nodes.v[j];

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->below_bytes != b->below_bytes)
		return a->below_bytes > b->below_bytes ? -1 : 1;
	return i < j ? -1 : i > j;
}

uint32_t *outline_order(const struct outline *outline)
{
	size_t n = outline->nodes.n, n_done = 0, depth = 0;
	uint32_t *order = xcalloc(n + 1, sizeof(*order));
	_cleanup_free_ uint32_t *sorted = xcalloc(n + 1, sizeof(*sorted));
	// For each node where its children begin among the sorted, one more for the top; and the branch being walked.
	_cleanup_free_ size_t *first = xcalloc(n + 2, sizeof(*first));
	_cleanup_free_ size_t *branch = xcalloc(n + 2, sizeof(*branch));

	for (uint32_t i = 0; i < n; i++)
		sorted[i] = i;
	if (n)
		qsort_r(sorted, n, sizeof(*sorted), compare_nodes, (void *)(uintptr_t)outline);
	for (size_t i = n; i-- > 0;) {
		uint32_t parent = outline->nodes.v[sorted[i]].parent;

		// One more than the index; 0 is «no children».
		first[parent == OUTLINE_NONE ? n : parent] = i + 1;
	}
	if (n)
		branch[depth++] = first[n] - 1;
	while (depth) {
		size_t at = branch[depth - 1];
		uint32_t node = sorted[at];

		order[n_done++] = node;
		// Next its sibling, but first its children.
		if (at + 1 < n && outline->nodes.v[sorted[at + 1]].parent == outline->nodes.v[node].parent)
			branch[depth - 1]++;
		else
			depth--;
		if (first[node])
			branch[depth++] = first[node] - 1;
	}
	return order;
}

void print_unread(struct writer *writer, const struct snapshot *snapshot)
{
	const struct graph *graph = &snapshot->graph;
	uint64_t unread = graph->unread_chunks + graph->unread_roots;

	writer_field(writer, "edges", value_count(graph->n_edges));
	writer_field(writer, "unread_bytes", value_bytes(unread));
	if (unread) {
		_cleanup_free_ char *bytes = writer_format_value(writer, value_bytes(unread));

		writer_print(writer, STYLE_BAD, "%s that could hold pointers are not in the image: what only they point to looks leaked.\n", bytes);
	}
	if (graph->refused)
		writer_print(writer, STYLE_BAD, "There are more pointers than can be counted: the rest is left out, and what only they point to looks leaked.\n");
}

/* The text form of eight bytes. */
static void word_text(const uint8_t *bytes, char ret[9])
{
	for (size_t i = 0; i < 8; i++)
		ret[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.';
	ret[8] = '\0';
}

static char *word_target(const struct writer *writer, const struct snapshot *snapshot, uint64_t word)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	chunk_id to = chunks_find(chunks, word);

	if (to == CHUNK_NONE)
		return NULL;

	_cleanup_free_ char *size = chunk_text(writer, snapshot, to);

	if (word == chunks->mem[to])
		return xasprintf("chunk of %s%s%s", size, chunks->state[to] > CHUNK_INTERNAL ? ", free: " : "",
				 chunks->state[to] > CHUNK_INTERNAL ? chunk_state_name(chunks->state[to]) : "");
	return xasprintf("0x%" PRIx64 " into a chunk of %s", word - chunks->mem[to], size);
}

void print_words(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t limit)
{
	static const struct column columns[] = {
		{ .key = "offset", .title = "offset", .flags = COLUMN_RIGHT },
		{ .key = "word", .title = "word", .flags = COLUMN_RIGHT },
		{ .key = "text", .title = "text" },
		{ .key = "points_to", .title = "points to" },
	};
	static const struct table table = { .key = "words", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	size_t length;
	const uint8_t *bytes = snapshot_contents(snapshot, chunk, &length);

	if (!bytes)
		return;
	if (writer_options(writer)->format == FORMAT_TEXT && length > limit)
		length = limit;
	writer_table_begin(writer, &table);
	for (size_t at = 0; at + 8 <= length; at += 8) {
		uint64_t word;
		char text[9];

		memcpy(&word, bytes + at, sizeof(word));
		word_text(bytes + at, text);

		_cleanup_free_ char *target = word_target(writer, snapshot, word), *offset = xasprintf("+0x%zx", at);

		writer_row(writer, (struct value[]){ value_word(offset), value_address(word), value_text(text), value_word(target ? target : "") });
	}
	writer_table_end(writer);
}
