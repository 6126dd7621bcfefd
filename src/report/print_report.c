/* SPDX-License-Identifier: MIT */
#include "report/print_report.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/hints.h"
#include "report/size_label.h"
#include "report/summary.h"
#include "report/type_rows.h"

static void size_row(struct writer *writer, const struct histogram_row *row,
		     const struct histogram_row *total, uint64_t so_far, const char *label)
{
	writer_row(writer, (struct value[]){
				   value_word(label),
				   value_number(row->min),
				   value_number(row->max),
				   value_count(row->sizes),
				   value_count(row->count),
				   value_bytes(row->bytes),
				   value_share(row->bytes, total->bytes),
				   value_share(so_far, total->bytes),
				   value_share(row->bytes, total->bytes),
			   });
}

void print_sizes(struct writer *writer, const struct histogram *histogram, bool is_main)
{
	static const struct column columns[] = {
		{ .title = "usable size", .flags = COLUMN_RIGHT },
		{ .key = "min_size" },
		{ .key = "max_size" },
		{ .key = "sizes" },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "cumulative_share", .title = "so far", .flags = COLUMN_RIGHT },
		{ .title = "", .flags = COLUMN_BAR },
	};
	const struct table table = { .key = "sizes", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]), .is_main = is_main };
	const struct histogram_row *total = &histogram->total;
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	uint64_t so_far = 0;

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < histogram->rows.n; i++) {
		const struct histogram_row *row = &histogram->rows.v[i];
		_cleanup_free_ char *label = text ? size_label(writer, row->min, row->max) : NULL;

		so_far += row->bytes;
		size_row(writer, row, total, so_far, label);
	}
	// What the limit left out is a row too: the table adds up.
	if (text && histogram->rest_rows) {
		_cleanup_free_ char *label = xasprintf("%zu more row%s", histogram->rest_rows,
						       histogram->rest_rows == 1 ? "" : "s");

		size_row(writer, &histogram->rest, total, so_far + histogram->rest.bytes, label);
	}
	writer_table_end(writer);

	writer_group_begin(writer, "sizes_total");
	writer_field(writer, "count", value_count(total->count));
	writer_field(writer, "bytes", value_bytes(total->bytes));
	writer_field(writer, "below_min_size_count", value_count(histogram->below.count));
	writer_field(writer, "below_min_size_bytes", value_bytes(histogram->below.bytes));
	writer_group_end(writer);
	if (!total->count)
		writer_print(writer, STYLE_PLAIN, "No chunk in use%s.\n",
			     histogram->below.count ? " is as large" : "");
	if (histogram->below.count) {
		_cleanup_free_ char *bytes = writer_prose_bytes(writer, histogram->below.bytes);
		char count[TEXT_NUMBER_MAX];

		writer_print(writer, STYLE_FAINT, "(left out as smaller: %s in %s chunk%s)\n",
			     bytes, text_count(count, histogram->below.count),
			     histogram->below.count == 1 ? "" : "s");
	}
}

static void type_row_print(struct writer *writer, const struct types *types, const struct type_row *row, const struct type_row *total, const char *label)
{
	bool is_place = row->evidence == EVIDENCE_ROLE;

	writer_row(writer, (struct value[]){
				   label ? value_word(label) : value_text(types->labels.v[row->label].name),
				   value_count(row->count),
				   value_bytes(row->bytes),
				   value_share(row->bytes, total->bytes),
				   value_known_bytes(row->retained),
				   label || !row->confidence ? value_none() : value_confidence(row->confidence),
				   label || is_place ? value_none() : value_word(type_evidence_name(row->evidence)),
				   label || !row->owner || is_place ? value_none() : value_text(types->labels.v[row->owner].name),
				   label ? value_none() : value_number(row->min),
				   label ? value_none() : value_number(row->max),
			   });
}

/* Which modules have no types to be known by. */
static void print_undescribed(struct writer *writer, const struct types *types)
{
	enum { NAMED = 3 };
	_cleanup_free_ char *names = xstrdup("");

	if (!types->undescribed.n)
		return;
	for (size_t i = 0; i < types->undescribed.n && i < NAMED; i++) {
		const char *module = types->undescribed.v[i].module;
		_cleanup_free_ char *name = text_escape(module, strlen(module));
		char *longer = xasprintf("%s%s%s", names, i ? ", " : "", name);

		free(names);
		names = longer;
	}
	if (types->undescribed.n > NAMED)
		writer_print(writer, STYLE_FAINT, "Debug information would name more: %s and %zu more modules have none.\n", names, types->undescribed.n - NAMED);
	else
		writer_print(writer, STYLE_FAINT, "Debug information would name more: %s %s none.\n", names, types->undescribed.n == 1 ? "has" : "have");

	// What it would tell, and how to get it: of the first, from which most hangs.
	const struct undescribed *first = &types->undescribed.v[0];
	_cleanup_free_ char *name = text_escape(first->module, strlen(first->module)), *bytes = writer_prose_bytes(writer, first->bytes);
	char count[TEXT_NUMBER_MAX];

	if (first->chunks && first->remedy)
		writer_print(writer, STYLE_FAINT, "That of %s would tell of %s chunk%s (%s): %s.\n", name, text_count(count, first->chunks), first->chunks == 1 ? "" : "s",
			     bytes, first->remedy);
}

