/* SPDX-License-Identifier: MIT */
#include "report/print_diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/hints.h"
#include "report/paragraph.h"
#include "report/print_growth.h"
#include "report/size_label.h"

enum {
	/** Sizes that are named as never shrinking. */
	NEVER_MAX = 8,
	/** Owners that text shows. */
	OWNERS_MAX = 8,
	/** Types that it shows. */
	LABELS_MAX = 12,
};

static char *escaped(const char *string)
{
	return string ? text_escape(string, strlen(string)) : xstrdup("?");
}

static const struct diff_side *first_side(const struct diff *diff)
{
	return &diff->sides.v[0];
}

static const struct diff_side *last_side(const struct diff *diff)
{
	return &diff->sides.v[diff->sides.n - 1];
}

/* ---- the snapshots ---- */

static void print_sides(struct writer *writer, const struct diff *diff)
{
	static const struct column columns[] = {
		{ .key = "target", .title = "snapshot" },
		{ .key = "name", .title = "program" },
		{ .key = "pid", .title = "pid", .flags = COLUMN_RIGHT },
		{ .key = "time", .title = "time" },
		{ .key = "kind" },
		{ .key = "in_use_chunks", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "in_use_bytes", .title = "in use", .flags = COLUMN_RIGHT },
		{ .key = "system_bytes" },
		{ .key = "resident_bytes" },
		{ .key = "exact", .title = "exact" },
		{ .key = "foreign_allocator" },
	};
	static const struct table table = { .key = "snapshots",
					    .columns = columns,
					    .n_columns = sizeof(columns) / sizeof(columns[0]) };

	writer_table_begin(writer, &table);
	for (size_t i = 0; i < diff->sides.n; i++) {
		const struct diff_side *side = &diff->sides.v[i];

		writer_row(writer,
			   (struct value[]){
				   value_text(side->label),
				   value_text(side->name),
				   side->pid ? value_number((uint64_t)side->pid) : value_none(),
				   value_time(side->time),
				   value_word(side->kind == SNAPSHOT_LIVE ? "live" : "core"),
				   value_count(side->totals.count[CHUNK_IN_USE]),
				   value_bytes(side->totals.bytes[CHUNK_IN_USE]),
				   value_bytes(side->system_bytes),
				   value_known_bytes(side->resident),
				   value_flag(side->exact),
				   value_text(side->foreign_allocator),
			   });
	}
	writer_table_end(writer);
}

/* «3 days», «1 h 20 min», «42 s». */
static char *time_between(int64_t seconds)
{
	int64_t minutes = seconds / 60, hours = minutes / 60;

	if (hours >= 48)
		return xasprintf("%lld days %lld h", (long long)(hours / 24),
				 (long long)(hours % 24));
	if (hours)
		return xasprintf("%lld h %lld min", (long long)hours, (long long)(minutes % 60));
	if (minutes >= 5)
		return xasprintf("%lld min", (long long)minutes);
	return xasprintf("%lld s", (long long)seconds);
}

/* Before anything else is said. */
static void print_warning(struct writer *writer, const struct diff *diff)
{
	if (diff->relation != DIFF_OTHER_PROGRAM || writer_options(writer)->format != FORMAT_TEXT)
		return;

	_cleanup_free_ char *warning = xasprintf("WARNING: these are different programs, and the "
						 "comparison means little (%s).",
						 diff->reason);

	print_paragraph(writer, 0, warning);
}

/* What the snapshots have to do with each other; NULL where print_warning() has told it. Owner: the caller. */
static char *relation_sentence(const struct diff *diff, const char *between)
{
	switch (diff->relation) {
	case DIFF_SAME_RUN:
		return xasprintf("%s apart, in one run (%s).", between, diff->reason);
	case DIFF_SAME_ADDRESSES:
		return xasprintf("%s apart, in one run as it seems (%s).", between, diff->reason);
	case DIFF_OTHER_RUN:
		return xasprintf("Two runs of the program, compared by size and not by address (%s).",
				 diff->reason);
	case DIFF_OTHER_BUILD:
		return xasprintf("Two builds of the program, compared by size and not by address (%s).",
				 diff->reason);
	case DIFF_OTHER_PROGRAM:
	case DIFF_RELATIONS:
		break;
	}
	return NULL;
}

