/* SPDX-License-Identifier: MIT */
#include "report/print_watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/hints.h"
#include "report/paragraph.h"
#include "report/print_growth.h"
#include "report/size_label.h"

enum {
	/** A series is thinned out when it has more steps. */
	STEPS_MAX = 512,
	/** Intervals that it takes to tell how something grew. */
	INTERVALS_MIN = 2,
};

static bool is_text(const struct watch *watch)
{
	return writer_options(watch->writer)->format == FORMAT_TEXT;
}

void watch_start(struct watch *watch, struct writer *writer, const struct watch_options *options,
		 const char *name, pid_t pid, uint64_t interval_ns)
{
	// For programs: every type that grew, or every size, of every round.
	static const struct column columns[] = {
		{ .key = "round" },	   { .key = "time" },
		{ .key = "size" },	   { .key = "count" },
		{ .key = "count_change" }, { .key = "bytes" },
		{ .key = "bytes_change" }, { .key = "bytes_change_in_all" },
		{ .key = "type" },
	};
	static const struct table table = {
		.key = "growth", .columns = columns, .n_columns = 9, .is_main = true
	};
	_cleanup_free_ char *escaped = name ? text_escape(name, strlen(name)) : xstrdup("?");

	*watch = (struct watch){ .writer = writer, .options = *options, .pid = pid, .last = SIZE_MAX };
	census_init(&watch->census);
	writer_field(writer, "name", value_text(name));
	writer_field(writer, "pid", value_number((uint64_t)pid));
	writer_field(writer, "interval_ms", value_duration(interval_ns));
	writer_print(writer, STYLE_BOLD, "%s, pid %d", escaped, (int)pid);
	writer_print(writer, STYLE_PLAIN, ", every %g s\n", (double)interval_ns / 1e9);
	// It stays open all the time.
	if (!is_text(watch))
		writer_table_begin(writer, &table);
	writer_flush(writer);
}

/* ---- a round ---- */

/* As text_rows(). */
static void program_rows(struct watch *watch, const struct growth *growth, char *const *names)
{
	for (size_t i = 0; i < growth->rows.n; i++) {
		const struct growth_row *row = &growth->rows.v[i];

		if (growth_bytes(row) <= 0)
			continue;
		writer_row(watch->writer,
			   (struct value[]){
				   value_number(watch->rounds.n),
				   value_time(watch->rounds.v[watch->rounds.n - 1].time),
				   names ? value_none() : value_number(row->min),
				   value_count(row->to.count),
				   value_count_change(growth_count(row)),
				   value_bytes(row->to.bytes),
				   value_bytes_change(growth_bytes(row)),
				   value_bytes_change((int64_t)(row->to.bytes - row->first.bytes)),
				   names ? value_text(names[row->min]) : value_none(),
			   });
	}
}

/* Rows by what they are called: `names` by key, NULL for sizes. */
static void text_rows(struct watch *watch, const struct growth *growth, char *const *names)
{
	const struct column columns[] = {
		{ .title = names ? "type" : "usable size", .flags = names ? 0 : COLUMN_RIGHT },
		{ .title = "chunks", .flags = COLUMN_RIGHT },
		{ .title = "change", .flags = COLUMN_RIGHT },
		{ .title = "bytes", .flags = COLUMN_RIGHT },
		{ .title = "change", .flags = COLUMN_RIGHT },
		{ .title = "in all", .flags = COLUMN_RIGHT },
	};
	const struct table table = { .columns = columns, .n_columns = 6 };
	size_t shown = 0;

	writer_table_begin(watch->writer, &table);
	for (size_t i = 0; i < growth->rows.n; i++) {
		const struct growth_row *row = &growth->rows.v[i];
		_cleanup_free_ char *label = names ? NULL : size_label(watch->writer, row->min, row->max);

		// What shrank is no news here.
		if (growth_bytes(row) <= 0)
			break;
		shown++;
		writer_row(watch->writer,
			   (struct value[]){
				   names ? value_text(names[row->min]) : value_word(label),
				   value_count(row->to.count),
				   value_count_change(growth_count(row)),
				   value_bytes(row->to.bytes),
				   value_bytes_change(growth_bytes(row)),
				   value_bytes_change((int64_t)(row->to.bytes - row->first.bytes)),
			   });
	}
	writer_table_end(watch->writer);
	if (!shown)
		writer_print(watch->writer, STYLE_FAINT, "nothing grew\n");
}

