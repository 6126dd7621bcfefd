/* SPDX-License-Identifier: MIT */
#include "report/referrers.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/names.h"
#include "base/text.h"
#include "report/graph_text.h"
#include "report/place_label.h"
#include "types/type_index.h"

enum {
	/** A chunk without a type that holds more than these is an array of them. */
	ARRAY_MIN = 24,
};

/* A pointer: whose row it is in, and the chunk it leads to. */
static uint64_t reference_of(uint32_t group, chunk_id target)
{
	return (uint64_t)group << 32 | target;
}

struct finder {
	const struct snapshot *snapshot;
	/** By name, and for each the chunk that was first. */
	struct names names;
	ARRAY(chunk_id) examples;
	/** Groups by what makes their names, so that these are made once. */
	struct hash_map known;
	ARRAY(uint64_t) references;
};

static uint32_t group_of(struct finder *finder, const char *name, chunk_id example)
{
	uint32_t group = names_number(&finder->names, name);

	if (group == finder->examples.n)
		array_append(&finder->examples, example);
	return group;
}

static bool is_typed(const struct types *types, chunk_id chunk)
{
	return types->is_built && types->labels.v[types->label[chunk]].is_type;
}

/* Where a chunk holds another one, as people say it. Owner: the caller. */
static char *member_name(const struct snapshot *snapshot, chunk_id source, uint64_t offset, bool is_array)
{
	const struct types *types = &snapshot->types;
	const struct chunks *chunks = &snapshot->heap.chunks;
	char *name = is_typed(types, source) ? chunk_member(types, chunks, source, offset) : NULL;
	char count[TEXT_NUMBER_MAX];

	if (name)
		return name;
	if (is_typed(types, source))
		return is_array ? xasprintf("%s[]", types_name(types, source)) : xasprintf("%s at +0x%" PRIx64, types_name(types, source), offset);
	text_count(count, chunk_usable(chunks, source));
	return is_array ? xasprintf("%s B[]", count) : xasprintf("%s B at +0x%" PRIx64, count, offset);
}

/* The offset as far as it matters for the name: that of the first element of an array. */
static uint64_t offset_within(const struct snapshot *snapshot, chunk_id source, uint64_t offset, bool *is_array)
{
	const struct types *types = &snapshot->types;
	uint64_t start;
	size_t n;
	const struct type_part *parts = is_typed(types, source) ? label_parts(types, types->label[source], &n) : NULL;

	if (parts) {
		*is_array = false;
		if (chunk_elements(types, &snapshot->heap.chunks, source, &start) != 1 && offset >= start && parts->size)
			return start + (offset - start) % parts->size;
		return offset;
	}
	return *is_array ? 0 : offset;
}

static uint32_t edge_group(struct finder *finder, chunk_id source, size_t edge)
{
	const struct snapshot *snapshot = finder->snapshot;
	const struct edges *edges = &snapshot->graph.edges;
	const struct types *types = &snapshot->types;
	bool is_array = edges->first[source + 1] - edges->first[source] > ARRAY_MIN, is_named = is_typed(types, source);
	uint64_t offset = offset_within(snapshot, source, edge_offset(edges, edge), &is_array);
	uint64_t what = is_named ? (uint64_t)types->label[source] << 8 | types->form[source] : chunk_usable(&snapshot->heap.chunks, source);
	uint64_t hash = hash_mix(hash_mix(hash_mix(is_named, is_array), what), offset);
	uint32_t group = hash_map_get(&finder->known, hash);

	if (group == UINT32_MAX) {
		_cleanup_free_ char *name = member_name(snapshot, source, edge_offset(edges, edge), is_array);

		group = group_of(finder, name, source);
		hash_map_set(&finder->known, hash, group);
	}
	return group;
}

static int compare_references(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static int compare_referrers(const void *left, const void *right)
{
	const struct referrer *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->references != b->references)
		return a->references > b->references ? -1 : 1;
	return strcmp(a->from, b->from);
}

void referrers_find(const struct snapshot *snapshot, const struct chunk_choice *choice, referrer_array *ret)
{
	const struct edges *edges = &snapshot->graph.edges;
	const struct roots *roots = &snapshot->graph.roots;
	struct finder finder = { .snapshot = snapshot };
	referrer_array referrers = { 0 };

	for (chunk_id source = 0; source < edges->n_chunks; source++)
		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++)
			if (edge_to(edges, edge) != source && choice_has(choice, snapshot, edge_to(edges, edge)))
				array_append(&finder.references, reference_of(edge_group(&finder, source, edge), edge_to(edges, edge)));
	for (size_t i = 0; i < roots->v.n; i++) {
		const struct root *root = &roots->v.v[i];

		if (choice_has(choice, snapshot, root->chunk) && roots->places.v[root->place].kind != PLACE_LIBC) {
			_cleanup_free_ char *name = root_kind_label(roots, root);

			array_append(&finder.references, reference_of(group_of(&finder, name, CHUNK_NONE), root->chunk));
		}
	}
	for (size_t i = 0; i < finder.names.v.n; i++)
		array_append(&referrers, (struct referrer){ .from = xstrdup(finder.names.v.v[i]), .example = finder.examples.v[i] });
	if (finder.references.n)
		qsort(finder.references.v, finder.references.n, sizeof(*finder.references.v), compare_references);
	for (size_t i = 0; i < finder.references.n; i++) {
		struct referrer *referrer = &referrers.v[finder.references.v[i] >> 32];

		referrer->references++;
		referrer->count += !i || finder.references.v[i] != finder.references.v[i - 1];
	}
	if (referrers.n)
		qsort(referrers.v, referrers.n, sizeof(*referrers.v), compare_referrers);
	names_deinit(&finder.names);
	array_deinit(&finder.examples);
	array_deinit(&finder.references);
	hash_map_deinit(&finder.known);
	*ret = referrers;
}

void referrers_deinit(referrer_array *referrers)
{
	for (size_t i = 0; i < referrers->n; i++)
		free(referrers->v[i].from);
	array_deinit(referrers);
}

void print_members(struct writer *writer, const struct snapshot *snapshot, const referrer_array *referrers, uint64_t all, size_t limit)
{
	static const struct column columns[] = {
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "references", .title = "pointers", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "example", .title = "example" },
		{ .key = "from", .title = "held by" },
	};
	static const struct table table = { .key = "members", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	char count[TEXT_NUMBER_MAX];

	if (text && !referrers->n)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < referrers->n && (!text || !limit || i < limit); i++) {
		const struct referrer *referrer = &referrers->v[i];

		writer_row(writer, (struct value[]){
					   value_count(referrer->count),
					   value_count(referrer->references),
					   value_share(referrer->count, all),
					   referrer->example == CHUNK_NONE ? value_none() : value_address(snapshot->heap.chunks.mem[referrer->example]),
					   value_text(referrer->from),
				   });
	}
	writer_table_end(writer);
	if (limit && referrers->n > limit)
		writer_print(writer, STYLE_FAINT, "(and %s more)\n", text_count(count, referrers->n - limit));
}