static void print_relation(struct writer *writer, const struct diff *diff)
{
	int64_t seconds = last_side(diff)->time - first_side(diff)->time;
	_cleanup_free_ char *between = time_between(seconds < 0 ? -seconds : seconds);

	writer_group_begin(writer, "comparison");
	writer_field(writer, "relation", value_word(diff_relation_name(diff->relation)));
	writer_field(writer, "reason", value_word(diff->reason));
	writer_field(writer, "by_address", value_flag(diff_is_one_run(diff)));
	writer_field(writer, "seconds", value_integer(seconds));
	writer_group_end(writer);

	if (writer_options(writer)->format != FORMAT_TEXT)
		return;

	_cleanup_free_ char *sentence = relation_sentence(diff, between);

	if (sentence) {
		writer_print(writer, STYLE_PLAIN, "\n");
		print_paragraph(writer, 0, sentence);
	}
	if (diff_is_one_run(diff) && seconds < 0)
		writer_print(writer, STYLE_BAD,
			     "The first was taken after the last: what grew here became less.\n");
	for (size_t i = 0; i < diff->sides.n; i++) {
		_cleanup_free_ char *label = escaped(diff->sides.v[i].label);

		if (diff->sides.v[i].foreign_allocator)
			writer_print(
				writer, STYLE_BAD,
				"Of %s only glibc's part is compared: its malloc is another.\n",
				label);
		else if (!diff->sides.v[i].exact)
			writer_print(writer, STYLE_BAD,
				     "%s is NOT exact; heapsnap report %s says why.\n", label,
				     label);
	}
}

/* ---- the account ---- */

static void account_row(struct writer *writer, const char *key, const char *title, uint64_t before,
			uint64_t now)
{
	bool known = before != UINT64_MAX && now != UINT64_MAX;

	writer_row(writer,
		   (struct value[]){
			   value_word(key),
			   value_word(title),
			   value_known_bytes(before),
			   value_known_bytes(now),
			   known ? value_bytes_change((int64_t)(now - before)) : value_none(),
		   });
}

static void print_change_of_account(struct writer *writer, const struct diff *diff)
{
	static const struct column columns[] = {
		{ .key = "what" },
		{ .title = "malloc" },
		{ .key = "old_bytes", .title = "before", .flags = COLUMN_RIGHT },
		{ .key = "new_bytes", .title = "now", .flags = COLUMN_RIGHT },
		{ .key = "bytes_change", .title = "change", .flags = COLUMN_RIGHT },
	};
	static const struct table table = { .key = "account",
					    .columns = columns,
					    .n_columns = sizeof(columns) / sizeof(columns[0]) };
	const struct diff_side *first = first_side(diff), *last = last_side(diff);
	const struct heap_totals *a = &first->totals, *b = &last->totals;

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	account_row(writer, "in_use", "in use", a->bytes[CHUNK_IN_USE], b->bytes[CHUNK_IN_USE]);
	account_row(writer, "leaked", "  of that leaked", first->leaked_bytes, last->leaked_bytes);
	account_row(writer, "internal", "libc's own", a->bytes[CHUNK_INTERNAL],
		    b->bytes[CHUNK_INTERNAL]);
	account_row(writer, "free", "free", heap_totals_free(a), heap_totals_free(b));
	account_row(writer, "top", "top", a->bytes[CHUNK_TOP], b->bytes[CHUNK_TOP]);
	account_row(writer, "rest", "overhead", a->overhead + a->foreign + a->unwalked,
		    b->overhead + b->foreign + b->unwalked);
	account_row(writer, "system", "= from the system", first->system_bytes, last->system_bytes);
	account_row(writer, "resident", "resident, in all", first->resident, last->resident);
	writer_table_end(writer);
}

/* ---- the rows ---- */

static void size_row(struct writer *writer, const struct diff *diff, const struct growth *growth,
		     const struct growth_row *row, const char *label)
{
	bool known = diff->has_surviving;
	char trend[TREND_BYTES] = "";

	if (growth->steps > 2 && row->bytes && writer_options(writer)->format == FORMAT_TEXT)
		trend_text(trend, writer, row->bytes, growth->steps);
	writer_row(writer,
		   (struct value[]){
			   value_word(label),
			   value_number(row->min),
			   value_number(row->max),
			   value_count(row->sizes),
			   value_count(row->from.count),
			   value_count(row->to.count),
			   value_count_change(growth_count(row)),
			   value_bytes(row->from.bytes),
			   value_bytes(row->to.bytes),
			   value_bytes_change(growth_bytes(row)),
			   known ? value_count(row->to.count - row->surviving) : value_none(),
			   known ? value_count(row->from.count - row->surviving) : value_none(),
			   known ? value_count(row->surviving) : value_none(),
			   growth->steps > 2 ? value_flag(row->never_shrank) : value_none(),
			   growth->steps > 2 && row->kind ? value_word(growth_kind_name(row->kind))
							  : value_none(),
			   value_word(trend),
		   });
}