/* «15:26:00  18.4 MiB in 90,722 chunks (+2.88 MiB, +14,785); pause 5.5 ms». */
static void head_line(struct watch *watch, const struct watch_round *round,
		      const struct watch_round *before)
{
	struct writer *writer = watch->writer;
	_cleanup_free_ char *time = writer_format_value(writer, value_time(round->time));
	_cleanup_free_ char *bytes = writer_format_value(writer, value_bytes(round->bytes));
	_cleanup_free_ char *pause = writer_format_value(writer, value_duration(round->pause_ns));
	char count[TEXT_NUMBER_MAX];

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_print(writer, STYLE_BOLD, "%s  %s in %s chunk%s", time, bytes,
		     text_count(count, round->chunks), round->chunks == 1 ? "" : "s");
	if (before) {
		_cleanup_free_ char *bytes_change = writer_format_value(
			writer, value_bytes_change((int64_t)(round->bytes - before->bytes)));
		_cleanup_free_ char *count_change = writer_format_value(
			writer, value_count_change((int64_t)(round->chunks - before->chunks)));

		writer_print(writer, STYLE_BOLD, " (%s, %s)", bytes_change, count_change);
	}
	writer_print(writer, STYLE_PLAIN, "; pause %s", pause);
	if (!round->exact)
		writer_print(writer, STYLE_BAD, ", NOT exact");
	writer_print(writer, STYLE_PLAIN, "\n");
}

/* Programs get types whenever there are any, so that every round has the same; people where they say more than sizes. */
static bool shows_types(const struct watch *watch, size_t from, size_t to)
{
	return is_text(watch) ? types_tell(&watch->census, from, to) : watch->census.has_labels;
}

void watch_look(struct watch *watch, const struct snapshot *snapshot, const char *file)
{
	const struct heap *heap = &snapshot->heap;
	struct watch_round round = {
		.time = snapshot->time,
		.pause_ns = snapshot->pause_ns,
		.chunks = heap->totals.count[CHUNK_IN_USE],
		.bytes = heap->totals.bytes[CHUNK_IN_USE],
		.system_bytes = heap->system_bytes,
		.resident = snapshot_memory_total(snapshot).rss,
		.exact = heap_is_exact(heap),
		.file = file ? xstrdup(file) : NULL,
	};
	size_t before = watch->last;

	watch->last = watch->rounds.n;
	array_append(&watch->rounds, round);
	census_add(&watch->census, snapshot);
	if (is_text(watch))
		head_line(watch, &round, before == SIZE_MAX ? NULL : &watch->rounds.v[before]);
	if (watch->census.sizes.steps.n > 1) {
		struct growth_options options = {
			.mode = is_text(watch) ? GROWTH_FOLDED : GROWTH_EXACT,
			.order = GROWTH_BY_GROWTH,
			.limit = is_text(watch) ? watch->options.limit : 0,
			.min_size = watch->options.min_size,
			.only_changed = true,
			.from = watch->census.sizes.steps.n - 2,
			.to = watch->census.sizes.steps.n - 1,
		};
		// A least size is about sizes.
		bool by_type = !watch->options.min_size && shows_types(watch, options.from, options.to);
		char *const *names = by_type ? watch->census.label_names.v.v : NULL;
		struct growth growth;

		if (by_type)
			options.mode = GROWTH_EXACT;
		growth_compute(by_type ? &watch->census.labels : &watch->census.sizes, &options, &growth);
		if (is_text(watch))
			text_rows(watch, &growth, names);
		else
			program_rows(watch, &growth, names);
		growth_deinit(&growth);
	}
	// The last step stays the last.
	if (watch->census.sizes.steps.n > STEPS_MAX)
		census_thin(&watch->census);
	writer_flush(watch->writer);
}

