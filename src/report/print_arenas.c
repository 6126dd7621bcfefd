/* SPDX-License-Identifier: MIT */
#include "report/print_arenas.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/hints.h"
#include "report/pins.h"
#include "report/summary.h"

/* Free memory between the chunks in use, as a part of both: 0 is dense. */
static struct value fragmentation(const struct heap_totals *totals)
{
	uint64_t free = heap_totals_free(totals);

	return value_share(free,
			   free + totals->bytes[CHUNK_IN_USE] + totals->bytes[CHUNK_INTERNAL]);
}

static char *arena_label(const struct heap *heap, uint32_t index)
{
	return heap->arenas.v[index].is_pymalloc ? xasprintf("%" PRIu32 " pymalloc", index)
	       : heap->arenas.v[index].is_main	 ? xasprintf("%" PRIu32 " main", index)
						 : xasprintf("%" PRIu32, index);
}

/* ---- orders ---- */

struct entry {
	uint64_t key;
	uint32_t index;
};

typedef ARRAY(struct entry) entry_array;

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->key != b->key)
		return a->key > b->key ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static void entries_sort(entry_array *entries)
{
	if (entries->n)
		qsort(entries->v, entries->n, sizeof(*entries->v), compare_entries);
}

static uint64_t order_key(enum arenas_order order, uint64_t bytes, const struct heap_totals *totals)
{
	switch (order) {
	case ARENAS_BY_BYTES:
		return bytes;
	case ARENAS_BY_FREE:
		return heap_totals_free(totals);
	case ARENAS_BY_INDEX:
		break;
	}
	return 0;
}

/* How many of n rows are shown: text has a limit, the rest has none. */
static size_t shown(const struct writer *writer, size_t n, size_t limit)
{
	return writer_options(writer)->format == FORMAT_TEXT && limit && n > limit ? limit : n;
}

static void print_rest(struct writer *writer, size_t n, size_t limit, const char *what)
{
	size_t left = n - shown(writer, n, limit);

	if (left)
		writer_print(writer, STYLE_FAINT, "and %zu more %s%s (-n 0 shows all)\n", left,
			     what, left == 1 ? "" : "s");
}

/* ---- the tables ---- */

static void print_arena_table(struct writer *writer, const struct heap *heap,
			      const struct arenas_options *options)
{
	static const struct column columns[] = {
		{ .title = "arena" },
		{ .key = "arena" },
		{ .key = "address" },
		{ .key = "main" },
		{ .key = "allocator" },
		{ .key = "system_bytes", .title = "system", .flags = COLUMN_RIGHT },
		{ .key = "max_system_bytes" },
		{ .key = "in_use_bytes", .title = "in use", .flags = COLUMN_RIGHT },
		{ .key = "in_use_chunks" },
		{ .key = "free_bytes", .title = "free", .flags = COLUMN_RIGHT },
		{ .key = "top_bytes", .title = "top", .flags = COLUMN_RIGHT },
		{ .key = "overhead_bytes", .title = "overhead", .flags = COLUMN_RIGHT },
		{ .key = "fragmentation", .title = "frag", .flags = COLUMN_RIGHT },
		{ .key = "largest_free", .title = "largest", .flags = COLUMN_RIGHT },
		{ .key = "threads", .title = "thr", .flags = COLUMN_RIGHT },
		{ .key = "locked" },
	};
	static const struct table table = { .key = "arenas",
					    .columns = columns,
					    .n_columns = sizeof(columns) / sizeof(columns[0]),
					    .is_main = true };
	entry_array entries = { 0 };

	for (size_t i = 0; i < heap->arenas.n; i++)
		array_append(&entries, (struct entry){ order_key(options->order,
								 heap->arenas.v[i].system_bytes,
								 &heap->arenas.v[i].totals),
						       (uint32_t)i });
	entries_sort(&entries);
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < shown(writer, entries.n, options->limit); i++) {
		uint32_t index = entries.v[i].index;
		const struct heap_arena *arena = &heap->arenas.v[index];
		_cleanup_free_ char *label = arena_label(heap, index);

		writer_row(writer, (struct value[]){
					   value_word(label),
					   value_number(index),
					   value_address(arena->address),
					   value_flag(arena->is_main),
					   value_number(arena->allocator),
					   value_bytes(arena->system_bytes),
					   value_bytes(arena->max_system_bytes),
					   value_bytes(arena->totals.bytes[CHUNK_IN_USE]),
					   value_count(arena->totals.count[CHUNK_IN_USE]),
					   value_bytes(heap_totals_free(&arena->totals)),
					   value_bytes(arena->totals.bytes[CHUNK_TOP]),
					   value_bytes(arena->totals.overhead),
					   fragmentation(&arena->totals),
					   value_bytes(arena->largest_free),
					   value_count(arena->attached_threads),
					   value_flag(arena->locked),
				   });
	}
	// Chunks that are mappings of their own belong to no arena, but to the sum.
	uint64_t mappings = 0;

	for (size_t i = 0; i < heap->allocators.n; i++)
		mappings += heap->allocators.v[i].found_mmapped_bytes;
	if (writer_options(writer)->format == FORMAT_TEXT && mappings) {
		struct heap_totals rest = heap->totals;

		for (size_t i = 0; i < heap->arenas.n; i++) {
			rest.bytes[CHUNK_IN_USE] -= heap->arenas.v[i].totals.bytes[CHUNK_IN_USE];
			rest.overhead -= heap->arenas.v[i].totals.overhead;
		}
		writer_row(writer, (struct value[]){
					   value_word("mmapped"),
					   value_none(),
					   value_none(),
					   value_none(),
					   value_none(),
					   value_bytes(mappings),
					   value_none(),
					   value_bytes(rest.bytes[CHUNK_IN_USE]),
					   value_none(),
					   value_none(),
					   value_none(),
					   value_bytes(rest.overhead),
					   value_none(),
					   value_none(),
					   value_none(),
					   value_none(),
				   });
	}
	writer_table_end(writer);
	print_rest(writer, entries.n, options->limit, "arena");
	array_deinit(&entries);
}

