/* SPDX-License-Identifier: MIT */
#include "report/print_suspects.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/graph_text.h"
#include "report/paragraph.h"
#include "report/place_label.h"
#include "report/sharers.h"

/* «812 MiB, 64.0 %». */
static char *amount(struct writer *writer, uint64_t bytes, uint64_t total)
{
	_cleanup_free_ char *text = writer_format_value(writer, value_bytes(bytes)), *share = writer_format_value(writer, value_share(bytes, total));

	return xasprintf("%s (%s)", text, share);
}

/* What is at an offset of a place, if its type is known: «.buckets[]», the index left out. NULL else. */
static char *suspect_member(const struct snapshot *snapshot, const struct suspect *suspect)
{
	const struct roots *roots = &snapshot->graph.roots;
	size_t end, at;
	char *path = NULL, *open, *close;

	if (suspect->point != VERTEX_NONE)
		return NULL;
	at = roots_of_place(roots, suspect->place, &end);
	for (; at < end && !path; at++)
		if (roots->v.v[at].offset == suspect->offset && roots->v.v[at].path)
			path = xstrdup(roots->v.v[at].path);
	open = path ? strrchr(path, '[') : NULL;
	close = open ? strchr(open, ']') : NULL;
	if (close)
		memmove(open + 1, close, strlen(close) + 1);
	return path;
}

/* Where the children hang: « at +0x8», « hanging off cache.buckets[]». */
static char *suspect_place(const struct snapshot *snapshot, const struct suspect *suspect)
{
	_cleanup_free_ char *member = suspect->n_offsets ? suspect_member(snapshot, suspect) : NULL;
	const char *name = suspect->place == PLACE_NONE ? NULL : snapshot->graph.roots.places.v[suspect->place].name;

	if (suspect->n_offsets == 0)
		return xstrdup("");
	if (member && *member)
		return xasprintf(" hanging off %s%s", name ? name : "", member);
	if (suspect->point != VERTEX_NONE) {
		_cleanup_free_ char *type = chunk_type(snapshot, suspect->point), *inside = type ? member_text(snapshot, suspect->point, suspect->offset) : NULL;

		// Of an array, or a table of Python's, the offset tells nothing.
		if (inside && *inside == '.')
			return xasprintf(" hanging off %s", inside);
		if (type)
			return xstrdup("");
	}
	if (suspect->n_offsets == 1 || suspect->child_count == 1)
		return xasprintf(" at +0x%" PRIx64, suspect->offset);
	return xasprintf(" in an array from +0x%" PRIx64 " on", suspect->offset);
}

/* «2.00 MiB», «2.00 MiB (struct entry *[])». Owner: the caller. */
static char *chunk_phrase(const struct writer *writer, const struct snapshot *snapshot, chunk_id chunk)
{
	_cleanup_free_ char *size = size_text(writer, chunk_usable(&snapshot->heap.chunks, chunk)), *type = chunk_type(snapshot, chunk);

	return type ? xasprintf("%s (%s)", size, type) : xstrdup(size);
}

/* What begins in a chunk that several places share: it is called by one that holds it by itself, if there is one. */
static char *shared_sentence(struct writer *writer, const struct snapshot *snapshot, const struct suspect *suspect, const char *keeps,
			     const char *through)
{
	const struct graph *graph = &snapshot->graph;
	const struct chunks *chunks = &snapshot->heap.chunks;
	_cleanup_free_ char *place = place_label(&graph->roots, suspect->place), *size = chunk_phrase(writer, snapshot, suspect->start);
	// A name in the program's own language is nearer to where it all is than one of its beginning.
	owner_id holder = graph->owners.of && suspect->point != VERTEX_NONE ? graph->owners.of[suspect->point] : OWNER_NONE;
	bool is_direct, is_held = holder != OWNER_NONE && owner_is_holder(&graph->roots, &graph->owners.v.v[holder]);
	_cleanup_free_ char *label = is_held ? owner_label(&graph->roots, &graph->owners.v.v[holder]) : shared_label(snapshot, suspect->start, &is_direct);
	_cleanup_free_ char *point = NULL;

	if (suspect->point != suspect->start) {
		_cleanup_free_ char *own = chunk_phrase(writer, snapshot, suspect->point);

		point = xasprintf(" through the chunk 0x%" PRIxVADDR " of %s", chunks->mem[suspect->point], own);
	}
	if (label)
		return xasprintf("%s keeps %s%s%s%s. Other places lead to 0x%" PRIxVADDR " of %s, too.", label, keeps, point ? point : "", through ? ", most of it in " : "",
				 through ? through : "", chunks->mem[suspect->start], size);
	return xasprintf("The chunk 0x%" PRIxVADDR " of %s, which several places of %s share, keeps %s%s%s%s.", chunks->mem[suspect->start], size, place,
			 keeps, point ? point : "", through ? ", most of it in " : "", through ? through : "");
}

