/* SPDX-License-Identifier: MIT */
#include "report/print_report.h"

#include "base/alloc.h"
#include "base/text.h"
#include "report/hints.h"
#include "report/size_label.h"
#include "report/summary.h"

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

static void print_sizes(struct writer *writer, const struct histogram *histogram)
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
	static const struct table table = { .key = "sizes",
					    .columns = columns,
					    .n_columns = sizeof(columns) / sizeof(columns[0]),
					    .is_main = true };
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

void print_report(struct writer *writer, const struct snapshot *snapshot,
		  const struct report_options *options)
{
	struct histogram histogram;
	hint_array hints;

	histogram_compute(&snapshot->heap.chunks, &options->histogram, &histogram);
	print_head(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_account(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_verdict(writer, snapshot);
	print_beyond(writer, snapshot);
	if (snapshot->heap.allocators.n &&
	    !(snapshot->foreign_allocator && !snapshot->heap.chunks.n))
		print_sizes(writer, &histogram);
	// Where nothing can be listed, the modules are what is left to look at.
	bool partial = snapshot->foreign_allocator || !snapshot->heap.allocators.n;

	print_modules(writer, snapshot, partial ? options->lines : 0);
	print_trouble(writer, snapshot, options->lines);
	hints_report(snapshot, &histogram, options->target, &hints);
	if (!options->quiet)
		hints_print(writer, &hints);
	hints_deinit(&hints);
	histogram_deinit(&histogram);
}
