/* SPDX-License-Identifier: MIT */
/*
 * Diffs: which snapshots belong together, which chunks survive, and conditions on what changed.
 */
#include <string.h>

#include "base/cleanup.h"
#include "report/print_diff.h"
#include "snapshot/diff.h"
#include "snapshot/threshold.h"
#include "snapshot_builder.h"
#include "types_builder.h"
#include "unit.h"
#include "written.h"

static void set(char **member, const char *value)
{
	free(*member);
	*member = value ? xstrdup(value) : NULL;
}

static void live_snapshot(struct snapshot *snapshot)
{
	sample_snapshot(snapshot);
	set(&snapshot->name, "server");
	snapshot->start_ticks = 12345;
	set(&snapshot->boot_id, "7cf03989-af38-406f-b01c-56ecf8c6116a");
}

static void core_snapshot(struct snapshot *snapshot)
{
	live_snapshot(snapshot);
	snapshot->kind = SNAPSHOT_CORE;
	snapshot->start_ticks = 0;
	set(&snapshot->boot_id, NULL);
}

/* What a diff of two says; both are freed. */
static void relates(struct snapshot *a, struct snapshot *b, enum diff_relation relation,
		    const char *reason)
{
	struct diff diff;

	diff_init(&diff);
	diff_add(&diff, "a", a);
	ck_assert_ptr_null(diff.reason);
	diff_add(&diff, "b", b);
	ck_assert_msg(diff.relation == relation && strstr(diff.reason, reason) != NULL,
		      "%s (%s), not %s (%s)", diff_relation_name(diff.relation), diff.reason,
		      diff_relation_name(relation), reason);
	diff_survivors(&diff, a, b);
	ck_assert_int_eq(diff.has_surviving, relation <= DIFF_SAME_ADDRESSES);
	diff_deinit(&diff);
	snapshot_deinit(a);
	snapshot_deinit(b);
}

START_TEST(relations)
{
	struct snapshot a, b;

	live_snapshot(&a), live_snapshot(&b);
	relates(&a, &b, DIFF_SAME_RUN, "pid and start time are the same");
	live_snapshot(&a), live_snapshot(&b);
	b.start_ticks++;
	relates(&a, &b, DIFF_OTHER_RUN, "they began at other times");
	live_snapshot(&a), live_snapshot(&b);
	set(&b.boot_id, "00000000-af38-406f-b01c-56ecf8c6116a");
	relates(&a, &b, DIFF_OTHER_RUN, "they began at other times");
	live_snapshot(&a), live_snapshot(&b);
	b.pid++;
	relates(&a, &b, DIFF_OTHER_RUN, "they began at other times");
	// A program may start itself anew without a new pid.
	live_snapshot(&a), live_snapshot(&b);
	for (size_t i = 0; i < b.modules.n; i++)
		b.modules.v[i].start += 0x1000;
	relates(&a, &b, DIFF_OTHER_RUN, "the process started a program anew");
	// A core does not know when it began.
	live_snapshot(&a), core_snapshot(&b);
	relates(&a, &b, DIFF_SAME_ADDRESSES, "pid and addresses are the same");
	core_snapshot(&a), core_snapshot(&b);
	b.pid = 0;
	relates(&a, &b, DIFF_SAME_ADDRESSES, "addresses are the same");
	live_snapshot(&a), core_snapshot(&b);
	b.pid++;
	relates(&a, &b, DIFF_OTHER_RUN, "they have other pids");
	live_snapshot(&a), core_snapshot(&b);
	for (size_t i = 0; i < b.modules.n; i++)
		b.modules.v[i].start += 0x1000;
	relates(&a, &b, DIFF_OTHER_RUN, "their modules lie at other addresses");
	// A plugin that was loaded again is no other run.
	live_snapshot(&a), core_snapshot(&b);
	for (unsigned i = 0; i < 3; i++) {
		struct snapshot *both[] = { &a, &b };

		for (unsigned j = 0; j < 2; j++)
			array_append(
				&both[j]->modules,
				(struct snapshot_module){ .path = xasprintf("/lib/plugin%u.so", i),
							  .start = i ? 0x1000 * i : 0x9000 + j });
	}
	relates(&a, &b, DIFF_SAME_ADDRESSES, "pid and addresses are the same");
	live_snapshot(&a), live_snapshot(&b);
	set(&b.modules.v[0].build_id, "ff");
	relates(&a, &b, DIFF_OTHER_BUILD, "the same name but other build IDs");
	live_snapshot(&a), live_snapshot(&b);
	set(&b.modules.v[0].build_id, "ff");
	set(&b.modules.v[0].path, "/usr/sbin/other");
	set(&b.exe, "/usr/sbin/other");
	relates(&a, &b, DIFF_OTHER_PROGRAM, "other names and other build IDs");
	// A copy of the program elsewhere is the same program, as its build ID says; so is one without, by its name.
	live_snapshot(&a), core_snapshot(&b);
	set(&b.modules.v[0].path, "/tmp/copy");
	set(&b.exe, "/tmp/copy");
	relates(&a, &b, DIFF_SAME_ADDRESSES, "");
	live_snapshot(&a), live_snapshot(&b);
	set(&a.modules.v[0].build_id, NULL);
	relates(&a, &b, DIFF_SAME_RUN, "");
	live_snapshot(&a), live_snapshot(&b);
	set(&a.modules.v[0].build_id, NULL);
	set(&b.exe, "/usr/sbin/other");
	relates(&a, &b, DIFF_OTHER_PROGRAM, "other names");
	foreign_snapshot(&a), foreign_snapshot(&b);
	relates(&a, &b, DIFF_SAME_ADDRESSES, "");
	snapshot_init(&a), snapshot_init(&b);
	relates(&a, &b, DIFF_OTHER_PROGRAM, "");
}
END_TEST