static void print_types(struct writer *writer, const struct types *types, const struct type_rows *rows)
{
	bool has_retained = rows->v.n && rows->v.v[0].retained != UINT64_MAX;
	const struct column columns[] = {
		{ .key = "type", .title = "type" },
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "retained", .title = has_retained ? "retained" : NULL, .flags = COLUMN_RIGHT },
		{ .key = "confidence", .title = "sure", .flags = COLUMN_RIGHT },
		{ .key = "evidence", .title = "by" },
		{ .key = "owner", .title = "most of them" },
		{ .key = "min_size" },
		{ .key = "max_size" },
	};
	const struct table table = { .key = "types", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]), .is_main = true };
	bool text = writer_options(writer)->format == FORMAT_TEXT;

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < rows->v.n; i++)
		type_row_print(writer, types, &rows->v.v[i], &rows->total, NULL);
	if (text && rows->rest_rows) {
		_cleanup_free_ char *label = xasprintf("%zu more row%s", rows->rest_rows, rows->rest_rows == 1 ? "" : "s");

		type_row_print(writer, types, &rows->rest, &rows->total, label);
	}
	writer_table_end(writer);
	writer_group_begin(writer, "types_total");
	writer_field(writer, "count", value_count(rows->total.count));
	writer_field(writer, "bytes", value_bytes(rows->total.bytes));
	writer_field(writer, "named_count", value_count(rows->named.count));
	writer_field(writer, "named_bytes", value_bytes(rows->named.bytes));
	writer_group_end(writer);
	if (!rows->total.count)
		writer_print(writer, STYLE_PLAIN, "No chunk in use%s.\n", rows->below.count ? " is as large" : "");
	if (rows->below.count) {
		_cleanup_free_ char *bytes = writer_prose_bytes(writer, rows->below.bytes);
		char count[TEXT_NUMBER_MAX];

		writer_print(writer, STYLE_FAINT, "(left out as smaller: %s in %s chunk%s)\n", bytes, text_count(count, rows->below.count),
			     rows->below.count == 1 ? "" : "s");
	}
	print_undescribed(writer, types);
}

/* The label of the first row that is a type, and not just bytes; 0 for none. */
static label_id first_type(const struct types *types, const struct type_rows *rows)
{
	for (size_t i = 0; i < rows->v.n; i++) {
		const struct chunk_label *label = &types->labels.v[rows->v.v[i].label];

		if (label->is_type && strcmp(label->name, "char[]") != 0)
			return rows->v.v[i].label;
	}
	return 0;
}

void print_report(struct writer *writer, const struct snapshot *snapshot,
		  const struct report_options *options)
{
	struct histogram histogram;
	hint_array hints;
	label_id first = 0;

	histogram_compute(&snapshot->heap.chunks, &options->histogram, &histogram);
	print_head(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_account(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_verdict(writer, snapshot);
	print_beyond(writer, snapshot);
	if (snapshot->heap.allocators.n &&
	    !(snapshot->foreign_allocator && !snapshot->heap.chunks.n)) {
		bool has_types = snapshot->types.is_built;

		if (has_types) {
			struct type_rows rows;

			type_rows_compute(snapshot, &options->histogram, &rows);
			print_types(writer, &snapshot->types, &rows);
			first = first_type(&snapshot->types, &rows);
			type_rows_deinit(&rows);
		}
		// Programs have both.
		if (!has_types || writer_options(writer)->format == FORMAT_JSON)
			print_sizes(writer, &histogram, !has_types);
	}
	// Where nothing can be listed, the modules are what is left to look at.
	bool partial = snapshot->foreign_allocator || !snapshot->heap.allocators.n;

	print_modules(writer, snapshot, partial ? options->lines : 0);
	print_trouble(writer, snapshot, options->lines);
	hints_report(snapshot, &histogram, first, options->target, &hints);
	if (!options->quiet)
		hints_print(writer, &hints);
	hints_deinit(&hints);
	histogram_deinit(&histogram);
}