void watch_skip(struct watch *watch, int64_t time, char *reason)
{
	_cleanup_free_ char *when = writer_format_value(watch->writer, value_time(time));

	array_append(
		&watch->rounds,
		(struct watch_round){ .time = time, .skipped = reason, .resident = UINT64_MAX });
	writer_print(watch->writer, STYLE_PLAIN, "\n");
	writer_print(watch->writer, STYLE_BOLD, "%s", when);
	writer_print(watch->writer, STYLE_PLAIN, "  no snapshot: %s\n", reason);
	writer_flush(watch->writer);
}

/* ---- the whole ---- */

static const char *end_name(enum watch_end end)
{
	static const char *const names[WATCH_ENDS] = {
		[WATCH_COMPLETE] = "complete",
		[WATCH_EXITED] = "exited",
		[WATCH_REPLACED] = "replaced",
		[WATCH_INTERRUPTED] = "interrupted",
	};

	assert((unsigned)end < WATCH_ENDS);
	return names[end];
}

static void print_rounds(struct watch *watch)
{
	static const struct column columns[] = {
		{ .key = "round" },	   { .key = "time" },		{ .key = "skipped" },
		{ .key = "pause_ms" },	   { .key = "in_use_chunks" },	{ .key = "in_use_bytes" },
		{ .key = "system_bytes" }, { .key = "resident_bytes" }, { .key = "exact" },
		{ .key = "file" },
	};
	static const struct table table = { .key = "rounds", .columns = columns, .n_columns = 10 };

	writer_table_begin(watch->writer, &table);
	for (size_t i = 0; i < watch->rounds.n; i++) {
		const struct watch_round *round = &watch->rounds.v[i];
		bool taken = !round->skipped;

		writer_row(watch->writer,
			   (struct value[]){
				   value_number(i + 1),
				   value_time(round->time),
				   value_text(round->skipped),
				   taken ? value_duration(round->pause_ns) : value_none(),
				   taken ? value_count(round->chunks) : value_none(),
				   taken ? value_bytes(round->bytes) : value_none(),
				   taken ? value_bytes(round->system_bytes) : value_none(),
				   value_known_bytes(round->resident),
				   taken ? value_flag(round->exact) : value_none(),
				   value_text(round->file),
			   });
	}
	writer_table_end(watch->writer);
}

