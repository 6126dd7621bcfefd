/* SPDX-License-Identifier: MIT */
#include "report/hints.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/graph_text.h"

enum { ROWS_HINTED = 20 };

static void add(hint_array *hints, const char *command, char *arguments, const char *reason)
{
	array_append(hints, (struct hint){ command, arguments, reason });
}

/* Offsets that came without debug information would come with it. */
static bool wants_doctor(const struct snapshot *snapshot)
{
	const struct heap *heap = &snapshot->heap;

	if (snapshot->foreign_allocator || !heap_is_exact(heap))
		return true;
	for (size_t i = 0; i < heap->allocators.n; i++)
		if (heap->allocators.v[i].offsets &&
		    strcmp(heap->allocators.v[i].name, "pymalloc") && !strstr(heap->allocators.v[i].offsets, "DWARF"))
			return true;
	return false;
}

static bool is_typed(const struct snapshot *snapshot, chunk_id chunk)
{
	return snapshot->types.is_built && snapshot->types.labels.v[snapshot->types.label[chunk]].is_type;
}

/* «TARGET BEFORE'struct conn'»: a label as an argument. Owner: the caller. */
static char *label_arguments(const struct snapshot *snapshot, const char *target, const char *before, label_id label)
{
	_cleanup_free_ char *word = text_shell_word(snapshot->types.labels.v[label].name);

	return xasprintf("%s %s%s", target, before, word);
}

/* «TARGET 'struct conn'», of a Python object «TARGET py:list»: the type as why is asked for it. Owner: the caller. */
static char *type_arguments(const struct snapshot *snapshot, const char *target, label_id label, chunk_id example)
{
	bool is_object = python_is_known(&snapshot->python) && example != CHUNK_NONE && snapshot->python.role[example] == PY_OBJECT;
	_cleanup_free_ char *name = xasprintf("%s%s", is_object ? "py:" : "", snapshot->types.labels.v[label].name), *word = text_shell_word(name);

	return xasprintf("%s %s", target, word);
}

void hints_report(const struct snapshot *snapshot, const struct histogram *histogram, label_id first,
		  const char *target, hint_array *ret)
{
	const struct heap *heap = &snapshot->heap;
	uint64_t kept = heap_totals_free(&heap->totals);

	*ret = (hint_array){ 0 };
	if (heap->chunks.n) {
		if (kept > heap->system_bytes / 8)
			add(ret, "arenas", xstrdup(target),
			    "where free memory sits and what pins it");
		if (first)
			add(ret, "report", label_arguments(snapshot, target, "--type ", first), "one of these types by itself");
		if (snapshot->types.is_built) {
			add(ret, "list", xasprintf("%s -s size -n 20", target), "the largest chunks");
		} else if (histogram->rows.n) {
			const struct histogram_row *row = &histogram->rows.v[0];

			if (row->min == row->max)
				add(ret, "list",
				    xasprintf("%s --min-size %" PRIu64 " --max-size %" PRIu64 "%s",
					      target, row->min, row->max,
					      row->count > ROWS_HINTED ? " -n 20" : ""),
				    "the addresses behind the first row");
			else
				add(ret, "list", xasprintf("%s -s size -n 20", target),
				    "the largest chunks");
		}
		if (kept <= heap->system_bytes / 8)
			add(ret, "arenas", xstrdup(target), "memory by arena and by thread");
	}
	if (heap->chunks.n) {
		add(ret, "top", xstrdup(target), "who keeps how much");
		add(ret, "leaks", xstrdup(target), "what nothing points to any more");
		if (snapshot->kind == SNAPSHOT_LIVE && snapshot->pid && !strncmp(target, "-p ", 3))
			add(ret, "watch", xasprintf("%s --interval 5 --count 12", target), "what grows within a minute, and who keeps that");
	}
	if (wants_doctor(snapshot))
		add(ret, "doctor", xstrdup(target), "what stands in the way of a better answer");
}

void hints_type(const struct snapshot *snapshot, label_id label, chunk_id example, const char *target, hint_array *ret)
{
	bool is_type = snapshot->types.labels.v[label].is_type;

	*ret = (hint_array){ 0 };
	add(ret, "why", label_arguments(snapshot, target, "", label), "who holds them");
	if (example != CHUNK_NONE)
		add(ret, "show", xasprintf("%s 0x%" PRIxVADDR "%s", target, snapshot->heap.chunks.mem[example], is_type ? "" : " --contents"),
		    is_type ? "the first of them, field by field" : "the bytes of the first of them");
	add(ret, "list", label_arguments(snapshot, target, "--type ", label), "all of them, one row each");
}