/* What a suspect fans out to: «4,092 x struct session of 56 B», «a chunk of 2.00 MiB». Owner: the caller. */
static char *children_phrase(struct writer *writer, const struct snapshot *snapshot, const struct suspect *suspect)
{
	struct suspect_children children = suspect_children(snapshot, suspect);
	_cleanup_free_ char *size = children.usable ? size_text(writer, children.usable) : NULL;
	const char *name = children.label ? snapshot->types.labels.v[children.label].name : NULL, *of = size ? " of " : "";
	char count[TEXT_NUMBER_MAX];

	text_count(count, children.count);
	if (children.count == 1)
		return name ? xasprintf("one %s%s%s", name, of, size ? size : "") : xasprintf("a chunk%s%s", of, size ? size : "");
	return name ? xasprintf("%s x %s%s%s", count, name, of, size ? size : "") : xasprintf("%s chunks%s%s", count, of, size ? size : "");
}

static char *suspect_sentence(struct writer *writer, const struct snapshot *snapshot, const struct suspect *suspect)
{
	const struct graph *graph = &snapshot->graph;
	uint64_t total = graph->dominators.retained[vertex_top(&graph->dominators)];
	_cleanup_free_ char *place = place_label(&graph->roots, suspect->place), *keeps = amount(writer, suspect->retained, total);
	_cleanup_free_ char *children = children_phrase(writer, snapshot, suspect), *where = suspect_place(snapshot, suspect), *through = NULL, *point = NULL;

	if (suspect->point == VERTEX_NONE && suspect->is_shared) {
		vertex_id above = suspect->place == PLACE_NONE ? vertex_top(&graph->dominators) : vertex_of_place(&graph->dominators, suspect->place);
		const struct kinds by_size = { .chunks = &snapshot->heap.chunks };
		_cleanup_free_ char *sharers = sharers_text(&by_size, snapshot, above, suspect->child_usable);

		return xasprintf("%s is in %s that several places of %s share%s%s.", keeps, children, place,
				 !sharers				? ""
				 : strncmp(sharers, "by way of ", 10) ? ": "
								      : ", ",
				 sharers ? sharers : "");
	}
	if (suspect->child_count)
		through = xasprintf("%s%s", children, where);
	if (suspect->point != VERTEX_NONE) {
		_cleanup_free_ char *own = chunk_phrase(writer, snapshot, suspect->point);

		point = xasprintf("0x%" PRIxVADDR " of %s", snapshot->heap.chunks.mem[suspect->point], own);
		if (suspect->is_shared)
			return shared_sentence(writer, snapshot, suspect, keeps, through);
		return xasprintf("%s keeps %s: through the chunk %s%s%s.", place, keeps, point, through ? ", which holds " : "", through ? through : "");
	}
	return xasprintf("%s keeps %s%s%s.", place, keeps, through ? " through " : "", through ? through : "");
}

void print_suspects(struct writer *writer, const struct snapshot *snapshot)
{
	static const struct column columns[] = {
		{ .key = "retained" },
		{ .key = "place" },
		{ .key = "shared" },
		{ .key = "point" },
		{ .key = "child_size" },
		{ .key = "child_count" },
		{ .key = "child_retained" },
		{ .key = "offset" },
		{ .key = "sentence" },
	};
	static const struct table table = { .key = "suspects", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	const suspect_array *suspects = &snapshot->graph.suspects;

	if (suspects->n)
		writer_print(writer, STYLE_BOLD, "Suspects\n");
	if (writer_options(writer)->format != FORMAT_TEXT)
		writer_table_begin(writer, &table);
	for (size_t i = 0; i < suspects->n; i++) {
		const struct suspect *suspect = &suspects->v[i];
		_cleanup_free_ char *sentence = suspect_sentence(writer, snapshot, suspect), *escaped = text_escape(sentence, strlen(sentence));
		_cleanup_free_ char *place = place_label(&snapshot->graph.roots, suspect->place);

		if (writer_options(writer)->format == FORMAT_TEXT) {
			print_paragraph(writer, 2, escaped);
			continue;
		}
		writer_row(writer, (struct value[]){
					   value_bytes(suspect->retained),
					   value_text(place),
					   value_flag(suspect->is_shared),
					   suspect->point != VERTEX_NONE ? value_address(snapshot->heap.chunks.mem[suspect->point]) : value_none(),
					   suspect->child_count ? value_number(suspect->child_usable) : value_none(),
					   value_count(suspect->child_count),
					   value_bytes(suspect->child_retained),
					   suspect->n_offsets ? value_number(suspect->offset) : value_none(),
					   value_text(sentence),
				   });
	}
	if (writer_options(writer)->format != FORMAT_TEXT)
		writer_table_end(writer);
	if (suspects->n)
		writer_print(writer, STYLE_PLAIN, "\n");
}