static void print_whole(struct watch *watch, const struct growth *growth)
{
	bool text = is_text(watch), can_tell = growth->steps > INTERVALS_MIN;
	const struct column columns[] = {
		{ .title = "usable size", .flags = COLUMN_RIGHT },
		{ .key = "min_size" },
		{ .key = "max_size" },
		{ .key = "first_count" },
		{ .key = "last_count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "count_change", .title = "change", .flags = COLUMN_RIGHT },
		{ .key = "first_bytes" },
		{ .key = "last_bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "bytes_change", .title = "change", .flags = COLUMN_RIGHT },
		{ .key = "never_shrank" },
		{ .key = "growth", .title = can_tell ? "grew" : NULL },
		{ .title = can_tell ? "trend" : NULL },
	};
	const struct table table = { .key = "sizes",
				     .columns = columns,
				     .n_columns = sizeof(columns) / sizeof(columns[0]) };

	if (growth->rows.n)
		writer_print(watch->writer, STYLE_PLAIN, "\n");
	writer_table_begin(watch->writer, &table);
	for (size_t i = 0; i < growth->rows.n; i++) {
		const struct growth_row *row = &growth->rows.v[i];
		_cleanup_free_ char *label = text ? size_label(watch->writer, row->min, row->max)
						  : NULL;
		char trend[TREND_BYTES];

		writer_row(watch->writer,
			   (struct value[]){
				   value_word(label),
				   value_number(row->min),
				   value_number(row->max),
				   value_count(row->from.count),
				   value_count(row->to.count),
				   value_count_change(growth_count(row)),
				   value_bytes(row->from.bytes),
				   value_bytes(row->to.bytes),
				   value_bytes_change(growth_bytes(row)),
				   value_flag(row->never_shrank),
				   can_tell && row->kind ? value_word(growth_kind_name(row->kind))
							 : value_none(),
				   value_word(trend_text(trend, watch->writer, row->bytes,
							 growth->steps)),
			   });
	}
	writer_table_end(watch->writer);
}

/* The rows of each way of growing, and what that way is a sign of. */
static void print_kinds(struct watch *watch, const struct growth *growth)
{
	static const char *const signs[GROWTH_KINDS] = {
		[GROWTH_NONE] = NULL,
		[GROWTH_STEADILY] = "a leak does this, and so does what is kept for ever",
		[GROWTH_AT_TIMES] = "under some activity only",
		[GROWTH_ONCE] = "a pool or a cache that was filled, if it stays so",
		[GROWTH_UP_AND_DOWN] = "it is given back in between",
	};

	writer_print(watch->writer, STYLE_PLAIN, "\n");
	for (unsigned kind = 0; kind < GROWTH_KINDS; kind++) {
		_cleanup_free_ char *list = NULL;
		uint64_t bytes = 0;

		for (size_t i = 0; i < growth->rows.n; i++) {
			const struct growth_row *row = &growth->rows.v[i];

			if (row->kind != kind || growth_bytes(row) <= 0)
				continue;

			_cleanup_free_ char *label = size_label(watch->writer, row->min, row->max);
			char *longer = xasprintf("%s%s%s", list ? list : "", list ? ", " : "",
						 label);

			free(list);
			list = longer;
			bytes += (uint64_t)growth_bytes(row);
		}
		if (!list || !signs[kind])
			continue;

		_cleanup_free_ char *change = writer_format_value(
			watch->writer, value_bytes_change((int64_t)bytes));
		_cleanup_free_ char *line = xasprintf("Grew %s (%s; %s): %s.",
						      growth_kind_name((enum growth_kind)kind),
						      change, signs[kind], list);

		print_paragraph(watch->writer, 0, line);
	}
}

/* «Leaks steadily», «Held and growing»: what the way in which something grows says of who keeps it. */
static char *verdict(const struct watch *watch, const struct growth_row *row, const char *change)
{
	_cleanup_free_ char *name = census_owner_label(&watch->census, row->min);
	const char *how = growth_kind_name(row->kind);

	if (row->min == CENSUS_LEAKED) {
		if (row->kind == GROWTH_AT_TIMES)
			return xasprintf("Leaks under some activity only: %s.", change);
		// What is leaked does not come back, but a stale pointer may hold it for a while.
		if (row->kind == GROWTH_UP_AND_DOWN)
			return xasprintf("Leaks, with ups and downs: %s.", change);
		return xasprintf("Leaks %s: %s.", how, change);
	}

	_cleanup_free_ char *escaped = text_escape(name, strlen(name));

	if (row->kind == GROWTH_ONCE)
		return xasprintf("Grew once, and may be a cache or a pool: %s (%s).", escaped,
				 change);
	if (row->kind == GROWTH_UP_AND_DOWN)
		return xasprintf("Goes up and down: %s (%s).", escaped, change);
	return xasprintf("Held and growing, %s: %s (%s). It is reachable and %s shrinks: no leak "
			 "by definition, but it grows "
			 "like one.",
			 how, escaped, change, row->never_shrank ? "never" : "hardly");
}

/* Of the owners that grew, those with a part of it that is worth a line. */
static void print_verdicts(struct watch *watch)
{
	static const double PART = 0.02;
	struct growth_options options = { .mode = GROWTH_EXACT,
					  .order = GROWTH_BY_GROWTH,
					  .only_changed = true,
					  .to = watch->census.owners.steps.n - 1 };
	struct growth growth;

	growth_compute(&watch->census.owners, &options, &growth);
	if (growth.rows.n)
		writer_print(watch->writer, STYLE_PLAIN, "\n");
	for (size_t i = 0; i < growth.rows.n; i++) {
		const struct growth_row *row = &growth.rows.v[i];

		if (growth_bytes(row) <= 0 ||
		    (double)growth_bytes(row) < PART * (double)growth.grown)
			break;

		_cleanup_free_ char *change = writer_format_value(
			watch->writer, value_bytes_change(growth_bytes(row)));
		_cleanup_free_ char *text = verdict(watch, row, change);

		print_paragraph(watch->writer, 0, text);
	}
	growth_deinit(&growth);
}

static void print_end(struct watch *watch, enum watch_end end)
{
	static const char *const sentences[WATCH_ENDS] = {
		[WATCH_COMPLETE] = "",
		[WATCH_EXITED] = "The process has ended. ",
		[WATCH_REPLACED] = "The process has become another program. ",
		[WATCH_INTERRUPTED] = "",
	};
	size_t skipped = 0;
	int64_t seconds = watch->rounds.n ? watch->rounds.v[watch->rounds.n - 1].time -
						    watch->rounds.v[0].time
					  : 0;

	for (size_t i = 0; i < watch->rounds.n; i++)
		skipped += watch->rounds.v[i].skipped != NULL;
	writer_print(watch->writer, STYLE_PLAIN, "\n%s%zu snapshot%s in %lld s", sentences[end],
		     watch->rounds.n - skipped, watch->rounds.n - skipped == 1 ? "" : "s",
		     (long long)seconds);
	if (skipped)
		writer_print(watch->writer, STYLE_PLAIN, ", %zu left out", skipped);
	writer_print(watch->writer, STYLE_PLAIN, ".\n");
}

/* What to ask next: of the process while there is one, else of the last snapshot that was kept. */
static void print_next(struct watch *watch, enum watch_end end)
{
	const char *file = watch->rounds.v[watch->last].file;
	bool is_there = end == WATCH_COMPLETE || end == WATCH_INTERRUPTED;
	_cleanup_free_ char *target = is_there ? xasprintf("-p %d", (int)watch->pid) : file ? text_shell_word(file) : NULL;
	hint_array hints = { 0 };

	if (watch->options.quiet)
		return;
	if (target)
		hints_growth(&watch->census, 0, watch->census.sizes.steps.n - 1, target, &hints);
	hints_print(watch->writer, &hints);
	hints_deinit(&hints);
}

void watch_finish(struct watch *watch, enum watch_end end)
{
	size_t steps = watch->census.sizes.steps.n;

	if (!is_text(watch))
		writer_table_end(watch->writer);
	writer_field(watch->writer, "ended", value_word(end_name(end)));
	print_rounds(watch);
	print_end(watch, end);
	if (steps < 2)
		return;

	struct growth_options options = {
		.mode = is_text(watch) ? GROWTH_FOLDED : GROWTH_EXACT,
		.order = GROWTH_BY_GROWTH,
		.limit = is_text(watch) ? watch->options.limit : 0,
		.min_size = watch->options.min_size,
		.only_changed = true,
		.to = steps - 1,
	};
	struct growth growth, explained;

	growth_compute(&watch->census.sizes, &options, &growth);
	options.mode = GROWTH_FOLDED;
	options.limit = 0;
	growth_compute(&watch->census.sizes, &options, &explained);
	print_causes(watch->writer, &explained, &watch->census, 0, steps - 1,
		     options.min_size);
	print_labels(watch->writer, "chunk_types", false, &watch->census, NULL, 0, steps - 1, watch->options.limit);
	if (!is_text(watch) || watch->options.min_size || !types_tell(&watch->census, 0, steps - 1))
		print_whole(watch, &growth);
	print_types(watch->writer, "types", &watch->census, 0, steps - 1, watch->options.limit);
	print_owners(watch->writer, "owners", &watch->census, 0, steps - 1, watch->options.limit);
	if (growth.steps > INTERVALS_MIN && watch->census.has_owners)
		print_verdicts(watch);
	else if (growth.steps > INTERVALS_MIN)
		print_kinds(watch, &growth);
	print_next(watch, end);
	growth_deinit(&growth);
	growth_deinit(&explained);
}

void watch_deinit(struct watch *watch)
{
	for (size_t i = 0; i < watch->rounds.n; i++) {
		free(watch->rounds.v[i].skipped);
		free(watch->rounds.v[i].file);
	}
	array_deinit(&watch->rounds);
	census_deinit(&watch->census);
}