static void print_bin_table(struct writer *writer, const struct heap *heap,
			    const struct arenas_options *options)
{
	static const struct column columns[] = {
		{ .title = "free in" },
		{ .key = "arena" },
		{ .key = "tcache_bytes", .title = "tcache", .flags = COLUMN_RIGHT },
		{ .key = "tcache_chunks" },
		{ .key = "fast_bytes", .title = "fast", .flags = COLUMN_RIGHT },
		{ .key = "fast_chunks" },
		{ .key = "unsorted_bytes", .title = "unsorted", .flags = COLUMN_RIGHT },
		{ .key = "unsorted_chunks" },
		{ .key = "small_bytes", .title = "small", .flags = COLUMN_RIGHT },
		{ .key = "small_chunks" },
		{ .key = "large_bytes", .title = "large", .flags = COLUMN_RIGHT },
		{ .key = "large_chunks" },
		{ .key = "unbinned_bytes", .title = "no bin", .flags = COLUMN_RIGHT },
		{ .key = "unbinned_chunks" },
	};
	struct column here[sizeof(columns) / sizeof(columns[0])];
	struct table table = { .key = "bins",
			       .columns = here,
			       .n_columns = sizeof(columns) / sizeof(columns[0]) };
	static const enum chunk_state states[] = { CHUNK_TCACHE, CHUNK_FAST,  CHUNK_UNSORTED,
						   CHUNK_SMALL,	 CHUNK_LARGE, CHUNK_FREE };
	entry_array entries = { 0 };

	for (size_t i = 0; i < heap->arenas.n; i++)
		if (heap_totals_free(&heap->arenas.v[i].totals))
			array_append(&entries,
				     (struct entry){
					     options->order == ARENAS_BY_INDEX
						     ? 0
						     : heap_totals_free(&heap->arenas.v[i].totals),
					     (uint32_t)i });
	entries_sort(&entries);
	// A kind of bin that holds nothing anywhere (or that this glibc does not have) needs no column.
	memcpy(here, columns, sizeof(columns));
	for (size_t j = 0; j < sizeof(states) / sizeof(states[0]); j++)
		if (!heap->totals.count[states[j]])
			here[2 + 2 * j].title = NULL;
	if (entries.n)
		writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < shown(writer, entries.n, options->limit); i++) {
		uint32_t index = entries.v[i].index;
		const struct heap_totals *totals = &heap->arenas.v[index].totals;
		_cleanup_free_ char *label = arena_label(heap, index);
		struct value values[sizeof(columns) / sizeof(columns[0])] = { value_word(label),
									      value_number(index) };

		for (size_t j = 0; j < sizeof(states) / sizeof(states[0]); j++) {
			values[2 + 2 * j] = value_bytes(totals->bytes[states[j]]);
			values[3 + 2 * j] = value_count(totals->count[states[j]]);
		}
		writer_row(writer, values);
	}
	writer_table_end(writer);
	print_rest(writer, entries.n, options->limit, "arena");
	array_deinit(&entries);
}