START_TEST(the_worst_relation_counts)
{
	struct snapshot a, b, c;
	struct diff diff;

	live_snapshot(&a), live_snapshot(&b), live_snapshot(&c);
	b.start_ticks++;
	diff_init(&diff);
	diff_add(&diff, "a", &a);
	diff_add(&diff, "b", &b);
	diff_add(&diff, "c", &c);
	ck_assert_int_eq(diff.relation, DIFF_OTHER_RUN);
	ck_assert_str_eq(diff.reason, "they began at other times");
	ck_assert_uint_eq(diff.census.sizes.steps.n, 3);
	diff_deinit(&diff);
	snapshot_deinit(&a);
	snapshot_deinit(&b);
	snapshot_deinit(&c);
}
END_TEST

/* Survivors, counted one by one. */
START_TEST(survivors)
{
	srand(9);
	for (unsigned round = 0; round < 30; round++) {
		struct snapshot a, b;
		struct diff diff;
		uint64_t all = 0, of_104 = 0;
		vaddr mem = 0x10000;

		live_snapshot(&a), live_snapshot(&b);
		chunks_deinit(&a.heap.chunks);
		chunks_deinit(&b.heap.chunks);
		for (unsigned i = 0; i < 3000; i++, mem += 256) {
			uint64_t size = rand() % 4 ? 104 : 40, other = rand() % 5 ? size : 200;
			enum chunk_state before = rand() % 4 ? CHUNK_IN_USE : CHUNK_SMALL,
					 after = rand() % 4 ? CHUNK_IN_USE : CHUNK_TCACHE;
			bool is_in_a = rand() % 6, is_in_b = rand() % 6;

			if (is_in_a)
				chunks_add(&a.heap.chunks, mem, size, before, CHUNK_HEAP);
			if (is_in_b)
				chunks_add(&b.heap.chunks, mem, other, after, CHUNK_HEAP);
			if (is_in_a && is_in_b && size == other && before == CHUNK_IN_USE &&
			    after == CHUNK_IN_USE) {
				all++;
				of_104 += size == 104;
			}
		}
		chunks_seal(&a.heap.chunks);
		chunks_seal(&b.heap.chunks);
		diff_init(&diff);
		diff_add(&diff, "a", &a);
		diff_add(&diff, "b", &b);
		diff_survivors(&diff, &a, &b);
		ck_assert_uint_eq(diff.surviving_count, all);
		ck_assert_uint_eq(sizes_count(&diff.surviving, 104), of_104);
		ck_assert_uint_eq(sizes_count(&diff.surviving, 40), all - of_104);
		ck_assert_uint_eq(sizes_count(&diff.surviving, 16), 0);
		ck_assert_uint_eq(sizes_count(&diff.surviving, 1000001), 0);
		diff_deinit(&diff);
		snapshot_deinit(&a);
		snapshot_deinit(&b);
	}
}
END_TEST

static void is_no_condition(const char *text, const char *words)
{
	struct threshold threshold;
	struct error *error = threshold_parse(text, &threshold);

	ck_assert_msg(error != NULL, "%s is taken", text);
	ck_assert_int_eq(error->code, ERROR_USAGE);
	ck_assert_msg(strstr(error->message, words) != NULL, "%s", error->message);
	error_destroy(error);
}

