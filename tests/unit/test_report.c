/* SPDX-License-Identifier: MIT */
/*
 * Whole reports of hand-made snapshots, compared with tests/golden/NAME.out byte for byte. UPDATE_GOLDEN=1 in the environment (or 'make
 * update-golden') writes these files anew; the difference is then for the reviewer.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "golden.h"
#include "report/hints.h"
#include "report/print_arenas.h"
#include "report/print_list.h"
#include "report/print_report.h"
#include "snapshot_builder.h"
#include "unit.h"
#include "written.h"

static const struct writer_options as_text = { .format = FORMAT_TEXT };
static const struct writer_options as_terminal = { .format = FORMAT_TEXT,
						   .is_terminal = true,
						   .has_color = true,
						   .has_utf8 = true,
						   .width = 100 };
static const struct writer_options as_narrow = {
	.format = FORMAT_TEXT, .is_terminal = true, .width = 60, .plain_bytes = true
};
static const struct writer_options as_json = { .format = FORMAT_JSON };
static const struct writer_options as_csv = { .format = FORMAT_CSV };

static void report(struct writer *writer, const struct snapshot *snapshot)
{
	print_report(writer, snapshot,
		     &(struct report_options){
			     .histogram = { .limit = 16 }, .lines = 10, .target = "-p 4711" });
}

static void report_by_count(struct writer *writer, const struct snapshot *snapshot)
{
	print_report(writer, snapshot,
		     &(struct report_options){
			     .histogram = { .mode = HISTOGRAM_EXACT, .order = HISTOGRAM_BY_COUNT, .limit = 3, .min_size = 50 },
			     .lines = 10,
			     .target = "-p 4711",
			     .quiet = true });
}

static void arenas(struct writer *writer, const struct snapshot *snapshot)
{
	print_arenas(writer, snapshot,
		     &(struct arenas_options){ .limit = 12, .lines = 10, .target = "-p 4711" });
}

static void arenas_two_rows(struct writer *writer, const struct snapshot *snapshot)
{
	print_arenas(writer, snapshot,
		     &(struct arenas_options){ .order = ARENAS_BY_INDEX,
					       .limit = 1,
					       .lines = 10,
					       .target = "-p 4711",
					       .quiet = true });
}

static void list_large(struct writer *writer, const struct snapshot *snapshot)
{
	struct list_options options = { .order = LIST_BY_SIZE,
					.limit = 8,
					.max_size = UINT64_MAX,
					.states = ~0u,
					.kinds = ~0u };

	ck_assert_uint_eq(print_list(writer, snapshot, &options), 8);
}

static void list_free(struct writer *writer, const struct snapshot *snapshot)
{
	struct list_options options = { .min_size = 50,
					.max_size = UINT64_MAX,
					.limit = 10,
					.states = ~(1u << CHUNK_IN_USE | 1u << CHUNK_INTERNAL),
					.kinds = 1u << CHUNK_HEAP };

	ck_assert_uint_eq(print_list(writer, snapshot, &options), 10);
}

START_TEST(reports)
{
	prints("report", sample_snapshot, report, as_text);
	prints("report-terminal", sample_snapshot, report, as_terminal);
	prints("report-narrow", sample_snapshot, report, as_narrow);
	prints("report-json", sample_snapshot, report, as_json);
	prints("report-csv", sample_snapshot, report, as_csv);
	prints("report-by-count", sample_snapshot, report_by_count, as_text);
}
END_TEST

START_TEST(reports_of_damage)
{
	prints("report-damaged", damaged_snapshot, report, as_text);
	prints("report-damaged-json", damaged_snapshot, report, as_json);
}
END_TEST

START_TEST(reports_of_other_allocators)
{
	prints("report-foreign", foreign_snapshot, report, as_text);
	prints("report-unknown", unknown_snapshot, report, as_text);
	prints("report-foreign-json", foreign_snapshot, report, as_json);
	prints("arenas-foreign", foreign_snapshot, arenas, as_text);
}
END_TEST

START_TEST(arena_reports)
{
	prints("arenas", sample_snapshot, arenas, as_text);
	prints("arenas-limit", sample_snapshot, arenas_two_rows, as_text);
	prints("arenas-json", sample_snapshot, arenas, as_json);
	prints("arenas-csv", sample_snapshot, arenas, as_csv);
}
END_TEST

START_TEST(lists)
{
	prints("list", sample_snapshot, list_large, as_text);
	prints("list-json", sample_snapshot, list_large, as_json);
	prints("list-csv", sample_snapshot, list_large, as_csv);
	prints("list-free", sample_snapshot, list_free, as_csv);
}
END_TEST

static uint64_t list_rows(const struct snapshot *snapshot, const struct list_options *options)
{
	struct writer *writer = write_in_memory(as_csv);

	writer_begin(writer, "test");

	uint64_t rows = print_list(writer, snapshot, options);
	_cleanup_free_ char *text = written(writer);
	uint64_t lines = 0;

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_eq(lines, rows + 1);
	return rows;
}

START_TEST(lists_filter)
{
	struct snapshot snapshot;

	sample_snapshot(&snapshot);

	const struct heap_totals *totals = &snapshot.heap.totals;
	struct list_options all = { .max_size = UINT64_MAX, .states = ~0u, .kinds = ~0u };
	uint64_t every = 0;

	for (unsigned state = 0; state < CHUNK_STATES; state++) {
		struct list_options one = all;

		one.states = 1u << state;
		ck_assert_uint_eq(list_rows(&snapshot, &one), totals->count[state]);
		every += totals->count[state];
	}
	ck_assert_uint_eq(list_rows(&snapshot, &all), every);
	all.order = LIST_BY_SIZE;
	ck_assert_uint_eq(list_rows(&snapshot, &all), every);
	all.limit = 7;
	ck_assert_uint_eq(list_rows(&snapshot, &all), 7);
	all.limit = 0;
	all.kinds = 1u << CHUNK_MMAPPED;
	ck_assert_uint_eq(list_rows(&snapshot, &all), 1);
	all.kinds = 1u << CHUNK_PYMALLOC;
	ck_assert_uint_eq(list_rows(&snapshot, &all), 0);
	all.kinds = ~0u;
	all.min_size = all.max_size = 1032;
	ck_assert_uint_eq(list_rows(&snapshot, &all), 300);
	all.min_size = 0;
	all.max_size = UINT64_MAX;
	// 300 chunks, libc's own and the top; nothing that is a mapping of its own.
	all.has_arenas = true;
	array_append(&all.arenas, 1);
	ck_assert_uint_eq(list_rows(&snapshot, &all), 302);
	all.order = LIST_BY_ADDRESS;
	ck_assert_uint_eq(list_rows(&snapshot, &all), 302);
	array_deinit(&all.arenas);
	snapshot_deinit(&snapshot);
}
END_TEST

UNIT_SUITE("report", reports, reports_of_damage, reports_of_other_allocators, arena_reports, lists,
	   lists_filter)