static void print_heap_table(struct writer *writer, const struct heap *heap,
			     const struct arenas_options *options)
{
	static const struct column columns[] = {
		{ .key = "start", .title = "start" },
		{ .key = "end" },
		{ .key = "kind", .title = "kind" },
		{ .title = "arena" },
		{ .key = "arena" },
		{ .key = "system_bytes", .title = "system", .flags = COLUMN_RIGHT },
		{ .key = "in_use_bytes", .title = "in use", .flags = COLUMN_RIGHT },
		{ .key = "free_bytes", .title = "free", .flags = COLUMN_RIGHT },
		{ .key = "top_bytes", .title = "top", .flags = COLUMN_RIGHT },
		{ .key = "overhead_bytes" },
		{ .key = "foreign_bytes" },
		{ .key = "unwalked_bytes" },
		{ .key = "fragmentation", .title = "frag", .flags = COLUMN_RIGHT },
	};
	static const struct table table = { .key = "heaps",
					    .columns = columns,
					    .n_columns = sizeof(columns) / sizeof(columns[0]) };
	entry_array entries = { 0 };

	for (size_t i = 0; i < heap->sources.n; i++)
		array_append(&entries, (struct entry){ order_key(options->order,
								 heap->sources.v[i].end -
									 heap->sources.v[i].start,
								 &heap->sources.v[i].totals),
						       (uint32_t)i });
	entries_sort(&entries);
	if (entries.n)
		writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < shown(writer, entries.n, options->limit); i++) {
		const struct heap_source *source = &heap->sources.v[entries.v[i].index];
		_cleanup_free_ char *label = arena_label(heap, source->arena);

		writer_row(writer,
			   (struct value[]){
				   value_address(source->start),
				   value_address(source->end),
				   value_word(heap->arenas.v[source->arena].is_pymalloc ? "pymalloc"
					      : source->kind == SOURCE_HEAP  ? "heap"
									     : "segment"),
				   value_word(label),
				   value_number(source->arena),
				   value_bytes(source->end - source->start),
				   value_bytes(source->totals.bytes[CHUNK_IN_USE]),
				   value_bytes(heap_totals_free(&source->totals)),
				   value_bytes(source->totals.bytes[CHUNK_TOP]),
				   value_bytes(source->totals.overhead),
				   value_bytes(source->totals.foreign),
				   value_bytes(source->totals.unwalked),
				   fragmentation(&source->totals),
			   });
	}
	writer_table_end(writer);
	print_rest(writer, entries.n, options->limit, "heap");
	array_deinit(&entries);
}

static void print_tcache_table(struct writer *writer, const struct snapshot *snapshot,
			       const struct arenas_options *options)
{
	static const struct column columns[] = {
		{ .key = "tid", .title = "thread", .flags = COLUMN_RIGHT },
		{ .key = "address" },
		{ .key = "chunks", .title = "cached chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "name", .title = "name" },
	};
	static const struct table table = { .key = "tcaches", .columns = columns, .n_columns = 5 };
	const struct heap *heap = &snapshot->heap;
	entry_array entries = { 0 };

	for (size_t i = 0; i < heap->tcaches.n; i++)
		array_append(&entries, (struct entry){ options->order == ARENAS_BY_INDEX
							       ? 0
							       : heap->tcaches.v[i].bytes,
						       (uint32_t)i });
	entries_sort(&entries);
	if (entries.n)
		writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < shown(writer, entries.n, options->limit); i++) {
		const struct heap_tcache *tcache = &heap->tcaches.v[entries.v[i].index];
		const char *name = tcache->tid ? snapshot_thread_name(snapshot, tcache->tid) : NULL;
		bool text = writer_options(writer)->format == FORMAT_TEXT;

		writer_row(writer,
			   (struct value[]){
				   tcache->tid ? value_number((uint64_t)tcache->tid) : value_none(),
				   value_address(tcache->address),
				   value_count(tcache->count),
				   value_bytes(tcache->bytes),
				   text && !tcache->tid ? value_word("(its thread is gone)")
							: value_text(name),
			   });
	}
	writer_table_end(writer);
	print_rest(writer, entries.n, options->limit, "thread");
	array_deinit(&entries);
}

/* ---- what pins memory ---- */