static void judges(const struct diff *diff, const char *text, enum threshold_result expected,
		   int64_t change)
{
	struct threshold threshold;
	struct error *error = threshold_parse(text, &threshold);
	int64_t got;

	ck_assert_msg(error == NULL, "%s", error ? error->message : "");
	ck_assert_msg(threshold_judge(&threshold, diff, &got) == expected, "%s is judged %d", text,
		      (int)threshold_judge(&threshold, diff, &got));
	ck_assert_msg(got == change, "%s: %lld", text, (long long)got);
}

START_TEST(conditions)
{
	struct snapshot a, b;
	struct diff diff;

	is_no_condition("", "does not compare");
	is_no_condition(">5", "is about nothing that is known");
	is_no_condition("weight>1", "is about nothing that is known");
	is_no_condition("bytes", "does not compare");
	is_no_condition("bytes=5", "does not compare");
	is_no_condition("bytes>", "compares with no number");
	is_no_condition("bytes>x", "compares with no number");
	is_no_condition("bytes>5 or so", "compares with no number");
	is_no_condition("count>10k", "compares with no number");
	is_no_condition("bytes>%", "compares with no number");
	is_no_condition("bytes>1.5%", "compares with no number");
	is_no_condition("type: count>1", "names no type");
	is_no_condition("type:struct Conn leaked>1", "chooses from what cannot be chosen from");
	is_no_condition("size: count>1", "names no size");
	is_no_condition("size:x count>1", "names no size");
	is_no_condition("size:5-4 count>1", "ends before it begins");
	is_no_condition("size:1032 system>1", "chooses from what cannot be chosen from");
	is_no_condition("owner:x leaked>1", "chooses from what cannot be chosen from");
	is_no_condition("owner: bytes>1", "names no owner");
	is_no_condition("bytes count>1", "chooses by what this version does not know");

	live_snapshot(&a), live_snapshot(&b);
	chunks_deinit(&b.heap.chunks);
	for (unsigned i = 0; i < 400; i++)
		chunks_add(&b.heap.chunks, 0x10000 + i * 2048, 1032, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_seal(&b.heap.chunks);
	b.heap.sources.n = 0;
	b.heap.system_bytes = a.heap.system_bytes + 4096;
	b.memory[MEMORY_HEAP].rss = UINT64_MAX;
	diff_init(&diff);
	diff_add(&diff, "a", &a);
	diff_add(&diff, "b", &b);
	judges(&diff, "size:1032 count>99", THRESHOLD_FAILED, 100);
	judges(&diff, "size:1032 count > 100", THRESHOLD_KEPT, 100);
	judges(&diff, " size:1k-1100   count >= 100 ", THRESHOLD_FAILED, 100);
	judges(&diff, "size:1032 bytes>100k", THRESHOLD_FAILED, 103200);
	judges(&diff, "size:1032 bytes>101k", THRESHOLD_KEPT, 103200);
	judges(&diff, "size:1032 bytes>33%", THRESHOLD_FAILED, 103200);
	judges(&diff, "size:1032 bytes>34%", THRESHOLD_KEPT, 103200);
	judges(&diff, "size:88 count<-5", THRESHOLD_FAILED, -2030);
	judges(&diff, "size:88 count<=-2030", THRESHOLD_FAILED, -2030);
	judges(&diff, "size:88 count<-2030", THRESHOLD_KEPT, -2030);
	judges(&diff, "system>4095", THRESHOLD_FAILED, 4096);
	judges(&diff, "system>4k", THRESHOLD_KEPT, 4096);
	judges(&diff, "resident>0", THRESHOLD_UNKNOWN, 0);
	judges(&diff, "leaked>0", THRESHOLD_UNKNOWN, 0);
	judges(&diff, "owner:x bytes>0", THRESHOLD_UNKNOWN, 0);
	judges(&diff, "size:77 bytes>0", THRESHOLD_KEPT, 0);
	diff_deinit(&diff);
	snapshot_deinit(&a);
	snapshot_deinit(&b);
}
END_TEST

START_TEST(types_that_changed)
{
	struct snapshot a, b;
	struct diff diff;

	live_snapshot(&a), live_snapshot(&b);
	types_add(&a);
	chunks_deinit(&b.heap.chunks);
	for (unsigned i = 0; i < 400; i++)
		chunks_add(&b.heap.chunks, 0x10000 + i * 2048, 1032, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_seal(&b.heap.chunks);
	b.heap.sources.n = 0;
	types_add(&b);
	diff_init(&diff);
	diff_add(&diff, "a", &a);
	ck_assert(diff.census.has_labels);
	diff_add(&diff, "b", &b);
	judges(&diff, "type:struct req\x1b[31muest count>99", THRESHOLD_FAILED, 100);
	judges(&diff, "type:req\x1b[31muest count > 100", THRESHOLD_KEPT, 100);
	judges(&diff, "type:session count<0", THRESHOLD_FAILED, -2030);
	judges(&diff, "type:struct session bytes<-50%", THRESHOLD_FAILED, -2030 * 88);
	judges(&diff, "type:sess bytes<0", THRESHOLD_KEPT, 0);

	struct threshold slip;
	struct error *error = threshold_parse("type:sess bytes<0", &slip);

	ck_assert_ptr_null(error);
	ck_assert(threshold_is_about_nobody(&slip, &diff));
	diff_survivors(&diff, &a, &b);
	for (enum format format = FORMAT_TEXT; format <= FORMAT_JSON; format++) {
		struct writer *writer = write_in_memory((struct writer_options){ .format = format });

		writer_begin(writer, "diff");
		print_diff(writer, &diff, &(struct diff_options){ .growth = { .limit = 3, .only_changed = format == FORMAT_TEXT } });

		_cleanup_free_ char *text = written(writer);

		ck_assert_ptr_null(strchr(text, '\x1b'));
		if (format == FORMAT_TEXT) {
			ck_assert_msg(strstr(text, "1 fewer char[] (-2.00 MiB)") != NULL, "%s", text);
			ck_assert_msg(strstr(text, "\nstruct req\\x1b[31muest     400    +100") != NULL, "%s", text);
		} else {
			ck_assert_msg(strstr(text, "{\"type\": \"struct session\", \"old_count\": 2030, \"new_count\": 0, \"count_change\": -2030") != NULL, "%s", text);
		}
	}
	diff_deinit(&diff);

	// One that does not know its types, and nobody's are known.
	types_deinit(&b.types);
	diff_init(&diff);
	diff_add(&diff, "a", &a);
	diff_add(&diff, "b", &b);
	judges(&diff, "type:session count<0", THRESHOLD_UNKNOWN, 0);
	diff_deinit(&diff);
	snapshot_deinit(&a);
	snapshot_deinit(&b);
}
END_TEST

/* All of it, in every format: nothing is left out, and nothing breaks. */
START_TEST(diffs_are_printed)
{
	struct snapshot snapshots[3];
	struct diff diff;

	live_snapshot(&snapshots[0]), core_snapshot(&snapshots[1]), damaged_snapshot(&snapshots[2]);
	snapshots[0].time += 100;
	diff_init(&diff);
	for (unsigned i = 0; i < 3; i++)
		diff_add(&diff, i ? "an\x1b[31mother" : "one", &snapshots[i]);
	diff_survivors(&diff, &snapshots[0], &snapshots[2]);
	for (enum format format = FORMAT_TEXT; format <= FORMAT_CSV; format++) {
		struct writer *writer = write_in_memory(
			(struct writer_options){ .format = format });

		writer_begin(writer, "diff");
		print_diff(writer, &diff, &(struct diff_options){ .growth = { .limit = 3 } });

		_cleanup_free_ char *text = written(writer);

		ck_assert_ptr_null(strchr(text, '\x1b'));
		if (format == FORMAT_TEXT) {
			ck_assert_ptr_nonnull(strstr(text, "In use: the same, size by size.\n"));
			ck_assert_ptr_nonnull(strstr(text, "an\\x1b[31mother is NOT exact"));
			ck_assert_ptr_nonnull(strstr(text, "100 s apart, in one run as it seems"));
			ck_assert_ptr_nonnull(strstr(text, "\nThe first was taken after the last"));
		} else if (format == FORMAT_JSON) {
			ck_assert_ptr_nonnull(strstr(text, "\"relation\": \"same-addresses\""));
			ck_assert_ptr_nonnull(strstr(text, "\"made\": 0"));
		} else {
			ck_assert_ptr_nonnull(strstr(
				text, "min_size,max_size,sizes,old_count,new_count,count_change,"));
		}
	}
	diff_deinit(&diff);
	for (unsigned i = 0; i < 3; i++)
		snapshot_deinit(&snapshots[i]);
}
END_TEST

UNIT_SUITE("diff", relations, the_worst_relation_counts, survivors, conditions, types_that_changed, diffs_are_printed)