void hints_why_chunks(const struct snapshot *snapshot, label_id label, chunk_id example, const char *target, hint_array *ret)
{
	*ret = (hint_array){ 0 };
	if (label)
		add(ret, "report", label_arguments(snapshot, target, "--type ", label), "their sizes, evidence, members, and where they are allocated");
	if (example != CHUNK_NONE)
		add(ret, "show", xasprintf("%s 0x%" PRIxVADDR, target, snapshot->heap.chunks.mem[example]), "one of them");
}

void hints_leaks(const struct snapshot *snapshot, chunk_id example, const char *target, hint_array *ret)
{
	*ret = (hint_array){ 0 };
	if (example != CHUNK_NONE)
		add(ret, "show", xasprintf("%s 0x%" PRIxVADDR " --contents", target, snapshot->heap.chunks.mem[example]),
		    "what the first of them holds");
	else
		add(ret, "top", xstrdup(target), "who keeps how much");
	if (snapshot->graph.reach.count[REACH_POSSIBLE])
		add(ret, "list", xasprintf("%s --format csv | grep ,possible,", target), "what is possibly leaked");
	if (wants_doctor(snapshot))
		add(ret, "doctor", xstrdup(target), "what stands in the way of a better answer");
}

void hints_why(const struct snapshot *snapshot, chunk_id chunk, bool has_more, const char *target, hint_array *ret)
{
	const struct chunks *chunks = &snapshot->heap.chunks;

	*ret = (hint_array){ 0 };
	if (reach_is_leaked(&snapshot->graph.reach, chunk)) {
		add(ret, "show", xasprintf("%s 0x%" PRIxVADDR " --contents", target, chunks->mem[chunk]), "what it holds");
		add(ret, "leaks", xstrdup(target), "all that nothing points to any more");
		return;
	}
	add(ret, "show", xasprintf("%s 0x%" PRIxVADDR, target, chunks->mem[chunk]), "all that it holds, and what it keeps");
	if (is_typed(snapshot, chunk))
		add(ret, "why", label_arguments(snapshot, target, "", snapshot->types.label[chunk]), "who holds all chunks of its type");
	else
		add(ret, "why", xasprintf("%s %" PRIu64, target, chunk_usable(chunks, chunk)), "who holds all chunks of its size");
	if (has_more)
		add(ret, "why", xasprintf("%s 0x%" PRIxVADDR " -k 10", target, chunks->mem[chunk]), "more chains");
}

void hints_show(const struct snapshot *snapshot, chunk_id chunk, const char *target, hint_array *ret)
{
	vaddr mem = snapshot->heap.chunks.mem[chunk];

	*ret = (hint_array){ 0 };
	if (snapshot->graph.reach.kind[chunk] == REACH_DIRECT)
		add(ret, "leaks", xstrdup(target), "all that nothing points to any more");
	else if (snapshot->graph.reach.kind[chunk] != REACH_NONE)
		add(ret, "why", xasprintf("%s 0x%" PRIxVADDR " -k 10", target, mem), "further ways from roots to it");
	if (!snapshot->contents.n)
		add(ret, "show", xasprintf("%s 0x%" PRIxVADDR " --contents", target, mem), "its words, too");
}

/* The chunk that a suspect leads to, CHUNK_NONE when there is none. */
static chunk_id suspect_chunk(const struct snapshot *snapshot)
{
	const suspect_array *suspects = &snapshot->graph.suspects;

	for (size_t i = 0; i < suspects->n; i++)
		if (suspects->v[i].point != VERTEX_NONE)
			return (chunk_id)suspects->v[i].point;
	return CHUNK_NONE;
}

void hints_top(const struct snapshot *snapshot, const char *target, hint_array *ret)
{
	const suspect_array *suspects = &snapshot->graph.suspects;
	chunk_id chunk = suspect_chunk(snapshot);
	struct suspect_children children = { 0, 0, 0, CHUNK_NONE };

	*ret = (hint_array){ 0 };
	if (suspects->n)
		children = suspect_children(snapshot, &suspects->v[0]);
	if (chunk != CHUNK_NONE)
		add(ret, "show", xasprintf("%s 0x%" PRIxVADDR, target, snapshot->heap.chunks.mem[chunk]), "where the first suspect's memory fans out");
	if (children.count > 1 && children.label)
		add(ret, "why", type_arguments(snapshot, target, children.label, children.example), "who holds the chunks it consists of");
	else if (children.count > 1)
		add(ret, "why", xasprintf("%s %" PRIu64, target, suspects->v[0].child_usable), "who holds the chunks it consists of");
	if (snapshot->graph.reach.leaks.n)
		add(ret, "leaks", xstrdup(target), "what nothing points to any more");
	if (wants_doctor(snapshot))
		add(ret, "doctor", xstrdup(target), "what stands in the way of a better answer");
}