static void print_rows(struct writer *writer, const struct diff *diff, const struct growth *growth, bool is_main)
{
	bool text = writer_options(writer)->format == FORMAT_TEXT, has_trend = growth->steps > 2;
	const struct column columns[] = {
		{ .title = "usable size", .flags = COLUMN_RIGHT },
		{ .key = "min_size" },
		{ .key = "max_size" },
		{ .key = "sizes" },
		{ .key = "old_count", .title = "before", .flags = COLUMN_RIGHT },
		{ .key = "new_count", .title = "now", .flags = COLUMN_RIGHT },
		{ .key = "count_change", .title = "change", .flags = COLUMN_RIGHT },
		{ .key = "old_bytes" },
		{ .key = "new_bytes" },
		{ .key = "bytes_change", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "made",
		  .title = diff->has_surviving ? "new" : NULL,
		  .flags = COLUMN_RIGHT },
		{ .key = "freed",
		  .title = diff->has_surviving ? "freed" : NULL,
		  .flags = COLUMN_RIGHT },
		{ .key = "surviving" },
		{ .key = "never_shrank" },
		{ .key = "growth", .title = has_trend ? "grew" : NULL },
		{ .title = has_trend ? "trend" : NULL },
	};
	const struct table table = { .key = "sizes",
				     .columns = columns,
				     .n_columns = sizeof(columns) / sizeof(columns[0]),
				     .is_main = is_main };

	if (growth->rows.n)
		writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < growth->rows.n; i++) {
		const struct growth_row *row = &growth->rows.v[i];
		_cleanup_free_ char *label = text ? size_label(writer, row->min, row->max) : NULL;

		size_row(writer, diff, growth, row, label);
	}
	// What is left out is a row too: the table adds up.
	if (text && growth->rest_rows) {
		_cleanup_free_ char *label = xasprintf("%zu more row%s", growth->rest_rows,
						       growth->rest_rows == 1 ? "" : "s");

		size_row(writer, diff, growth, &growth->rest, label);
	}
	if (text && growth->unchanged.sizes && growth->rows.n)
		size_row(writer, diff, growth, &growth->unchanged, "unchanged");
	writer_table_end(writer);
}

static void print_totals(struct writer *writer, const struct diff *diff,
			 const struct growth *growth)
{
	const struct growth_row *total = &growth->total;
	// With a minimal size the total has not all of it.
	bool known = diff->has_surviving;
	uint64_t made = total->to.count - total->surviving,
		 freed = total->from.count - total->surviving;
	char new_count[TEXT_NUMBER_MAX], freed_count[TEXT_NUMBER_MAX], old_count[TEXT_NUMBER_MAX];

	writer_group_begin(writer, "sizes_total");
	writer_field(writer, "old_count", value_count(total->from.count));
	writer_field(writer, "new_count", value_count(total->to.count));
	writer_field(writer, "count_change", value_count_change(growth_count(total)));
	writer_field(writer, "old_bytes", value_bytes(total->from.bytes));
	writer_field(writer, "new_bytes", value_bytes(total->to.bytes));
	writer_field(writer, "bytes_change", value_bytes_change(growth_bytes(total)));
	writer_field(writer, "grown_bytes", value_bytes(growth->grown));
	writer_field(writer, "shrunk_bytes", value_bytes(growth->shrunk));
	writer_field(writer, "made", known ? value_count(made) : value_none());
	writer_field(writer, "freed", known ? value_count(freed) : value_none());
	writer_field(writer, "surviving", known ? value_count(total->surviving) : value_none());
	writer_group_end(writer);
	if (!known || writer_options(writer)->format != FORMAT_TEXT)
		return;

	_cleanup_free_ char *text = xasprintf(
		"%s chunk%s new, %s %s freed, %s survived (one that was freed, and whose address "
		"was given out again for the same "
		"size, counts as surviving).",
		text_count(new_count, made), made == 1 ? " is" : "s are",
		text_count(freed_count, freed), freed == 1 ? "was" : "were",
		text_count(old_count, total->surviving));

	writer_print(writer, STYLE_PLAIN, "\n");
	print_paragraph(writer, 0, text);
}

/* What leaked between the first and the last. */
static void print_leaked(struct writer *writer, const struct diff *diff)
{
	bool known = diff->has_leaks;
	char made[TEXT_NUMBER_MAX], since[TEXT_NUMBER_MAX];

	writer_group_begin(writer, "leaked");
	writer_field(writer, "new_count",
		     known ? value_count(diff->leaked_new.count) : value_none());
	writer_field(writer, "new_bytes",
		     known ? value_bytes(diff->leaked_new.bytes) : value_none());
	writer_field(writer, "since_count",
		     known ? value_count(diff->leaked_since.count) : value_none());
	writer_field(writer, "since_bytes",
		     known ? value_bytes(diff->leaked_since.bytes) : value_none());
	writer_group_end(writer);
	if (!known || writer_options(writer)->format != FORMAT_TEXT)
		return;

	_cleanup_free_ char *made_bytes = writer_format_value(writer,
							      value_bytes(diff->leaked_new.bytes));
	_cleanup_free_ char *since_bytes = writer_format_value(
		writer, value_bytes(diff->leaked_since.bytes));
	_cleanup_free_ char *text = NULL;

	text_count(made, diff->leaked_new.count);
	text_count(since, diff->leaked_since.count);
	if (!diff->leaked_new.count && !diff->leaked_since.count)
		text = xstrdup("Nothing leaked meanwhile.");
	else if (!diff->leaked_since.count)
		text = xasprintf("Leaked meanwhile: %s of the new ones (%s).", made, made_bytes);
	else
		text = xasprintf("Leaked meanwhile: %s of the new ones (%s), and %s that survived "
				 "but were held before (%s).",
				 made, made_bytes, since, since_bytes);
	print_paragraph(writer, 0, text);
}