static void pins_fields(struct writer *writer, const struct snapshot *snapshot,
			const struct pins *pins)
{
	writer_group_begin(writer, "pins");
	writer_field(writer, "pinned_bytes", value_bytes(pins->pinned));
	writer_field(writer, "pinned_pages", value_count(pins->pages));
	writer_field(writer, "pinning_chunks", value_count(pins->chunks));
	writer_field(writer, "cached_bytes", value_bytes(pins->cached));
	writer_field(writer, "whole_pages_bytes", value_bytes(pins->whole));
	writer_field(writer, "trimmable_bytes", value_bytes(pins->trimmable));
	writer_field(writer, "trimmable_resident_bytes",
		     value_known_bytes(snapshot->trimmable_resident));
	writer_group_end(writer);
}

static void print_pins(struct writer *writer, const struct snapshot *snapshot,
		       const struct arenas_options *options)
{
	enum {
		SIZES_SHOWN = 5,
		PINNED_MIN = 64 * 1024,
	};
	static const struct column columns[] = {
		{ .key = "size", .title = "usable size", .flags = COLUMN_RIGHT },
		{ .key = "chunks", .title = "chunks that pin", .flags = COLUMN_RIGHT },
		{ .key = "pinned_bytes", .title = "free bytes pinned", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
	};
	static const struct table table = { .key = "pinning_sizes",
					    .columns = columns,
					    .n_columns = 4 };
	const struct heap *heap = &snapshot->heap;
	struct pins pins;
	size_t limit = options->limit && options->limit < SIZES_SHOWN ? options->limit
								      : SIZES_SHOWN;

	pins_compute(heap, snapshot->page_size, &pins);
	pins_fields(writer, snapshot, &pins);

	_cleanup_free_ char *pinned = writer_prose_bytes(writer, pins.pinned);
	_cleanup_free_ char *cached = writer_prose_bytes(writer, pins.cached);
	_cleanup_free_ char *whole = writer_prose_bytes(writer, pins.whole);
	_cleanup_free_ char *trimmable = writer_prose_bytes(writer, pins.trimmable);
	_cleanup_free_ char *resident = writer_prose_bytes(writer, snapshot->trimmable_resident);
	char pages[TEXT_NUMBER_MAX], chunks[TEXT_NUMBER_MAX];

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_print(writer, STYLE_BOLD, "Free memory, by what keeps it\n");
	writer_print(writer, STYLE_PLAIN, "  %s on %s page%s that %s chunk%s in use keep%s\n",
		     pinned, text_count(pages, pins.pages), pins.pages == 1 ? "" : "s",
		     text_count(chunks, pins.chunks), pins.chunks == 1 ? "" : "s",
		     pins.chunks == 1 ? "s" : "");
	if (pins.cached)
		writer_print(writer, STYLE_PLAIN,
			     "  %s on pages that thread caches keep (given back when their threads "
			     "end)\n",
			     cached);
	writer_print(writer, STYLE_PLAIN, "  %s on pages that nothing needs\n", whole);
	writer_print(writer, STYLE_PLAIN, "malloc_trim(0) would give back %s of it and of the top",
		     trimmable);
	if (snapshot->trimmable_resident != UINT64_MAX)
		writer_print(writer, STYLE_PLAIN, " (%s resident)", resident);
	writer_print(writer, STYLE_PLAIN, ".\n");

	// Who pins next to nothing is not worth a table to the eye.
	size_t rows = writer_options(writer)->format == FORMAT_TEXT && pins.pinned < PINNED_MIN
			      ? 0
			      : shown(writer, pins.sizes.n, limit);

	if (rows)
		writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < rows; i++) {
		uint64_t bytes = (uint64_t)(pins.sizes.v[i].bytes + 0.5);

		writer_row(writer, (struct value[]){
					   value_count(pins.sizes.v[i].usable),
					   value_count(pins.sizes.v[i].chunks),
					   value_bytes(bytes),
					   value_share(bytes, pins.pinned),
				   });
	}
	writer_table_end(writer);
	pins_deinit(&pins);
}

void print_arenas(struct writer *writer, const struct snapshot *snapshot,
		  const struct arenas_options *options)
{
	const struct heap *heap = &snapshot->heap;
	hint_array hints;

	print_head(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_account(writer, snapshot);
	if (snapshot->foreign_allocator || snapshot->runtime)
		writer_print(writer, STYLE_PLAIN, "\n");
	print_beyond(writer, snapshot);
	print_arena_table(writer, heap, options);
	print_bin_table(writer, heap, options);
	print_heap_table(writer, heap, options);
	print_tcache_table(writer, snapshot, options);
	if (heap->allocators.n)
		print_pins(writer, snapshot, options);
	print_trouble(writer, snapshot, options->lines);
	hints_arenas(snapshot, options->target, &hints);
	if (!options->quiet)
		hints_print(writer, &hints);
	hints_deinit(&hints);
}