void hints_arenas(const struct snapshot *snapshot, const char *target, hint_array *ret)
{
	*ret = (hint_array){ 0 };
	if (snapshot->heap.chunks.n) {
		add(ret, "report", xstrdup(target), "what is in use, by type");
		add(ret, "list", xasprintf("%s --all -s size -n 20", target),
		    "the largest chunks, free ones too");
	}
	if (wants_doctor(snapshot))
		add(ret, "doctor", xstrdup(target), "what stands in the way of a better answer");
}

/* Which of a series grew most, by bytes: an index of names. `tells` says of each whether it is worth asking about, NULL for all. SIZE_MAX for none. */
static size_t grew_most(const struct series *series, const bool *tells, size_t from, size_t to)
{
	size_t best = SIZE_MAX;
	int64_t most = 0;

	for (size_t row = 0; row < series->keys.n; row++) {
		size_t key = series->keys.v[row];
		int64_t change = (int64_t)(series_get(series, row, to).bytes - series_get(series, row, from).bytes);

		if (change > most && (!tells || tells[key])) {
			most = change;
			best = key;
		}
	}
	return best;
}

void hints_growth(const struct census *census, size_t from, size_t to, const char *target, hint_array *ret)
{
	size_t python = census->has_types ? grew_most(&census->types, NULL, from, to) : SIZE_MAX;
	size_t label = census->has_labels ? grew_most(&census->labels, census->label_tells.v, from, to) : SIZE_MAX;
	bool leaks = false;

	*ret = (hint_array){ 0 };
	if (python != SIZE_MAX) {
		_cleanup_free_ char *name = xasprintf("py:%s", census->type_names.v.v[python]), *word = text_shell_word(name);

		add(ret, "why", xasprintf("%s %s", target, word), "who holds what grew most, by name");
	} else if (label != SIZE_MAX) {
		_cleanup_free_ char *word = text_shell_word(census->label_names.v.v[label]);

		add(ret, "report", xasprintf("%s --type %s", target, word), "what grew most: where it is allocated, who keeps it");
		add(ret, "why", xasprintf("%s %s", target, word), "which members and variables hold it");
	}
	for (size_t row = 0; census->has_owners && row < census->owners.keys.n; row++)
		leaks |= census->owners.keys.v[row] == CENSUS_LEAKED && series_get(&census->owners, row, to).bytes > series_get(&census->owners, row, from).bytes;
	if (leaks)
		add(ret, "leaks", xstrdup(target), "what nothing points to any more");
	add(ret, "top", xstrdup(target), "who keeps how much");
}

void hints_print(struct writer *writer, const hint_array *hints)
{
	enum {
		/** A longer command pushes its reason to a line of its own. */
		COMMAND_MAX = 40,
		/** Where that begins, when it would be too long behind the commands. */
		INDENT = 4,
	};
	static const struct column columns[] = {
		{ .key = "command" },
		{ .key = "reason" },
	};
	static const struct table table = { .key = "hints", .columns = columns, .n_columns = 2 };
	size_t width = 0;

	writer_table_begin(writer, &table);
	for (size_t i = 0; i < hints->n; i++) {
		_cleanup_free_ char *line = xasprintf("heapsnap %s %s", hints->v[i].command,
						      hints->v[i].arguments);

		writer_row(writer,
			   (struct value[]){ value_text(line), value_word(hints->v[i].reason) });
		if (writer_width(line) <= COMMAND_MAX && writer_width(line) > width)
			width = writer_width(line);
	}
	writer_table_end(writer);

	if (hints->n) {
		writer_print(writer, STYLE_PLAIN, "\n");
		writer_print(writer, STYLE_BOLD, "Next\n");
	}
	for (size_t i = 0; i < hints->n; i++) {
		_cleanup_free_ char *line = xasprintf("heapsnap %s %s", hints->v[i].command,
						      hints->v[i].arguments);
		_cleanup_free_ char *escaped = text_escape(line, strlen(line));
		size_t length = writer_width(escaped), reason = writer_width(hints->v[i].reason);
		bool fits = 2 + width + 2 + reason <= writer_options(writer)->width;

		if (length <= width && fits)
			writer_print(writer, STYLE_PLAIN, "  %s%*s", escaped, (int)(width - length),
				     "");
		else
			writer_print(writer, STYLE_PLAIN, "  %s\n  %*s", escaped, fits ? (int)width : INDENT, "");
		writer_print(writer, STYLE_FAINT, "  %s\n", hints->v[i].reason);
	}
}

void hints_deinit(hint_array *hints)
{
	for (size_t i = 0; i < hints->n; i++)
		free(hints->v[i].arguments);
	array_deinit(hints);
}