/* Which rows only ever grew: of more than two snapshots. */
static void print_never_shrank(struct writer *writer, const struct growth *growth)
{
	_cleanup_free_ char *list = xstrdup("");
	size_t named = 0, n = 0;

	for (size_t i = 0; i < growth->rows.n; i++) {
		const struct growth_row *row = &growth->rows.v[i];

		if (!row->never_shrank || growth_bytes(row) <= 0 || n++ >= NEVER_MAX)
			continue;

		_cleanup_free_ char *label = size_label(writer, row->min, row->max);
		char *longer = xasprintf("%s%s%s", list, named++ ? ", " : "", label);

		free(list);
		list = longer;
	}
	if (growth->steps <= 2)
		return;
	if (!n)
		writer_print(writer, STYLE_PLAIN, "No row grew without shrinking in between.\n");
	else if (n > named)
		writer_print(writer, STYLE_PLAIN, "Never shrank: %s and %zu more.\n", list,
			     n - named);
	else
		writer_print(writer, STYLE_PLAIN, "Never shrank: %s.\n", list);
}

/* Bytes of each row at each step, for programs: text has the trend. */
static void print_series(struct writer *writer, const struct growth *growth)
{
	static const struct column columns[] = { { .key = "min_size" },
						 { .key = "max_size" },
						 { .key = "snapshot" },
						 { .key = "bytes" } };
	static const struct table table = { .key = "series", .columns = columns, .n_columns = 4 };

	if (growth->steps <= 2)
		return;
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < growth->rows.n; i++)
		for (size_t step = 0; step < growth->steps; step++)
			writer_row(writer, (struct value[]){
						   value_number(growth->rows.v[i].min),
						   value_number(growth->rows.v[i].max),
						   value_number(step),
						   value_bytes(growth->rows.v[i].bytes[step]),
					   });
	writer_table_end(writer);
}

void print_diff(struct writer *writer, const struct diff *diff, const struct diff_options *options)
{
	struct growth_options rows = options->growth,
			      causes = { .mode = GROWTH_FOLDED, .only_changed = true };
	struct growth growth, explained;
	// What text shows is what CSV is: types, where there are any and sizes were not asked for.
	bool types_are_main = diff->census.has_labels && !options->wants_sizes, shows_sizes;

	rows.from = causes.from = 0;
	rows.to = causes.to = diff->sides.n - 1;
	rows.surviving = diff->has_surviving ? &diff->surviving : NULL;
	causes.min_size = rows.min_size;
	growth_compute(&diff->census.sizes, &rows, &growth);
	growth_compute(&diff->census.sizes, &causes, &explained);
	shows_sizes = options->wants_sizes || !types_tell(&diff->census, rows.from, rows.to);
	print_warning(writer, diff);
	print_causes(writer, &explained, &diff->census, rows.from, rows.to, rows.min_size);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_sides(writer, diff);
	print_relation(writer, diff);
	print_change_of_account(writer, diff);
	print_types(writer, "types", &diff->census, rows.from, rows.to, OWNERS_MAX);
	print_labels(writer, "chunk_types", types_are_main, &diff->census, diff->has_surviving ? &diff->surviving_labels : NULL, rows.from, rows.to, LABELS_MAX);
	// Types say more than sizes; both are more than a screen has room for.
	if (shows_sizes || writer_options(writer)->format != FORMAT_TEXT)
		print_rows(writer, diff, &growth, !types_are_main);
	print_owners(writer, "owners", &diff->census, rows.from, rows.to, OWNERS_MAX);
	print_totals(writer, diff, &growth);
	print_leaked(writer, diff);
	if (shows_sizes)
		print_never_shrank(writer, &growth);
	print_series(writer, &growth);
	growth_deinit(&growth);
	growth_deinit(&explained);
}

void print_diff_hints(struct writer *writer, const struct diff *diff)
{
	_cleanup_free_ char *target = text_shell_word(last_side(diff)->label);
	hint_array hints;

	hints_growth(&diff->census, 0, diff->sides.n - 1, target, &hints);
	hints_print(writer, &hints);
	hints_deinit(&hints);
}
